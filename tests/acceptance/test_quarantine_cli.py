"""A person's day with what went wrong: rows in quarantine, requests nobody knows about, partners left alone."""

import json
import os
import re
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from milepost.cli import main


@pytest.fixture
def day(tmp_path, start_partner):
    """A function that makes a workspace with a partner, by its plan of faults, and the sample in its inbox."""

    def begin(plan=None, *, keys=True, more=""):
        partner = start_partner(plan)
        root = tmp_path / "w"
        assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0
        path = root / "partners" / "AA.toml"
        text = path.read_text().replace("settle_s = 2.0 ", "settle_s = 0 ").replace("request_rows = 500", more)
        text = text.replace("http://127.0.0.1:8766", partner.url).replace("timeout_s = 2.0", "timeout_s = 0.5")
        path.write_text(text if keys else text.replace("honours_keys = true", "honours_keys = false"))
        return Day(root, partner)

    return begin


class Day:
    """A workspace, and a person at its command line."""

    def __init__(self, root, partner):
        self.root, self.partner = root, partner
        self.sample = root / "var/inbox/AA/flights/sample.csv"

    def spoil(self, *pairs):
        """Break rows of the sample."""
        text = self.sample.read_text()
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new, 1)
        self.sample.write_text(text)
        os.utime(self.sample, (0, 0))

    def milepost(self, *arguments, code=0):
        """What a command says on its standard output, once it ended with the exit code."""
        done = CliRunner().invoke(main, ["-w", str(self.root), *map(str, arguments)])
        assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
        assert done.exit_code == code, done.output
        return done.stdout

    def refused(self, *arguments):
        """The one line that a command refuses with, exit code 2."""
        done = CliRunner().invoke(main, ["-w", str(self.root), *map(str, arguments)])
        assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
        assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.output
        assert done.stderr.startswith("milepost: ")
        return done.stderr

    def told(self, *arguments, code=0):
        """The same as JSON."""
        return json.loads(self.milepost(*arguments, "--json", code=code))

    def held(self):
        """The flights that the partner holds."""
        return [record["flight"] for record in self.partner.held("live", "AA")]


def broken(day):
    """A day with two bad rows: the first flight in month 13, the second of an airline that there is none of."""
    begun = day()
    lines = begun.sample.read_text().splitlines()
    begun.spoil((lines[1], lines[1].replace("2013,1,1,", "2013,13,1,")), (lines[2], lines[2].replace("AA,", "ZZ,", 1)))
    return begun, lines


def test_bad_rows_are_shown_mended_and_sent_once(day):
    """From the run to the mended row's arrival, each command says what the next one is, and nothing is sent twice."""
    begun, lines = broken(day)
    out = begun.milepost("run")
    assert "sample.csv: done; 12 rows in: 10 delivered, 2 quarantined" in out
    assert "row 1: constraint-error in month: 13 is above the maximum 12" in out
    (key,) = re.findall(r"`milepost quarantine show (\w+)` shows them", out)
    assert f"quarantine: AA/flights sample.csv ({key}): 2 row(s)" in begun.milepost("status")
    (listed,) = begun.told("quarantine", "ls")
    assert (listed["id"][:8], listed["rows"], listed["file"]) == (key, 2, "sample.csv")
    assert (
        begun.milepost("quarantine", "ls", "AA/flights") == f"{listed['id'][:12]}  AA/flights  sample.csv: 2 row(s)\n"
    )
    shown = begun.milepost("quarantine", "show", key)
    assert "AA/flights sample.csv: 2 row(s) set aside" in shown
    assert "row 1 (held): 2013,13,1," in shown
    first, second = begun.told("quarantine", "show", key)
    assert (first["row"], first["state"], first["original"]) == (1, "held", lines[1].replace("2013,1,", "2013,13,"))
    assert [(found["code"], found["field"]) for found in second["findings"]] == [("constraint-error", "carrier")]
    assert "... 1 more; --rows shows more of them" in begun.milepost("quarantine", "show", key, "--rows", "1")

    file = begun.root / "mend.txt"
    assert f"2 row(s) in {file}; mend them there" in begun.milepost("quarantine", "export", key, "--out", file)
    assert file.read_text() == begun.milepost("quarantine", "export", key)
    assert [path.name for path in begun.root.glob("mend*")] == ["mend.txt"]
    file.write_text(file.read_text().replace("2013,13,1,", "2013,1,1,"))
    answer = begun.told("quarantine", "replay", key, "--from", file, code=3)
    assert (answer["replayed"], answer["outcome"], [bad["row"] for bad in answer["still_bad"]]) == ([1], "done", [2])
    assert "'ZZ'" in answer["still_bad"][0]["notes"][0]
    assert len(begun.held()) == len(set(begun.held())) == 11
    assert "is replayed; held are 2" in begun.refused("quarantine", "replay", key, "--from", file)
    assert "1 still bad" in begun.milepost("quarantine", "replay", key, code=3)
    assert begun.milepost("quarantine", "discard", key, "--row", "2", "--why", "a test flight") == (
        "1 row(s) discarded: a test flight\n"
    )
    assert begun.milepost("quarantine", "ls") == "Nothing is in quarantine.\n"
    assert begun.told("quarantine", "ls") == []
    shown = begun.milepost("quarantine", "show", key)
    assert "row 1 (replayed)" in shown
    assert "  discarded: a test flight" in shown
    assert "row 2 of exchange" in begun.refused("quarantine", "discard", key, "--row", "2", "--why", "again")
    assert len(begun.held()) == 11
    assert "AA/flights: 1 done; 12 rows in: 11 delivered, 1 quarantined" in begun.milepost("status")


