"""The log of runs: one line for each exchange, also for a success, and one for each problem that begins or ends."""

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

from click.testing import CliRunner

from milepost.cli import main
from poc.config.workspace import load_workspace
from poc.logs.exchange_log import ExchangeLog
from poc.logs.logger import close_logger, make_logger
from poc.service.worker import InboxWorker

DOWN = {"faults": {"AA/flights/sample.csv": {"0": {"1": "unavailable"}}}}


def lines(path):
    """Return the objects in a log."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_failure_and_its_recovery_are_logged(make_cli, tmp_path):
    """A delivery is due, the partner is down; the next run delivers it, and says that it recovered and is up again."""
    cli, log = make_cli(DOWN), tmp_path / "log"
    cli.edit_partner("[feed.flights]", "[retry]\nbreaker_failures = 1\nbreaker_s = 0.001\n\n[feed.flights]")
    cli.run("run", "--log-format", "json", "--log-file", log, code=4)
    exchange, alert = lines(log)
    names = ("level", "event", "partner", "feed", "file", "stage", "attempt", "outcome", "rows")
    assert [exchange[name] for name in names] == [
        "warning", "exchange", "AA", "flights", "sample.csv", "once", 1, "due", {"in": 12, "due": 12}
    ]  # fmt: skip
    assert "answered 503" in exchange["error"]
    assert [alert[name] for name in ("level", "event", "kind", "partner")] == [
        "error", "alert_begun", "partner_down", "AA"
    ]  # fmt: skip
    assert alert["run_id"] == exchange["run_id"]
    with closing(sqlite3.connect(cli.root / "var/ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE exchange SET due_at_us = 0")
    log.unlink()
    cli.run("run", "--log-format", "json", "--log-file", log)
    exchange, alert = lines(log)
    assert [exchange[name] for name in ("level", "outcome", "attempt", "recovered", "error")] == [
        "info", "done", 2, True, ""
    ]  # fmt: skip
    assert [alert[name] for name in ("level", "event", "kind")] == ["info", "alert_ended", "partner_down"]


def test_results_stay_on_standard_output(make_cli):
    """Without an option nothing is logged; with one, standard output is the same, and the log is on stderr."""
    plain, logged = make_cli(name="a"), make_cli(name="b")
    text = plain.run("run")
    assert CliRunner().invoke(main, ["-w", str(plain.root), "run"]).stderr == ""
    done = CliRunner().invoke(main, ["-w", str(logged.root), "run", "--log-level", "info"])
    assert done.stdout == text
    assert " INFO exchange AA/flights sample.csv (" in done.stderr


def test_a_service_logs_each_exchange_once(make_cli, tmp_path):
    """A success is a line; a refused file is one line with what to do, and is not reported a second time."""
    cli, reported = make_cli(), []
    bad = cli.sample.with_name("bad.csv")
    bad.write_text(cli.sample.read_text().replace("year,", "jahr,", 1))
    os.utime(bad, (0, 0))
    logger = make_logger("json", "info", tmp_path / "log")
    log, workspace = ExchangeLog(logger, "run-1"), load_workspace(cli.root)
    with InboxWorker(workspace, lambda: datetime.now(UTC), "0", lambda: False, reported.append, log.result) as worker:
        worker.scan()
        worker.wait()
    close_logger(logger)
    assert sorted((line["file"], line["outcome"], line["level"]) for line in lines(tmp_path / "log")) == [
        ("bad.csv", "refused", "warning"), ("sample.csv", "done", "info")
    ]  # fmt: skip
    assert reported == []
