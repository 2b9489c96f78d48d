"""`milepost partner`: the state of each partner, its release, and the practice partner."""

import signal
import subprocess
import sys


def test_a_partner_that_answers_is_closed(make_cli):
    """Before anything failed, requests are sent."""
    cli = make_cli()
    assert cli.run("partner", "ls") == "AA: closed, requests are still sent\n"
    assert cli.json("partner", "ls") == [
        {"partner": "AA", "state": "closed", "until": None, "why": "", "failures": 0, "due": 0, "failed": 0,
         "ambiguous": 0}
    ]  # fmt: skip


def test_a_paused_partner_is_listed_and_released(make_cli):
    """`ls` and `status` say that it is paused and why; after the release the next run delivers everything."""
    cli = make_cli({"faults": {"AA/flights/sample.csv": {"0": {"1": "gone"}}}})
    cli.hand_in_copies(2)
    cli.run("run", code=4)
    cli.run("run", code=4)
    assert cli.delivered() == []
    (row,) = cli.json("partner", "ls")
    assert (row["state"], row["due"] + row["failed"], "answered 410" in row["why"]) == ("paused", 3, True)
    release = "nothing is sent until `milepost partner release AA`"
    assert f"AA: paused, {release}" in cli.run("partner", "ls")
    assert f"circuit breaker of AA: paused after 1 failure(s) in a row; {release}" in cli.run("status")
    assert cli.run("partner", "release", "AA") == (
        "AA is released (it was paused); the next `milepost run` sends 3 exchange(s) with 36 row(s).\n"
    )
    assert cli.json("partner", "ls")[0]["state"] == "closed"
    cli.run("run")
    assert len(cli.delivered()) == 36


def test_a_release_closes_a_circuit_breaker(make_cli):
    """A person need not wait for the time of a circuit breaker."""
    cli = make_cli({"faults": {"AA/flights/sample.csv": {"0": {"1": "wait-seconds"}}}})
    cli.run("run", code=4)
    (row,) = cli.json("partner", "ls")
    assert (row["state"], row["until"] is not None) == ("open", True)
    released = {"partner": "AA", "was": "open", "exchanges": 1, "rows": 12}
    assert cli.json("partner", "release", "AA") == released
    cli.run("run")
    assert len(cli.delivered()) == 12


def test_a_release_names_its_choices(make_cli):
    """An unknown partner is a mistake that names the partners."""
    assert "unknown partner 'XX'; choose one of AA" in make_cli().error("partner", "release", "XX")


def test_without_a_command_the_practice_partner_starts(make_cli):
    """`milepost partner` starts the practice partner, as before."""
    cli = make_cli()
    command = [sys.executable, "-m", "milepost", "-w", str(cli.root), "partner", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert line.startswith("A partner listens on http://127.0.0.1:")