def test_replay_after_the_contract_was_mended(day):
    """Rows that a contract was too narrow for are sent as they came once it is wider, and only once."""
    begun, _ = broken(day)
    begun.milepost("run")
    (listed,) = begun.told("quarantine", "ls")
    path = begun.root / "contracts/flights.schema.json"
    contract = json.loads(path.read_text())
    for field in contract["fields"]:
        if field["name"] == "month":
            field["constraints"]["maximum"] = 13
        if field["name"] == "carrier":
            field["constraints"]["enum"].append("ZZ")
    path.write_text(json.dumps(contract))
    assert begun.milepost("quarantine", "replay", listed["id"][:6]) == "2 row(s) replayed: done; 0 still bad.\n"
    assert len(begun.held()) == len(set(begun.held())) == 12
    assert begun.milepost("quarantine", "replay", listed["id"]) == (
        "0 row(s) replayed: nothing to send; 0 still bad.\n"
    )
    assert len(begun.held()) == 12
    assert "12 rows in: 12 delivered" in begun.milepost("status")


def test_a_replay_that_finds_the_partner_down_is_sent_later(day):
    """Rows that are good now and cannot be sent go to the outbox with exit 4, and the next run sends them."""
    begun = day({"faults": {"AA/flights/sample.csv": {"again-1": {"1": "wait-seconds"}}}, "wait_s": 0})
    begun.spoil(("2013,1,1,", "2013,13,1,"))
    begun.milepost("run")
    (listed,) = begun.told("quarantine", "ls")
    file = begun.root / "mend.txt"
    begun.milepost("quarantine", "export", listed["id"], "--out", file)
    file.write_text(file.read_text().replace("2013,13,1,", "2013,1,1,"))
    path = begun.root / "partners" / "AA.toml"
    path.write_text(path.read_text().replace("[feed.flights]", "[retry]\nscale = 0.0001\n\n[feed.flights]"))
    assert "1 row(s) replayed: due; 0 still bad." in begun.milepost(
        "quarantine", "replay", listed["id"], "--from", file, code=4
    )
    assert begun.told("quarantine", "ls") == []
    assert [row["name"] for row in begun.told("outbox", "ls")] == ["again-1"]
    assert "sample.csv: done; 12 rows in: 12 delivered" in begun.milepost("run")
    assert len(begun.held()) == len(set(begun.held())) == 12
    assert begun.told("outbox", "ls") == []


def test_an_export_is_all_or_nothing(day):
    """A place that cannot be written, or a mended file that is not there, is one line, and nothing is left behind."""
    begun, _ = broken(day)
    begun.milepost("run")
    (listed,) = begun.told("quarantine", "ls")
    missing = begun.root / "no" / "mend.txt"
    assert str(missing.parent) in begun.refused("quarantine", "export", listed["id"], "--out", missing)
    assert str(missing) in begun.refused("quarantine", "replay", listed["id"], "--from", missing)
    folder = begun.root / "contracts"
    assert str(folder) in begun.refused("quarantine", "export", listed["id"], "--out", folder)
    assert str(folder) in begun.refused("quarantine", "replay", listed["id"], "--from", folder)
    assert "milepost: .: " in begun.refused("quarantine", "export", listed["id"], "--out", ".")
    assert list(begun.root.glob("*.part")) == []
    (begun.root / "other.txt").write_text("2013,1,1\n")
    assert "other.txt: not an export" in begun.refused(
        "quarantine", "replay", listed["id"], "--from", begun.root / "other.txt"
    )
    assert len(begun.held()) == 10


