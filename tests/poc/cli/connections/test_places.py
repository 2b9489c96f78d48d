"""`milepost places check`: what is wrong with a place, and what would be right."""

import json

import pytest
from click.testing import CliRunner

from milepost.cli import main

PARTNER = """
schema = 1
id = "AA"
name = "A partner"

[endpoint]
url = "{url}"
user = "{user}"
key = "{key}"
known_hosts = "{known_hosts}"

[feed.flights]
contract = "flights.schema.json"
map = [{{ to = "flight", from = "flight" }}]

[feed.flights.pickup]
url = "var/none"
"""


@pytest.fixture
def check(tmp_path, sftp):
    """A function that checks the places of the partner AA, whose file has these texts replaced."""
    root = tmp_path / "workspace"
    assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0
    for path in (root / "partners").iterdir():
        path.unlink()

    def run(*replaced, command=("places", "check", "AA")):
        text = PARTNER.format(url=sftp.url, **sftp.access)
        for old, new in replaced:
            text = text.replace(old, new)
        (root / "partners" / "AA.toml").write_text(text)
        result = CliRunner().invoke(main, ["--workspace", str(root), *command, "--json"])
        value = json.loads(result.stdout)
        return result.exit_code, value if isinstance(value, dict) else {row["direction"]: row for row in value}

    return run


def test_a_place_is_tried_by_a_probe_that_is_removed(check, sftp):
    """The delivery works and leaves nothing; the folder to pick up from is missing, and may come back."""
    code, rows = check()
    assert rows["delivery"]["steps"] == ["writes a probe", "reads it back", "removes it", "lists 0 files"]
    assert (rows["delivery"]["code"], list((sftp.files / "flights").iterdir())) == ("", [])
    assert (code, rows["pickup"]["code"]) == (75, "folder")
    assert "create the folder" in rows["pickup"]["text"]


@pytest.mark.parametrize(
    ("replaced", "code", "advice"),
    [
        (("sftp://127.0.0.1:", "sftp://127.0.0.2:"), "connection", "check the port"),
        (('known_hosts = "', 'known_hosts = "/none'), "host-key", "write it by `ssh-keyscan"),
        (('user = "', 'user = "no-'), "sign-in", "check `user`"),
        (("sftp://127.0.0.1", "sftp://no.such.host.invalid"), "host", "the name of the host is unknown"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(check, replaced, code, advice):
    """Each fault has its code, and a message with the next step."""
    row = check(replaced)[1]["delivery"]
    assert row["code"] == code
    assert advice in row["text"]


def test_the_validation_tries_a_place_as_a_destination(check, sftp):
    """`milepost validate --online` writes to the place, and says why it cannot."""
    assert check(command=("validate", "--online"))[1]["places"][0]["text"] == "can be written"
    (place,) = check(("sftp://127.0.0.1:", "sftp://127.0.0.2:"), command=("validate", "--online"))[1]["places"]
    assert (place["is_problem"], "check the port" in place["text"]) == (True, True)
