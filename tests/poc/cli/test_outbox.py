"""`milepost outbox`: list unconfirmed requests, and settle them as a person decides."""

from contextlib import closing

import pytest
from click.testing import CliRunner

from metrics.collector.collect import collect
from metrics.store.database import open_store
from milepost.cli import main

LOST = {"faults": {"AA/flights/sample.csv": {"0": {"1": "answer-lost"}}}, "ignores_keys": ["AA"]}

BY_EXCHANGE = [["outbox", "resend"], ["outbox", "arrived"], ["outbox", "discard", "--why", "x"]]


def test_an_ambiguous_request_waits_for_a_decision(make_cli):
    """A request whose answer was lost is listed with its reason and not sent again; marked as arrived, it is done."""
    cli = make_cli(
        {"faults": {"AA/flights/sample.csv": {"0": {"1": "answer-lost"}}}, "ignores_keys": ["AA"]}, keys=False
    )
    assert "12 rows in: 12 ambiguous" in cli.run("run", code=4)
    (listed,) = cli.json("outbox", "ls")
    key = listed["id"]
    assert (listed["name"], listed["rows"], listed["state"]) == ("0", 12, "ambiguous")
    assert "connection lost" in listed["note"]
    lines = cli.run("outbox", "ls").splitlines()
    assert lines[0] == f"{key[:12]}  AA/flights  sample.csv, request 0: 12 row(s), ambiguous"
    assert lines[1].startswith("  ")
    assert cli.run("run") == "No file waits in the inboxes.\n"
    assert f"ambiguous: AA/flights sample.csv ({key[:8]})" in cli.run("status")
    assert cli.run("outbox", "arrived", key[:10]) == "12 row(s) of sample.csv: counted as delivered.\n"
    assert "has no ambiguous request" in cli.error("outbox", "arrived", key)
    assert "has no ambiguous, failed or due request" in cli.error("outbox", "resend", key)
    assert cli.run("outbox", "ls") == "No request is waiting to be sent.\n"
    assert cli.run("run") == "No file waits in the inboxes.\n"
    assert len(cli.delivered()) == 12
    assert "AA/flights: 1 done; 12 rows in: 12 delivered" in cli.run("status")


def test_a_failed_request_is_sent_again_on_demand(make_cli):
    """After a permanent failure nothing is sent until a person asks for it; then the next run delivers once."""
    cli = make_cli({"faults": {"AA/flights/sample.csv": {"0": {"1": "gone"}}}})
    assert "answered 410" in cli.run("run", code=4)
    cli.run("run")
    (listed,) = cli.json("outbox", "ls")
    assert (listed["outcome"], listed["rows"]) == ("failed", 12)
    assert "request 0: 12 row(s), failed" in cli.run("outbox", "ls")
    assert "has no ambiguous request" in cli.error("outbox", "arrived", listed["id"])
    assert cli.run("outbox", "resend", listed["id"]) == (
        "12 row(s) of sample.csv: the next `milepost run` sends them again.\n"
    )
    assert cli.delivered() == []
    assert "sample.csv: done; 12 rows in: 12 delivered" in cli.run("run")
    assert len(cli.delivered()) == 12
    assert "has no ambiguous, failed or due request" in cli.error("outbox", "resend", listed["id"])


def test_a_discarded_exchange_is_never_sent(make_cli):
    """An exchange that a person gives up counts as failed with the reason, and no run sends it."""
    cli = make_cli({"faults": {"AA/flights/sample.csv": {"0": {"1": "gone"}}}})
    cli.run("run", code=4)
    (key,) = cli.exchange_ids()
    assert cli.run("outbox", "discard", key, "--why", "too late") == "12 row(s) of sample.csv given up: too late\n"
    assert cli.json("outbox", "ls") == []
    cli.run("run")
    assert cli.delivered() == []
    assert cli.json("status")["troubles"] == []  # it needs nobody any more
    assert "1 given up; 12 rows in: 12 failed" in cli.run("status")
    assert "given up: too late" in cli.run("find", key)
    assert "there is nothing to give up" in cli.error("outbox", "discard", key, "--why", "again")


def test_before_the_first_run_the_outbox_is_empty(make_cli):
    """Without a ledger nothing is listed, which is no error, and no exchange can be named."""
    cli = make_cli()
    assert cli.run("outbox", "ls") == "No request is waiting to be sent.\n"
    assert cli.run("outbox", "ls", "--json") == "[]\n"
    for command in BY_EXCHANGE:
        assert "'abc' begins the id of no exchange" in cli.error(*command, "abc")


