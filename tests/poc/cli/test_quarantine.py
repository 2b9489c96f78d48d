"""`milepost quarantine`: list, show, export, replay and discard quarantined rows."""

import json
import os
import re

import pytest
from click.testing import CliRunner

from milepost.cli import main

BY_EXCHANGE = [
    ["quarantine", "show"], ["quarantine", "export"], ["quarantine", "replay"], ["quarantine", "discard", "--why", "x"],
]  # fmt: skip


def export_and_correct(cli):
    """Export the rejected rows, correct the month of row 1, and return the exchange's id and the file."""
    (listed,) = cli.json("quarantine", "ls")
    file = cli.root / "edited.txt"
    cli.run("quarantine", "export", listed["id"], "--out", file)
    file.write_text(file.read_text().replace("2013,13,1,", "2013,1,1,"))
    return listed["id"], file


def test_rejected_rows_are_edited_and_sent_once(with_rejected):
    """A corrected row is sent, the other stays with its finding, and a replayed or discarded row is not sent again."""
    cli, lines = with_rejected
    (listed,) = cli.json("quarantine", "ls")
    key, file = export_and_correct(cli)
    assert (key, listed["rows"], listed["file"]) == (listed["id"], 2, "sample.csv")
    assert cli.json("quarantine", "ls", "AA/flights") == [listed]
    first, second = cli.json("quarantine", "show", key)
    assert (first["row"], first["state"], first["original"]) == (1, "held", lines[1].replace("2013,1,", "2013,13,"))
    assert [(finding["code"], finding["field"]) for finding in second["findings"]] == [("constraint-error", "carrier")]

    answer = cli.json("quarantine", "replay", key, "--from", file, code=3)
    assert (answer["replayed"], answer["outcome"], [bad["row"] for bad in answer["still_bad"]]) == ([1], "done", [2])
    assert "'ZZ'" in answer["still_bad"][0]["notes"][0]
    assert len(cli.delivered()) == len(set(cli.delivered())) == 11
    assert "is replayed; held are 2" in cli.error("quarantine", "replay", key, "--from", file)
    cli.run("quarantine", "replay", key, code=3)
    cli.run("quarantine", "discard", key, "--row", "2", "--why", "a test flight")
    assert cli.json("quarantine", "ls") == []
    assert [row["state"] for row in cli.json("quarantine", "show", key)] == ["replayed", "discarded"]
    assert "row 2 of exchange" in cli.error("quarantine", "discard", key, "--row", "2", "--why", "again")
    assert len(cli.delivered()) == 11
    assert "AA/flights: 1 done; 12 rows in: 11 delivered, 1 quarantined" in cli.run("status")


def test_rows_are_shown_and_edited_in_the_encoding_of_their_feed(make_cli):
    """A name is readable, and an export that was saved as UTF-8 is sent as the feed's encoding means it."""
    cli = make_cli()
    cli.edit_partner('format = "csv"', 'format = "csv"\ndialect = { encoding = "cp1252" }')
    path = cli.root / "contracts" / "flights.schema.json"
    contract = json.loads(path.read_text())
    contract["fields"] = [
        {**field, "constraints": {}} if field["name"] == "tailnum" else field for field in contract["fields"]
    ]
    path.write_text(json.dumps(contract))
    text = cli.sample.read_text().replace(",N619AA,", ",N619é,").replace("2013,1,", "2013,13,", 1)
    cli.sample.write_text(text, encoding="cp1252")
    os.utime(cli.sample, (0, 0))
    cli.run("run")
    (listed,) = cli.json("quarantine", "ls")
    shown = cli.run("quarantine", "show", listed["id"])
    assert "N619é" in shown
    file = cli.root / "edited.txt"
    cli.run("quarantine", "export", listed["id"], "--out", file)
    file.write_text(file.read_text("cp1252").replace("2013,13,", "2013,1,"), encoding="utf-8")
    assert cli.json("quarantine", "replay", listed["id"], "--from", file)["replayed"] == [1]
    assert "N619é" in [record["tail"] for record in cli.partner.held("live", "AA")]


def test_each_command_prints_what_it_did(with_rejected):
    """The texts of all commands, from the list to the last row."""
    cli, _ = with_rejected
    (listed,) = cli.json("quarantine", "ls")
    key = listed["id"]
    assert f"quarantine: AA/flights sample.csv ({key[:8]}): 2 row(s)" in cli.run("status")
    assert cli.run("quarantine", "ls") == f"{key[:12]}  AA/flights  sample.csv: 2 row(s)\n"
    shown = cli.run("quarantine", "show", key, "--rows", "1").splitlines()
    assert shown[0] == "AA/flights sample.csv: 2 quarantined row(s)"
    assert shown[1].startswith("row 1 (held): 2013,13,1,")
    assert shown[2:] == [
        "  constraint-error in month: 13 is above the maximum 12", "... 1 more; --rows sets how many are shown",
    ]  # fmt: skip
    file = cli.root / "edited.txt"
    assert cli.run("quarantine", "export", key, "--out", file) == (
        f"2 row(s) in {file}; edit them, then: milepost quarantine replay {key} --from {file}\n"
    )
    assert file.read_text() == cli.run("quarantine", "export", key)
    assert [path.name for path in cli.root.glob("edited*")] == ["edited.txt"]
    replayed, *rejected = cli.run("quarantine", "replay", key, code=3).splitlines()
    assert replayed == "0 row(s) replayed: nothing to send; 2 still rejected."
    assert rejected[0] == "  row 1: constraint-error in month: 13 is above the maximum 12"
    assert cli.run("quarantine", "discard", key, "--why", "a test flight") == "2 row(s) discarded: a test flight\n"
    assert "\n  discarded: a test flight\n" in cli.run("quarantine", "show", key)
    assert cli.run("quarantine", "ls") == "No row is in quarantine.\n"


