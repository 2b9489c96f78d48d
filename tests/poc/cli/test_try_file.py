"""`milepost try`: what would become of a file, with nothing sent and nothing entered."""

import os
from hashlib import sha256


def tree(root):
    """Every path below a folder, with the content of files."""
    return {path: path.is_file() and path.read_bytes() for path in root.rglob("*")}


def test_a_trial_says_what_a_run_then_does(make_cli, tmp_path, monkeypatch):
    """Counts, reasons and row numbers, and the first request, are those of the run; before it nothing has changed."""
    monkeypatch.setenv("AA_TOKEN", "s3cret-t0ken")
    cli = make_cli()
    cli.edit_partner(
        "[feed.flights]", "[endpoint.secret_headers]\nAuthorization = 'Bearer ${env:AA_TOKEN}'\n\n[feed.flights]"
    )
    lines = cli.sample.read_text().splitlines()
    cli.edit_sample((lines[1], lines[1].replace("2013,1,1,", "2013,13,1,")))
    file = tmp_path / "elsewhere.csv"
    cli.sample.rename(file)
    before = tree(cli.root)
    trial = cli.json("try", "AA/flights", file, "--rows", 2)
    text = cli.run("try", "AA/flights", file)
    assert tree(cli.root) == before
    assert cli.delivered() == []
    file.rename(cli.sample)
    receipt = cli.json("run")
    assert trial["outcome"] == "delivered"
    assert trial["rows"] == receipt["rows"] == {**trial["rows"], "in": 12, "delivered": 11, "quarantined": 1}
    assert (trial["quarantined_rows"], trial["reasons"]) == ([1], {"constraint-error": 1})
    assert trial["findings"] == receipt["findings"]
    assert (trial["requests"], trial["bytes_out"], trial["sha256"]) == (1, receipt["bytes_out"], receipt["sha256"])
    assert [row[:10] for row in trial["first_rows"]] == ['{"flight":'] * 2
    request = trial["first_request"]
    assert (request["method"], request["url"].startswith(cli.partner.url)) == ("POST", True)
    assert request["headers"]["Authorization"] == "***"
    assert request["headers"]["Content-Length"] == str(request["size_bytes"])
    assert "Would be quarantined: row 1; the budget is 10 rows or 10% of a file" in text
    assert "Authorization: ***" in text
    assert "s3cret" not in text
    assert trial["received_before"] is None


def test_a_trial_of_a_file_that_was_received_says_so(make_cli):
    """The earlier exchange is named, and its ledger stays as it was, byte for byte, with nothing beside it."""
    cli = make_cli()
    content = cli.sample.read_bytes()
    cli.run("run")
    file = cli.root / "again.csv"
    file.write_bytes(content)
    before = tree(cli.root)
    trial = cli.json("try", "AA/flights", file)
    assert tree(cli.root) == before
    assert trial["received_before"]["exchange_id"] == cli.exchange_ids()[0]
    assert trial["received_before"]["file"] == "sample.csv"
    assert trial["sha256"] == sha256(content).hexdigest()
    assert len(trial["first_rows"]) == 3  # of a clean file, too
    assert "handed in again, nothing of it would be sent." in cli.run("try", "AA/flights", file)
    cli.sample.write_bytes(content.replace(b"2013,1,1,", b"2013,1,2,"))
    os.utime(cli.sample, (0, 0))
    key = cli.json("try", "AA/flights", cli.sample)["first_request"]["headers"]["Idempotency-Key"]
    assert key == f'"{cli.json("run")["exchange_id"]}-0"'  # the very key that is sent then


def test_a_refused_file_ends_with_code_3_and_a_mistake_with_2(make_cli, tmp_path):
    """A file that breaks its contract is named with the reason; an unknown feed or file is a mistake."""
    cli = make_cli()
    (tmp_path / "wrong.txt").write_text("wrong,header\n1,2\n")
    text = cli.run("try", "AA/flights", tmp_path / "wrong.txt", code=3)
    assert "A trial, nothing is sent: refused; 1 row in: 1 refused" in text
    assert (text.count("the header lacks"), text.count("the header has wrong")) == (1, 1)
    assert "missing-label" in text
    assert "no run would take it: the feed takes files whose names match `*.csv`" in text
    assert cli.json("try", "AA/flights", tmp_path / "wrong.txt", code=3)["outcome"] == "refused"
    assert "its feeds: flights" in cli.error("try", "AA/other", cli.sample)
    assert "name a feed of AA: AA/flights" in cli.error("try", "AA", cli.sample)
    assert "cannot be read" in cli.error("try", "AA/flights", tmp_path / "none.csv")


def test_a_trial_for_a_folder_names_the_file_and_writes_none(make_cli, tmp_path):
    """A partner with a folder gets nothing; the trial has the path and the rows with their header."""
    cli = make_cli()
    folder = tmp_path / "handover"
    folder.mkdir()
    path = cli.root / "partners" / "AA.toml"
    lines = path.read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("url", "honours_keys", "timeout_s"))]
    text = "\n".join(kept).replace("[endpoint]", f"[endpoint]\nfolder = '{folder}'")
    path.write_text(text.replace("[feed.flights]", "[feed.flights]\nout = 'csv'"))
    trial = cli.json("try", "AA/flights", cli.sample, "--rows", 1)
    assert [*folder.iterdir()] == []
    assert trial["delivered_file"].startswith(f"{folder}/flights/sample.")
    assert trial["head"].startswith("flight,")
    assert (len(trial["first_rows"]), trial["requests"], trial["first_request"]) == (1, 0, None)
