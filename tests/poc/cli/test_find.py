"""`milepost find`: where a file is, and how each exchange of it ended."""

import json
import os
from hashlib import sha256
from typing import get_args

from poc.cli.find import BY_MONOLITH
from poc.route.file_senders import SenderState


def test_a_file_is_found_in_each_place_that_it_goes_through(make_cli):
    """By name, pattern, digest and id: in the inbox, in the archive with its exchange, and refused."""
    cli = make_cli()
    digest = sha256(cli.sample.read_bytes()).hexdigest()
    assert cli.run("find", "sample.csv") == f"{cli.sample}: waits, sha256 {digest}\n"
    assert not (cli.root / "var/ledger.db").exists()
    assert cli.json("find", digest[:6])["files"] == [{"place": "inbox", "path": str(cli.sample), "sha256": digest}]
    cli.run("run")
    (key,) = cli.exchange_ids()
    archived = str(cli.root / "var/archive/AA/flights/sample.csv")
    for text in ("sample.csv", "sam*", digest[:6], digest, key[:4], key):
        (row,) = cli.json("find", text)["exchanges"]
        assert (row["id"], row["outcome"], row["rows"]["delivered"], row["requests"]) == (key, "done", 12, [])
        assert row["files"] == [{"place": "archive", "path": archived}]
    cli.sample.write_text("wrong,header\n1,2\n")
    os.utime(cli.sample, (0, 0))
    cli.run("run", code=3)
    refused, done = cli.json("find", "sample.csv")["exchanges"]
    assert (refused["outcome"], done["outcome"]) == ("refused", "done")
    assert refused["files"] == [{"place": "refused", "path": str(cli.root / "var/refused/AA/flights/sample.csv")}]
    assert "missing-label" in refused["reason"] or refused["reason"]
    assert "is neither a file in" in cli.error("find", "nothing.csv")


def test_a_copy_under_another_name_belongs_to_its_exchange(make_cli):
    """Bytes that came twice are in the archive twice, and one exchange has both."""
    cli = make_cli()
    content = cli.sample.read_bytes()
    cli.run("run")
    other = cli.sample.with_name("other.csv")
    for path in (cli.sample, other):
        path.write_bytes(content)
        os.utime(path, (0, 0))
    cli.run("run")
    (row,) = cli.json("find", "sample.csv")["exchanges"]
    assert len(row["files"]) == 2
    (row,) = cli.json("find", "other.csv")["exchanges"]
    assert str(cli.root / "var/archive/AA/flights/other.csv") in {file["path"] for file in row["files"]}


def test_what_is_still_open_of_an_exchange_is_shown(make_cli):
    """Requests that were not confirmed, and rows in quarantine, each with their state."""
    cli = make_cli({"faults": {"AA/flights/sample.csv": {"0": {"1": "gone"}}}})
    lines = cli.sample.read_text().splitlines()
    cli.edit_sample((lines[1], lines[1].replace("2013,1,1,", "2013,13,1,")))
    cli.run("run", code=4)
    (row,) = cli.json("find", "sample.csv")["exchanges"]
    ((request,), quarantine) = row["requests"], row["quarantine"]
    assert (request["count"], request["rows"]) == (1, 11)
    assert quarantine == {"held": 1}
    text = cli.run("find", "sample.csv")
    assert f"outbox: 1 request(s) with 11 row(s), {request['state']}" in text
    assert "quarantine: 1 row(s) held" in text


def test_a_file_that_only_the_monolith_sent_says_so(moved):
    """By name and digest, with its place; `status` counts such files, and each state of the command has words."""
    file = moved.add("a.csv", 1)
    digest = sha256(file.read_bytes()).hexdigest()
    moved.add("fail-b.csv", 2)
    (moved.root / "fail-fail-b.csv").touch()
    moved.run()
    for text in ("a.csv", "a.*", digest[:8]):
        found = json.loads(moved.command("find", text, "--json").stdout)
        assert (found["exchanges"], found["files"]) == ([], [])
        (row,) = found["by_monolith"]
        assert (row["partner"], row["file"], row["sha256"], row["state"]) == ("UA", "a.csv", digest, "done")
        assert row["files"] == [{"place": "archive", "path": str(moved.root / "var/archive/UA/flights/a.csv")}]
    assert "UA/flights a.csv: sent by the monolith, not by the service\n" in moved.command("find", "a.csv").stdout
    assert "UA/flights fail-b.csv: the monolith failed; " in moved.command("find", "fail-b.csv").stdout
    status = moved.command("status").stdout
    assert "UA/flights: 1 file(s) at the monolith, not the service: done\n" in status
    assert "No exchange yet" not in status
    assert set(BY_MONOLITH) == set(get_args(SenderState))