def test_a_file_that_is_gone_from_the_archive_is_asked_for(day):
    """A replay compares keys with the whole file; without it nothing is sent and the place to put it back is named."""
    begun, _ = broken(day)
    begun.milepost("run")
    (listed,) = begun.told("quarantine", "ls")
    file = begun.root / "var/archive/AA/flights/sample.csv"
    file.rename(begun.root / "elsewhere.csv")
    assert f"{file.parent}: the file sample.csv of exchange" in begun.refused("quarantine", "replay", listed["id"])
    (begun.root / "elsewhere.csv").rename(file)
    assert "0 row(s) replayed" in begun.milepost("quarantine", "replay", listed["id"], code=3)


def test_a_file_renamed_in_the_archive_is_found_by_its_bytes(day):
    """Whatever its name in the archive is by now, the file of an exchange is known by its bytes."""
    begun, _ = broken(day)
    begun.milepost("run")
    (listed,) = begun.told("quarantine", "ls")
    file = begun.root / "var/archive/AA/flights/sample.csv"
    file.rename(file.with_name("2013-01.txt"))
    assert "0 row(s) replayed" in begun.milepost("quarantine", "replay", listed["id"], code=3)


def test_rows_of_a_feed_that_is_gone_are_listed(day):
    """Rows stay in the list when their partner was taken out of the configuration, as they do in `status`."""
    begun, _ = broken(day)
    begun.milepost("run")
    (begun.root / "partners/AA.toml").unlink()
    (listed,) = begun.told("quarantine", "ls")
    assert (listed["partner"], listed["rows"]) == ("AA", 2)
    assert begun.told("quarantine", "ls", "AA/flights") == [listed]
    assert "unknown partner 'BB'" in begun.refused("quarantine", "ls", "BB")


def test_a_partners_bytes_cannot_steer_a_terminal(day):
    """Control characters of a row or a file name are shown as escapes; JSON and exports have them as they came."""
    begun = day()
    begun.spoil(("2013,1,1,", "20\x1b[2J\x9b13,1,1,"))
    begun.sample.rename(begun.sample.with_name("a\x1b]0;x.csv"))
    begun.milepost("run")
    (listed,) = begun.told("quarantine", "ls")
    for said in (begun.milepost("quarantine", "ls"), begun.milepost("quarantine", "show", listed["id"])):
        assert not any((ord(sign) < 32 and sign != "\n") or 127 <= ord(sign) < 160 for sign in said), said
        assert r"a\x1b]0;x.csv" in said
    assert r"row 1 (held): 20\x1b[2J\x9b13,1,1," in said
    assert begun.told("quarantine", "show", listed["id"])[0]["original"].startswith("20\x1b[2J\x9b13,1,1,")
    assert "\n20\x1b[2J\x9b13,1,1," in begun.milepost("quarantine", "export", listed["id"])


def test_a_replay_is_told_to_the_metrics(day):
    """Rows that arrive by a replay are in a run event of their own, the next attempt at their exchange."""
    begun, _ = broken(day)
    begun.milepost("run")
    (listed,) = begun.told("quarantine", "ls")
    file = begun.root / "mend.txt"
    begun.milepost("quarantine", "export", listed["id"], "--out", file)
    file.write_text(file.read_text().replace("2013,13,1,", "2013,1,1,"))
    begun.milepost("quarantine", "replay", listed["id"], "--from", file, code=3)
    spool = begun.root / "var/spool/live"
    events = [json.loads(line) for path in spool.rglob("*") if path.is_file() for line in path.read_text().splitlines()]
    ended = [event for event in events if event["outcome"] != "running"]
    assert sorted((event["rows"]["delivered"], event["rows"]["quarantined"]) for event in ended) == [(10, 2), (11, 1)]


