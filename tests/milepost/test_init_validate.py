"""`milepost validate`: all problems at once, and the places that a workspace names."""

import json

import pytest
from click.testing import CliRunner

from milepost.cli import main


@pytest.fixture
def workspace(tmp_path):
    """A new workspace."""
    root = tmp_path / "w"
    assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0
    return root


def problems(root, *options, code=2):
    """The problems that `validate` prints as JSON."""
    done = CliRunner().invoke(main, ["-w", str(root), "validate", "--json", *options])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)["problems"]


def edit(path, *pairs):
    """Replace texts in a file, each once."""
    text = path.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)


HEADERS = """
[endpoint.headers]
X-Zero = '${env:NOT_SET_0}'

[endpoint.secret_headers]
X-One = '${env:NOT_SET_1}'
X-Two = '${file:none.txt}'

[feed.flights]"""


def test_all_problems_of_all_files_are_named_at_once(workspace):
    """Several mistakes in each file: keys, fields of the map and of the contract, secrets, files and milestones."""
    partner, contract = workspace / "partners/AA.toml", workspace / "contracts/flights.schema.json"
    edit(
        partner,
        ('from = "tailnum"', 'from = "tailnumm"'),
        ('from = "origin"', 'from = "orgin"'),
        (
            "[feed.flights]",
            HEADERS,
        ),
    )
    first, *found = problems(workspace)
    assert len(found) == 4
    assert "endpoint.headers.X-Zero: the environment variable NOT_SET_0 is not set" in first
    assert "endpoint.secret_headers.X-One: the environment variable NOT_SET_1 is not set" in found[0]
    assert "endpoint.secret_headers.X-Two: " in found[1]
    assert "none.txt: no such file" in found[1]
    assert "feed.flights: map to 'tail': unknown field 'tailnumm'" in found[2]
    assert "feed.flights: map to 'from': unknown field 'orgin'" in found[3]
    data = json.loads(contract.read_text())
    data["fields"][0]["constraints"] = {"patern": "x"}
    data["fields"][1]["typo"] = 1
    contract.write_text(json.dumps(data))
    edit(partner, ("settle_s", "settel_s"), ("request_rows = 500", "request_rows = 0"))
    edit(workspace / "milestones.toml", ("busy_time_saved", "busy_time_save"))
    found = problems(workspace)
    for text in ("`feed.flights.settel_s`", "`feed.flights.request_rows` (is 0)", "patern", "typo", "busy_time_save'"):
        assert sum(text in problem for problem in found) == 1, (text, found)


def test_mistakes_in_dispositions_are_problems(workspace):
    """A decision about differences that would explain nothing is found before a gate asks for it."""
    (workspace / "parity").mkdir()
    table = '[[disposition]]\ncause = "case"\ndecision = "fix-here"\nreason = "known"\nowner = " "\n'
    (workspace / "parity" / "AA.toml").write_text(f"schema = 1\n{table}{table.replace('case', 'cases')}")
    found = problems(workspace)
    for text in ("parity/AA.toml: `disposition.0.owner` (is ' '): is blank", "unknown cause 'cases'"):
        assert sum(text in problem for problem in found) == 1, (text, found)


def test_a_folder_that_is_not_there_is_a_problem_and_one_that_is_read_only_is_found_online(workspace, tmp_path):
    """Offline, the folder has to exist; online, a hidden file is written into it and removed."""
    path = workspace / "partners/AA.toml"
    kept = [line for line in path.read_text().splitlines() if not line.startswith(("url", "honours_keys", "timeout_s"))]
    path.write_text("\n".join(kept).replace("[endpoint]", f"[endpoint]\nfolder = '{tmp_path / 'handover'}'"))
    (found,) = problems(workspace)
    assert f"endpoint.folder: {tmp_path / 'handover'}: no such folder" in found
    (tmp_path / "handover").mkdir()
    assert problems(workspace, "--online", code=0) == []
    assert list((tmp_path / "handover").iterdir()) == []
    (tmp_path / "handover").rmdir()
    (tmp_path / "handover").write_text("a file")
    assert any("cannot be written: Not a directory" in problem for problem in problems(workspace, "--online"))


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", ""),
        (b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n", ""),
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "turns us away with 401; see `secret_headers`"),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "answers 503"),
        (b"SMTP ready\r\n", "is not HTTP/1.1"),
    ],
)
def test_an_address_is_tried_without_sending_data(workspace, scripted, answer, problem):
    """Any answer but one that turns us away shows that somebody listens there; OPTIONS carries no row and no key."""
    server = scripted([scripted.READ, answer])
    edit(workspace / "partners/AA.toml", ("http://127.0.0.1:8766", server.url))
    found = problems(workspace, "--online", code=2 if problem else 0)
    assert (len(found), problem in "".join(found)) == (bool(problem), True)
    (request,) = server.requests
    assert request.startswith(b"OPTIONS /")
    assert b"\r\nContent-Length: 0\r\n" in request
    assert b"Idempotency-Key" not in request


def test_an_address_where_nobody_listens_is_a_problem_online_only(workspace):
    """Offline nothing is connected to."""
    edit(workspace / "partners/AA.toml", ("http://127.0.0.1:8766", "http://127.0.0.1:9"))
    assert problems(workspace, code=0) == []
    (found,) = problems(workspace, "--online")
    assert found == "AA/flights: http://127.0.0.1:9/live/AA/flights: no connection: Connection refused"
