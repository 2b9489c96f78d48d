"""`milepost expect`: people see when files are due, and judge past days."""

import time
from datetime import UTC, datetime, timedelta

from click.testing import CliRunner

from milepost.cli import main
from poc.cli.operations.expect import NONE_EXPECTED


def expecting(cli, rule):
    """Give the feed of a workspace an expectation."""
    path = cli.root / "partners" / "AA.toml"
    path.write_text(f"{path.read_text()}\n[feed.flights.expect]\n{rule}\n")


def test_the_next_moments_are_shown_in_local_time_and_utc(make_cli):
    """As many as asked for, with the rule in words; JSON has the same moments."""
    cli = make_cli()
    assert cli.run("expect") == f"{NONE_EXPECTED}\n"
    expecting(cli, 'every = "30 6 * * mon-fri"\nzone = "Asia/Kolkata"\nholidays = "IN"')
    lines = cli.run("expect", "AA", "--count", "4").splitlines()
    assert lines[:2] == [
        "AA/flights: 30 6 * * mon-fri Asia/Kolkata, without holidays of IN",
        "  last: no moment was due yet",
    ]
    assert [line[:8] for line in lines[2:]] == ["  next: "] * 4
    assert all("06:30 Asia/Kolkata (" in line and "01:00 UTC)" in line for line in lines[2:])
    (state,) = cli.json("expect", "--count", "4")
    moments = [datetime.fromisoformat(text) for text in state["next_due"]]
    assert [f"({moment:%Y-%m-%d %H:%M} UTC)" for moment in moments] == [line[-22:] for line in lines[2:]]
    assert moments == sorted(set(moments))
    assert "no feed 'cargo'" in cli.error("expect", "AA/cargo")


def messages(cli, *arguments):
    """What a command writes to stderr."""
    return CliRunner().invoke(main, ["-w", str(cli.root), *arguments]).stderr


def test_a_run_says_what_did_not_come_and_a_file_ends_it(make_cli):
    """`run` judges what is due, as `serve` does; `expect` shows it, and `check` is critical until the file is there."""
    cli = make_cli()
    away = cli.sample.rename(cli.root / "sample.csv")
    expecting(cli, 'within = "1s"')
    cli.run("run")
    limit = time.monotonic() + 60
    while cli.json("expect")[0]["state"] != "not_arrived" and time.monotonic() < limit:
        time.sleep(0.1)
    assert "AA/flights: no file had come by " in messages(cli, "run")
    assert messages(cli, "run") == ""
    assert len(cli.json("expect")[0]["missed"]) == 1
    (alert,) = [alert for alert in cli.json("check", code=2)["alerts"] if alert["kind"] == "not_arrived"]
    assert alert["count"] == 1
    away.rename(cli.sample)
    assert "AA/flights: the file that was due by " in messages(cli, "run")


def test_past_days_are_judged_once(make_cli):
    """A second backfill finds nothing to judge."""
    cli = make_cli()
    expecting(cli, 'by = "06:00"')
    first = (datetime.now(UTC) - timedelta(days=9)).date()
    last = first + timedelta(days=6)
    (row,) = cli.json("expect", "--backfill", str(first), "--to", str(last))
    assert row == {"partner": "AA", "feed": "flights", "arrived": 0, "late": 0, "not_arrived": 7}
    text = cli.run("expect", "--backfill", str(first), "--to", str(last))
    assert text == "AA/flights: judged now: 0 arrived, 0 late, 0 not arrived\n"
    assert "--to goes with --backfill" in messages(cli, "expect", "--to", str(last))