def test_a_replay_for_a_partner_with_a_folder(day):
    """Rows mended for a partner that takes files are there as one more file when the command ends."""
    begun, _ = broken(day)
    path = begun.root / "partners/AA.toml"
    text = re.sub(r"(?m)^url = .*$", 'folder = "out"', path.read_text())
    (begun.root / "out").mkdir()
    path.write_text(re.sub(r"(?m)^(timeout_s|honours_keys) = .*$", "", text))
    begun.milepost("run")
    (listed,) = begun.told("quarantine", "ls")
    file = begun.root / "mend.txt"
    begun.milepost("quarantine", "export", listed["id"], "--out", file)
    file.write_text(file.read_text().replace("2013,13,1,", "2013,1,1,"))
    begun.milepost("quarantine", "replay", listed["id"], "--from", file, code=3)
    key = listed["id"][:8]
    sent = sorted(one.name for one in (begun.root / "out/flights").iterdir())
    assert sent == [f"sample.{key}.again-1.jsonl", f"sample.{key}.jsonl"]
    assert "12 rows in: 11 delivered, 1 quarantined" in begun.milepost("status")


def test_an_answer_lost_waits_for_a_persons_word(day):
    """An ambiguous request is listed with its reason and never sent by itself; told that it arrived, it is done."""
    begun = day({"faults": {"AA/flights/sample.csv": {"0": {"1": "answer-lost"}}}, "ignores_keys": ["AA"]}, keys=False)
    assert "12 rows in: 12 ambiguous" in begun.milepost("run", code=4)
    (listed,) = begun.told("outbox", "ls")
    assert (listed["name"], listed["rows"], listed["state"]) == ("0", 12, "ambiguous")
    assert "connection lost" in listed["note"]
    out = begun.milepost("outbox", "ls")
    assert f"{listed['id'][:12]}  AA/flights  sample.csv, request 0: 12 row(s), ambiguous" in out
    assert begun.milepost("run") == "Nothing waits in the inboxes.\n"
    assert f"ambiguous: AA/flights sample.csv ({listed['id'][:8]})" in begun.milepost("status")
    assert begun.milepost("outbox", "arrived", listed["id"][:10]) == (
        "12 row(s) of sample.csv: counted as delivered.\n"
    )
    assert "has no ambiguous request" in begun.refused("outbox", "arrived", listed["id"])
    assert "has no ambiguous, failed or due request" in begun.refused("outbox", "resend", listed["id"])
    assert begun.milepost("outbox", "ls") == "Nothing waits to be sent.\n"
    assert begun.milepost("run") == "Nothing waits in the inboxes.\n"
    assert len(begun.held()) == 12
    assert "AA/flights: 1 done; 12 rows in: 12 delivered" in begun.milepost("status")


def test_a_request_that_failed_for_good_is_sent_again_when_told(day):
    """After a refusal nothing is tried until a person says so; then the next run delivers, and only once."""
    begun = day({"faults": {"AA/flights/sample.csv": {"0": {"1": "gone"}}}})
    assert "answered 410" in begun.milepost("run", code=4)
    assert begun.milepost("run") == "Nothing waits in the inboxes.\n"
    (listed,) = begun.told("outbox", "ls")
    assert (listed["outcome"], listed["rows"]) == ("failed", 12)
    assert "request 0: 12 row(s), failed" in begun.milepost("outbox", "ls")
    assert "has no ambiguous request" in begun.refused("outbox", "arrived", listed["id"])
    assert begun.milepost("outbox", "resend", listed["id"]) == (
        "12 row(s) of sample.csv: sent again by the next `milepost run`.\n"
    )
    assert begun.held() == []
    assert "sample.csv: done; 12 rows in: 12 delivered" in begun.milepost("run")
    assert len(begun.held()) == 12
    assert "has no ambiguous, failed or due request" in begun.refused("outbox", "resend", listed["id"])


