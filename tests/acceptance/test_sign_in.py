"""A partner that wants OAuth2 and signatures, by the command line: nothing is ambiguous, and no secret is kept."""

import json
import os

import pytest
from click.testing import CliRunner
from standardwebhooks import Webhook

from milepost.cli import main
from poc.config.scaffold import AIRLINES, create_workspace

CLIENT_SECRET, KEY = "c1ient-s3cr3t-41x", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

ENDPOINT = """\
[endpoint]
url = "{url}/in"
timeout_s = 60
honours_keys = false

[endpoint.sign]
keys = ["${{file:signing}}"]

[endpoint.oauth2]
token_url = "{url}/token"
client_id = "us"
client_secret = "${{file:client}}"
auth = "post"

[retry]
breaker_failures = 1

"""


@pytest.fixture
def workspace(tmp_path, token_server, good_csv):
    """A workspace with a file for a partner whose requests are never repeated on a doubt."""
    root = tmp_path / "w"
    create_workspace(root, "test", "live", {"AA": AIRLINES["AA"]}, "")
    path = root / "partners/AA.toml"
    head, _, tail = path.read_text().partition("[endpoint]\n")
    feed = tail[tail.index("[feed.flights]") :].replace("settle_s = 2.0 ", "settle_s = 0 ")
    path.write_text(head + ENDPOINT.format(url=token_server.url) + feed)
    (root / "client").write_text(f"{CLIENT_SECRET}\n")
    (root / "signing").write_text(KEY)
    os.utime(good_csv(root / "var/inbox/AA/flights/day.csv", 3), (0, 0))
    return root


def run(root, *arguments):
    """The exit code of a command, and all it said."""
    done = CliRunner().invoke(main, ["-w", str(root), *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return done.exit_code, done.output


def test_no_token_holds_rows_back_and_a_refused_client_pauses_the_partner(workspace, token_server):
    """Rows are due, never ambiguous, although this partner honours no keys; after a release all are delivered once."""
    token_server.answers = [(503, b"down")]
    code, output = run(workspace, "run")
    assert (code, token_server.taken) == (4, [])
    assert "3 due" in output
    state = json.loads(run(workspace, "status", "--json")[1])
    assert [(each["partner"], each["state"]) for each in state["breakers"]] == [("AA", "open")]
    assert "no access token for AA: answered 503" in json.dumps(state["troubles"])
    assert [each["state"] for each in json.loads(run(workspace, "outbox", "ls", "--json")[1])] == ["reserved"]

    token_server.answers = [(401, b'{"error": "invalid_client"}')]
    run(workspace, "partner", "release", "AA")
    code, output = run(workspace, "run")
    assert "no access token for AA: answered 401: invalid_client; correct client_id, client_secret or auth" in output
    assert "`milepost partner release AA`" in output

    assert run(workspace, "partner", "release", "AA")[0] == 0
    assert "3 delivered" in run(workspace, "run")[1]
    ((headers, body),) = token_server.taken
    assert body.count(b"\n") == 3
    Webhook(KEY).verify(body, headers, json_parse=False)
    kept = b"".join(path.read_bytes() for path in (workspace / "var").rglob("*") if path.is_file())
    for secret in (CLIENT_SECRET, KEY.removeprefix("whsec_"), headers["Authorization"].removeprefix("Bearer ")):
        assert secret.encode() not in kept


def test_validate_online_fetches_a_token(workspace, token_server):
    """It says what the token server answered; with a token, the partner's address is tried."""
    token_server.answers = [(400, b'{"error": "invalid_scope"}')]
    code, output = run(workspace, "validate", "--online")
    assert code == 2
    assert "no access token for AA: answered 400: invalid_scope; correct scope under `[endpoint.oauth2]`" in output
    assert CLIENT_SECRET not in output
    assert "/in/flights: answers, with 204 to OPTIONS" in run(workspace, "validate", "--online")[1]
