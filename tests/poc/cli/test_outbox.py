"""`milepost outbox`: list unconfirmed requests, and settle them as a person decides."""

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
        "12 row(s) of sample.csv: sent again by the next `milepost run`.\n"
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
    assert "given up: too late" in cli.run("status")
    assert "there is nothing to give up" in cli.error("outbox", "discard", key, "--why", "again")


def test_before_the_first_run_the_outbox_is_empty(make_cli):
    """Without a ledger nothing is listed, which is no error, and no exchange can be named."""
    cli = make_cli()
    assert cli.run("outbox", "ls") == "No request is waiting to be sent.\n"
    assert cli.run("outbox", "ls", "--json") == "[]\n"
    for command in BY_EXCHANGE:
        assert "'abc' begins the id of no exchange" in cli.error(*command, "abc")