def test_a_partner_left_alone_is_seen_in_status(day):
    """When deliveries fail in a row the breaker opens; `status` says so with the time, for people and machines."""
    begun = day({"faults": {"AA/flights/sample.csv": {"0": {"1": "unavailable"}}}})
    path = begun.root / "partners" / "AA.toml"
    path.write_text(path.read_text().replace("[feed.flights]", "[retry]\nbreaker_failures = 1\n\n[feed.flights]"))
    assert "12 rows in: 12 due" in begun.milepost("run", code=4)
    out = begun.milepost("status")
    assert re.search(
        r"^breaker: AA is left alone after 1 failure\(s\) in a row, until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$",
        out,
        re.MULTILINE,
    )
    assert re.search(r"^due: AA/flights sample.csv \(\w{8}\), attempt 1: .*answered 503; due at ", out, re.MULTILINE)
    state = begun.told("status")
    assert [(row["partner"], row["state"], row["failures"]) for row in state["breakers"]] == [("AA", "open", 1)]
    assert [(row["file"], row["outcome"]) for row in state["troubles"]] == [("sample.csv", "due")]
    other = begun.sample.with_name("other.csv")
    other.write_text((begun.root / "var/archive/AA/flights/sample.csv").read_text().replace("2013,1,1,", "2013,1,2,"))
    os.utime(other, (0, 0))
    assert "nothing is sent to AA until" in begun.milepost("run", code=4)
    assert begun.held() == []


NAMED = [
    ["quarantine", "show"], ["quarantine", "export"], ["quarantine", "replay"], ["quarantine", "discard", "--why", "x"],
    ["outbox", "resend"], ["outbox", "arrived"],
]  # fmt: skip


@pytest.mark.parametrize("command", NAMED, ids=" ".join)
def test_an_exchange_must_be_named_well(day, command):
    """An unknown id, no id, and a beginning that two exchanges share are each one line that says where to look."""
    begun = day()
    text = begun.sample.read_text()
    for number in range(17):  # more than there are hexadecimal digits, so that two ids begin alike
        file = begun.sample.with_name(f"{number}.csv")
        file.write_text(text.replace("2013,1,1,", f"2013,1,{number + 2},"))
        os.utime(file, (0, 0))
    begun.milepost("run")
    ids = ledger_ids(begun.root)
    shared = next(key[0] for key in ids if sum(other.startswith(key[0]) for other in ids) > 1)
    assert "'nosuch' begins the id of no exchange; see `milepost status`" in begun.refused(*command, "nosuch")
    assert "'' begins the id of more than one exchange" in begun.refused(*command, "")
    assert "'%' begins the id of no exchange" in begun.refused(*command, "%")
    assert f"'{shared}' begins the id of more than one exchange" in begun.refused(*command, shared)


def ledger_ids(root):
    """The ids of all exchanges."""
    with closing(sqlite3.connect(root / "var/ledger.db")) as ledger:
        return [key for (key,) in ledger.execute("SELECT id FROM exchange")]


@pytest.mark.parametrize("command", NAMED, ids=" ".join)
def test_before_the_first_run_there_is_no_exchange(day, command):
    """Without a ledger every command that names an exchange says that there is none such."""
    assert "'abc' begins the id of no exchange" in day().refused(*command, "abc")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["quarantine", "ls"], "Nothing is in quarantine.\n"),
        (["quarantine", "ls", "--json"], "[]\n"),
        (["outbox", "ls"], "Nothing waits to be sent.\n"),
        (["outbox", "ls", "--json"], "[]\n"),
    ],
)
def test_before_the_first_run_nothing_is_listed(day, command, said):
    """Without a ledger there is nothing to list, which is no mistake."""
    assert day().milepost(*command) == said


@pytest.mark.parametrize("command", [["quarantine", "ls"], ["outbox", "ls"], *([*name, "abc"] for name in NAMED)])
def test_outside_of_a_workspace_every_command_says_so(tmp_path, command):
    """A folder that is no workspace is named with what makes one, in one line."""
    done = CliRunner().invoke(main, ["-w", str(tmp_path), *command])
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.output
    assert f"{tmp_path}: not a workspace (no milepost.toml); make one with `milepost init" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_list_of_an_unknown_feed_names_the_known(day):
    """`quarantine ls` for a partner or feed that is not there lists those that are."""
    begun = day()
    assert "unknown partner 'ZZ'" in begun.refused("quarantine", "ls", "ZZ")
    assert "partner 'AA' has no feed 'cargo'; its feeds: flights" in begun.refused("quarantine", "ls", "AA/cargo")


@pytest.mark.parametrize("rows", ["-1", "x"])
def test_a_number_of_rows_that_is_none_is_refused(day, rows):
    """`--rows` takes a count; what is none is told without a traceback."""
    done = CliRunner().invoke(main, ["-w", str(day().root), "quarantine", "show", "abc", "--rows", rows])
    assert (done.exit_code, done.stdout) == (2, "")
    assert isinstance(done.exception, SystemExit)
    assert "Invalid value for '--rows'" in done.stderr
