"""`milepost status`: waiting files, exchanges by outcome, and everything that needs a person."""

import os
import re
from collections import Counter
from datetime import UTC, datetime

from poc.cli.status import collect_state
from poc.config.workspace import load_workspace


def test_an_open_circuit_breaker_is_shown(make_cli):
    """When deliveries fail in a row the breaker opens; `status` has its state and time, as text and as JSON."""
    cli = make_cli({"faults": {"AA/flights/sample.csv": {"0": {"1": "unavailable"}}}})
    cli.edit_partner("[feed.flights]", "[retry]\nbreaker_failures = 1\n\n[feed.flights]")
    assert "12 rows in: 12 due" in cli.run("run", code=4)
    output = cli.run("status")
    assert re.search(
        r"^circuit breaker of AA: open after 1 failure\(s\) in a row; "
        r"nothing is sent until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$",
        output,
        re.MULTILINE,
    )
    assert re.search(
        r"^due: AA/flights sample.csv \(\w{8}\), attempt 1: .*answered 503: .*the partner is down.*; due at ",
        output,
        re.MULTILINE,
    )
    state = cli.json("status")
    assert [(row["partner"], row["state"], row["failures"]) for row in state["breakers"]] == [("AA", "open", 1)]
    assert [(row["file"], row["outcome"]) for row in state["troubles"]] == [("sample.csv", "due")]
    other = cli.sample.with_name("other.csv")
    other.write_text((cli.root / "var/archive/AA/flights/sample.csv").read_text().replace("2013,1,1,", "2013,1,2,"))
    os.utime(other, (0, 0))
    assert "nothing is sent to AA until" in cli.run("run", code=4)
    assert cli.delivered() == []


def test_status_and_check_name_the_same_alerts(make_cli):
    """What no other line of `status` names is listed, and all are counted; without an alert, nothing needs anybody."""
    cli = make_cli()
    os.utime(cli.sample, (0, 0))
    cli.edit_partner("[endpoint]", '[endpoint]\nsecret_headers = { X-Key = "${env:NO_SUCH_KEY}" }')
    output = cli.run("status")
    assert "credentials expiring: AA: the header X-Key cannot be sent: the environment variable NO_SUCH_KEY" in output
    assert output.endswith("1 alert(s): 1 critical, 0 warning; `milepost check` prints them in short.\n")
    assert [alert["kind"] for alert in cli.json("status")["alerts"]] == ["credentials_expiring"]
    assert cli.json("status")["alerts"][0]["summary"] == cli.json("check", code=2)["alerts"][0]["summary"]
    cli.edit_partner("secret_headers", "# secret_headers")
    assert cli.run("status").endswith("Nothing needs you.\n")


def test_each_inbox_is_listed_once(make_cli, monkeypatch):
    """Files that wait, settle, are dated ahead or stray, and the alerts: all come from one listing."""
    cli = make_cli()
    cli.edit_partner("[feed.flights]\n", '[feed.flights]\nexpect = { by = "06:00" }\n')
    (cli.sample.parent / "stray.csv.done").write_text("x")
    listed, scandir = Counter(), os.scandir

    def counting(path):
        listed[os.fspath(path)] += 1
        return scandir(path)

    monkeypatch.setattr("poc.transports.inbox.os.scandir", counting)
    state = collect_state(load_workspace(cli.root), datetime.now(UTC))
    assert (state["waiting"], len(state["strays"])) == ({"AA/flights": 1}, 1)
    assert listed[os.fspath(cli.sample.parent)] == 1