def test_replay_after_a_change_of_the_contract(with_rejected):
    """Rows that a contract was too narrow for are sent as they came once it is wider, and only once."""
    cli, _ = with_rejected
    (listed,) = cli.json("quarantine", "ls")
    path = cli.root / "contracts/flights.schema.json"
    contract = json.loads(path.read_text())
    for field in contract["fields"]:
        if field["name"] == "month":
            field["constraints"]["maximum"] = 13
        if field["name"] == "carrier":
            field["constraints"]["enum"].append("ZZ")
    path.write_text(json.dumps(contract))
    answer = cli.json("quarantine", "replay", listed["id"][:6])
    assert (answer["replayed"], answer["outcome"], answer["still_bad"]) == ([1, 2], "done", [])
    assert len(cli.delivered()) == len(set(cli.delivered())) == 12
    answer = cli.json("quarantine", "replay", listed["id"])
    assert (answer["replayed"], answer["outcome"]) == ([], "nothing to send")
    assert len(cli.delivered()) == 12
    assert "12 rows in: 12 delivered" in cli.run("status")


def test_a_replay_while_the_partner_is_down_is_sent_later(make_cli):
    """Rows that are valid and cannot be sent go to the outbox with exit code 4, and the next run sends them."""
    cli = make_cli({"faults": {"AA/flights/sample.csv": {"again-1": {"1": "wait-seconds"}}}, "wait_s": 0})
    cli.edit_sample(("2013,1,1,", "2013,13,1,"))
    cli.run("run")
    key, file = export_and_correct(cli)
    cli.edit_partner("[feed.flights]", "[retry]\nscale = 0.0001\n\n[feed.flights]")
    answer = cli.json("quarantine", "replay", key, "--from", file, code=4)
    assert (answer["replayed"], answer["outcome"], answer["still_bad"]) == ([1], "due", [])
    assert cli.json("quarantine", "ls") == []
    assert [row["name"] for row in cli.json("outbox", "ls")] == ["again-1"]
    assert "sample.csv: done; 12 rows in: 12 delivered" in cli.run("run")
    assert len(cli.delivered()) == len(set(cli.delivered())) == 12
    assert cli.json("outbox", "ls") == []


def test_an_export_is_written_whole_or_not_at_all(with_rejected):
    """A path that cannot be written or read is reported in one line, and no part of a file is left."""
    cli, _ = with_rejected
    (listed,) = cli.json("quarantine", "ls")
    missing = cli.root / "no" / "edited.txt"
    assert str(missing.parent) in cli.error("quarantine", "export", listed["id"], "--out", missing)
    assert str(missing) in cli.error("quarantine", "replay", listed["id"], "--from", missing)
    folder = cli.root / "contracts"
    assert str(folder) in cli.error("quarantine", "export", listed["id"], "--out", folder)
    assert str(folder) in cli.error("quarantine", "replay", listed["id"], "--from", folder)
    assert "milepost: .: " in cli.error("quarantine", "export", listed["id"], "--out", ".")
    assert list(cli.root.glob("*.part")) == []
    (cli.root / "other.txt").write_text("2013,1,1\n")
    assert "other.txt: not an export" in cli.error(
        "quarantine", "replay", listed["id"], "--from", cli.root / "other.txt"
    )
    assert len(cli.delivered()) == 10


def test_the_archived_file_is_found_by_its_bytes(with_rejected):
    """A replay needs the archived file under any name; without it, it sends nothing and names the folder."""
    cli, _ = with_rejected
    (listed,) = cli.json("quarantine", "ls")
    file = cli.root / "var/archive/AA/flights/sample.csv"
    file.rename(cli.root / "elsewhere.csv")
    assert f"{file.parent}: the file sample.csv of exchange" in cli.error("quarantine", "replay", listed["id"])
    (cli.root / "elsewhere.csv").rename(file.with_name("2013-01.txt"))
    assert cli.json("quarantine", "replay", listed["id"], code=3)["replayed"] == []