def test_all_requests_of_a_partner_are_sent_again(make_cli):
    """`resend PARTNER` and `--all` send what failed or is due, release the partner, and leave what is ambiguous."""
    plan = {"faults": {"AA/flights/sample.csv": {"0": {"1": "gone", "2": "bad-request"}}}}
    cli = make_cli(plan)
    cli.hand_in_copies(2)
    cli.run("run", code=4)
    assert {row["outcome"] for row in cli.json("outbox", "ls")} == {"failed", "due"}
    assert (
        cli.run("outbox", "resend", "AA")
        == "3 exchange(s) of AA, 36 row(s): the next `milepost run` sends them again.\n"
    )
    assert "answered 400" in cli.run("run", code=4)
    assert len(cli.delivered()) == 24
    assert cli.json("outbox", "resend", "--all") == {
        "partners": ["AA"],
        "exchanges": 1,
        "rows": 12,
        "ambiguous_rows": 0,
    }
    cli.run("run")
    assert len(cli.delivered()) == 36
    assert cli.json("outbox", "resend", "AA")["exchanges"] == 0


def test_ambiguous_rows_are_sent_again_only_by_their_exchange(make_cli):
    """Sending all of a partner again does not send what the partner may have."""
    cli = make_cli(
        {"faults": {"AA/flights/sample.csv": {"0": {"1": "answer-lost"}}}, "ignores_keys": ["AA"]}, keys=False
    )
    cli.run("run", code=4)
    assert cli.run("outbox", "resend", "AA") == (
        "0 exchange(s) of AA, 0 row(s): the next `milepost run` sends them again.\n"
        "12 row(s) stay ambiguous: ask the partner, see `milepost outbox ls`.\n"
    )
    (key,) = cli.exchange_ids()
    assert cli.json("outbox", "resend", key)["outcome"] == "due"


def test_the_actions_print_json(make_cli):
    """`arrived` and `discard` say in JSON what they did, and `ls` why an exchange waits."""
    plan = {"faults": {"AA/flights/sample.csv": {"0": {"1": "answer-lost"}}}, "ignores_keys": ["AA"]}
    cli = make_cli(plan, keys=False)
    cli.run("run", code=4)
    (key,) = cli.exchange_ids()
    arrived = {"exchange_id": key, "file": "sample.csv", "rows": 12, "outcome": "done"}
    assert cli.json("outbox", "arrived", key) == arrived
    cli = make_cli({"faults": {"AA/flights/sample.csv": {"0": {"1": "unavailable"}}}}, name="other")
    cli.run("run", code=4)
    (key,) = cli.exchange_ids()
    assert "answered 503" in cli.json("outbox", "ls")[0]["reason"]
    assert "answered 503" in cli.run("outbox", "ls")
    discarded = {"exchange_id": key, "file": "sample.csv", "rows": 12, "why": "late"}
    assert cli.json("outbox", "discard", key, "--why", "late") == discarded


def test_resend_names_its_choices(make_cli):
    """Nothing named, or both a name and --all, is a mistake that says what to give."""
    cli = make_cli()
    for arguments in ([], ["AA", "--all"]):
        done = CliRunner().invoke(main, ["-w", str(cli.root), "outbox", "resend", *arguments])
        assert (done.exit_code, "name a PARTNER or an EXCHANGE, or give --all" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("word", "outcome", "delivered", "failed"),
    [(["arrived"], "done", 12, 0), (["discard", "--why", "they have them"], "failed", 0, 12)],
)
def test_ambiguous_rows_are_counted_as_the_person_said(make_cli, tmp_path, word, outcome, delivered, failed):
    """Until then the last attempt left them ambiguous; afterwards no row is, and the word is one more attempt."""
    cli = make_cli(LOST, keys=False)
    cli.run("run", code=4)
    with closing(open_store(tmp_path / "metrics.db", "live")) as db:

        def measured():
            collect(cli.root / "var/spool/live", db, 0)
            sql = (
                "SELECT attempts, still_failed, rows_delivered, rows_failed, rows_ambiguous FROM run_block "
                "WHERE exchanges > 0"
            )
            return db.execute(sql).fetchone()

        assert measured() == (1, 1, 0, 0, 12)
        (key,) = cli.exchange_ids()
        cli.run("outbox", word[0], key, *word[1:])
        assert measured() == (2, outcome == "failed", delivered, failed, 0)
