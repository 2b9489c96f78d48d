"""`milepost partner add`: the files of a new partner, by flags and by asking."""

import os
import pty
import select
import sys
import time
import tomllib

import pytest

#: Seconds that a question may take to appear.
PATIENCE_S = 60


@pytest.fixture
def shop(make_cli, tmp_path):
    """A workspace, and a sample of orders beside it."""
    cli = make_cli()
    sample = tmp_path / "orders.csv"
    sample.write_text("order;day\n1;03/04/2026\n2;05/04/2026\n")
    (cli.root / "out").mkdir()
    return cli, sample


def test_two_files_are_written_and_a_trial_takes_the_sample(shop):
    """Partner and contract are written once; then `try` says that the sample would be delivered."""
    cli, sample = shop
    text = cli.run("partner", "add", "ACME", "--from-file", sample, "--folder", "out", "--dates", "day-first")
    assert f"milepost -w {cli.root} try ACME/orders {sample}" in text
    assert (cli.root / "contracts/orders.schema.json").is_file()
    trial = cli.json("try", "ACME/orders", sample)
    assert (trial["outcome"], trial["rows"]["delivered"]) == ("delivered", 2)
    before = (cli.root / "partners/ACME.toml").read_bytes()
    assert "is there already" in cli.error("partner", "add", "ACME", "--from-file", sample, "--folder", "out")
    assert (cli.root / "partners/ACME.toml").read_bytes() == before
    cli.run("partner", "add", "BETA", "--from-file", sample, "--folder", "out")  # a contract of its own
    assert 'contract = "BETA-orders.schema.json"' in (cli.root / "partners/BETA.toml").read_text()


def test_nothing_is_written_where_a_setting_is_wrong(shop):
    """A mistake in a setting, a missing folder and a missing flag leave the workspace as it was."""
    cli, sample = shop
    before = sorted(cli.root.rglob("*"))
    add = ("partner", "add", "ACME", "--from-file", sample)
    assert "either --url or --folder" in cli.error(*add)
    assert "no such folder; create it first" in cli.error(*add, "--folder", "none")
    assert "nothing was written" in cli.error(*add, "--folder", "out", "--set", "feed.budget=many")
    assert "give a sample by --from-file" in cli.error("partner", "add", "ACME", "--folder", "out")
    assert sorted(cli.root.rglob("*")) == before


def test_a_setting_of_a_nested_table_has_dots_in_its_key(shop):
    """OAuth2 and a signature are set by flags, in tables of the endpoint."""
    cli, sample = shop
    oauth2 = {"token_url": "https://acme.example/token", "client_id": "shop", "client_secret": "${env:ACME_SECRET}"}
    pairs = [f"endpoint.oauth2.{key}={value}" for key, value in oauth2.items()]
    pairs.append('endpoint.sign.keys=["${file:secrets/acme}"]')
    add = ("partner", "add", "ACME", "--from-file", sample, "--url", "https://acme.example/in")
    cli.run(*add, *(flag for pair in pairs for flag in ("--set", pair)), code=3)  # the secrets are not there yet
    endpoint = tomllib.loads((cli.root / "partners/ACME.toml").read_text())["endpoint"]
    assert (endpoint["oauth2"], endpoint["sign"]) == (oauth2, {"keys": ["${file:secrets/acme}"]})
    both = ("--set", "endpoint.oauth2=1", "--set", "endpoint.oauth2.client_id=shop")
    assert "makes 'oauth2' a value, not a table" in cli.error("partner", "add", "B", *add[3:], *both)


def test_what_a_place_needs_is_named_after_the_files_are_written(shop):
    """A pick-up by SFTP gets references to its key and known hosts; that they are missing ends with code 3."""
    cli, sample = shop
    add = ("partner", "add", "ACME", "--from-file", sample, "--folder", "out", "--pickup", "sftp://files.example/out")
    values = cli.json(*add, "--set", "pickup.user=shop", "--receipts", "--intake", code=3)
    missing = " ".join(values["problems"])
    for name in ("ACME.known_hosts", "ACME.key", "ACME.receipts"):
        assert f"secrets/{name}: " in missing
    text = (cli.root / "partners/ACME.toml").read_text()
    assert '[receipts]\nkeys = ["${file:secrets/ACME.receipts}"]\n\n[intake]\n\n[feed.orders]' in text
    assert 'url = "sftp://files.example/out", user = "shop", key = "${file:secrets/ACME.key}"' in text


def test_on_a_terminal_what_is_not_given_is_asked(shop):
    """Name, sample, destination and the order of dates are asked; the files are those of the answers."""
    cli, sample = shop
    answers = {
        "name for people": "Acme Ltd.", "A sample": str(sample), "takes deliveries": "out", "are fetched": "",
        "Dates (": "month-first", "Write ": "y",
    }  # fmt: skip
    assert answer_questions(["-w", str(cli.root), "partner", "add", "ACME"], answers) == 0
    assert 'name = "Acme Ltd."' in (cli.root / "partners/ACME.toml").read_text()
    assert '"format": "%m/%d/%Y"' in (cli.root / "contracts/orders.schema.json").read_text()


def answer_questions(arguments, answers):
    """The exit code of the command on a terminal, whose questions are answered one after the other."""
    process, terminal = pty.fork()
    if process == 0:
        os.execv(sys.executable, [sys.executable, "-m", "milepost", *arguments])
    shown = b""
    try:
        for question, answer in answers.items():
            end = time.monotonic() + PATIENCE_S
            while question.encode() not in shown:
                ready, _, _ = select.select([terminal], [], [], max(end - time.monotonic(), 0))
                assert ready, shown
                shown += os.read(terminal, 4096)
            shown = shown.partition(question.encode())[2]
            os.write(terminal, f"{answer}\n".encode())
        while select.select([terminal], [], [], PATIENCE_S)[0]:
            try:
                if not os.read(terminal, 4096):
                    break
            except OSError:  # the command has ended
                break
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    finally:
        os.close(terminal)