def test_rows_of_a_removed_feed_are_listed(with_rejected):
    """Rows stay in the list when their partner is no longer configured; an unknown feed without rows is an error."""
    cli, _ = with_rejected
    assert "partner 'AA' has no feed 'cargo'; its feeds: flights" in cli.error("quarantine", "ls", "AA/cargo")
    (cli.root / "partners/AA.toml").unlink()
    (listed,) = cli.json("quarantine", "ls")
    assert (listed["partner"], listed["rows"]) == ("AA", 2)
    assert cli.json("quarantine", "ls", "AA/flights") == [listed]
    assert "unknown partner 'BB'" in cli.error("quarantine", "ls", "BB")


def test_control_characters_are_escaped_on_a_terminal(make_cli):
    """Control characters of a row or a file name are printed as escapes; JSON and exports have them as they came."""
    cli = make_cli()
    cli.edit_sample(("2013,1,1,", "20\x1b[2J\x9b13,1,1,"))
    cli.sample.rename(cli.sample.with_name("a\x1b]0;x.csv"))
    cli.run("run")
    (listed,) = cli.json("quarantine", "ls")
    for output in (cli.run("quarantine", "ls"), cli.run("quarantine", "show", listed["id"])):
        assert not any((ord(char) < 32 and char != "\n") or 127 <= ord(char) < 160 for char in output), output
        assert r"a\x1b]0;x.csv" in output
    assert r"row 1 (held): 20\x1b[2J\x9b13,1,1," in output
    assert cli.json("quarantine", "show", listed["id"])[0]["original"].startswith("20\x1b[2J\x9b13,1,1,")
    assert "\n20\x1b[2J\x9b13,1,1," in cli.run("quarantine", "export", listed["id"])


def test_a_replay_is_recorded_as_a_run(with_rejected):
    """A replay's delivery is a run event of its own, the next attempt at its exchange."""
    cli, _ = with_rejected
    key, file = export_and_correct(cli)
    cli.run("quarantine", "replay", key, "--from", file, code=3)
    spool = cli.root / "var/spool/live"
    events = [json.loads(line) for path in spool.rglob("*") if path.is_file() for line in path.read_text().splitlines()]
    ended = [event for event in events if event["outcome"] != "running"]
    assert sorted((event["rows"]["delivered"], event["rows"]["quarantined"]) for event in ended) == [(10, 2), (11, 1)]


def test_a_replay_into_a_folder_is_delivered_at_once(make_cli):
    """Rows replayed for a partner with a folder are there as one more file when the command ends."""
    cli = make_cli()
    cli.edit_sample(("2013,1,1,", "2013,13,1,"), ("AA,", "ZZ,"))
    path = cli.root / "partners/AA.toml"
    text = re.sub(r"(?m)^url = .*$", 'folder = "out"', path.read_text())
    (cli.root / "out").mkdir()
    path.write_text(re.sub(r"(?m)^(timeout_s|honours_keys) = .*$", "", text))
    cli.run("run")
    key, file = export_and_correct(cli)
    file.write_text(file.read_text().replace("ZZ,", "AA,"))
    cli.run("quarantine", "replay", key, "--from", file)
    delivered = sorted(path.name for path in (cli.root / "out/flights").iterdir())
    assert delivered == [f"sample.{key[:8]}.again-1.jsonl", f"sample.{key[:8]}.jsonl"]
    assert "12 rows in: 12 delivered" in cli.run("status")


def test_before_the_first_run_quarantine_is_empty(make_cli):
    """Without a ledger nothing is listed, which is no error, and no exchange can be named."""
    cli = make_cli()
    assert cli.run("quarantine", "ls") == "No row is in quarantine.\n"
    assert cli.run("quarantine", "ls", "--json") == "[]\n"
    for command in BY_EXCHANGE:
        assert "'abc' begins the id of no exchange" in cli.error(*command, "abc")


@pytest.mark.parametrize("rows", ["-1", "x"])
def test_an_invalid_number_of_rows_is_an_error(make_cli, rows):
    """`--rows` takes a positive number; anything else is an error without a traceback."""
    done = CliRunner().invoke(main, ["-w", str(make_cli().root), "quarantine", "show", "abc", "--rows", rows])
    assert (done.exit_code, done.stdout) == (2, "")
    assert isinstance(done.exception, SystemExit)
    assert "Invalid value for '--rows'" in done.stderr


def test_what_was_written_and_given_up_is_printed_as_json_and_once(with_rejected):
    """An export names its file and rows, a discard its rows; a second discard has nothing to give up, and says so."""
    cli, _ = with_rejected
    (key,) = cli.exchange_ids()
    out = cli.root / "edited.txt"
    written = cli.json("quarantine", "export", key, "--out", out)
    assert written == {"exchange_id": key, "file": "sample.csv", "rows": 2, "out": str(out)}
    given_up = cli.json("quarantine", "discard", key, "--why", "x")
    assert given_up == {"exchange_id": key, "file": "sample.csv", "discarded": [1, 2], "why": "x"}
    assert "has no held row: there is nothing to discard" in cli.error("quarantine", "discard", key, "--why", "x")
