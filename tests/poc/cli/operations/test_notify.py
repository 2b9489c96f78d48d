"""`milepost notify`: targets are tested, what was sent is listed; `run` tells people, `status` shows what fails."""

import json

from standardwebhooks import Webhook


def add_targets(cli, *tables):
    """Add tables `[[notify]]` to milepost.toml."""
    with (cli.root / "milepost.toml").open("a") as file:
        file.writelines(f"\n[[notify]]\n{table}\n" for table in tables)


def test_a_test_message_reaches_a_target(make_cli, webhook, receiver):
    """The command says so, and lists it as sent."""
    cli = make_cli()
    add_targets(cli, webhook)
    assert cli.run("notify", "test") == "hook: took the message\n"
    assert json.loads(receiver.requests[0][1])["type"] == "milepost.test"
    assert "hook test: [w] Test of hook: sent" in cli.run("notify", "ls")
    assert [(row["phase"], row["state"]) for row in cli.json("notify", "ls")] == [("test", "sent")]


def test_a_target_that_does_not_take_it_is_exit_code_4(make_cli, webhook, receiver):
    """The reason is said; the other target has its message; a test is not sent again."""
    cli = make_cli()
    add_targets(cli, webhook, 'name = "mail"\nto = "${env:NO_SUCH}"')
    lines = cli.run("notify", "test", code=4).splitlines()
    assert lines[0] == "hook: took the message"
    assert lines[1].startswith("mail: not sent: the environment variable NO_SUCH is not set")
    assert cli.json("notify", "test", "--to", "hook") == [{"target": "hook", "sent": True, "error": ""}]
    assert "given up after 1 attempt(s): the environment variable" in cli.run("notify", "ls")


def test_without_a_target_the_choices_are_named(make_cli, webhook):
    """No table, or a name that no table has."""
    cli = make_cli()
    assert "no target of notifications; add a table `[[notify]]`" in cli.error("notify", "test")
    add_targets(cli, webhook)
    assert "no target 'x'; targets: hook" in cli.error("notify", "test", "--to", "x")
    assert cli.run("notify", "ls") == "No notification yet.\n"


def test_a_dry_run_shows_who_is_told_of_what(make_cli, webhook, receiver):
    """Nothing is sent."""
    cli = make_cli()
    digest = 'name = "pm"\nto = "${env:NO_SUCH}"\nkinds = ["late"]\nat_once = false\ndigest = "07:00"'
    add_targets(cli, webhook, digest)
    (cli.root / "partners" / "UA.toml").write_text("not TOML")
    result = cli.json("notify", "test", "--dry-run")
    kinds = {row["target"]: [alert["kind"] for alert in row["alerts"]] for row in result}
    assert "workspace_problem" in kinds["hook"]
    assert kinds["pm"] == []
    assert result[1]["next_digest"].endswith("T07:00:00+00:00")
    lines = cli.run("notify", "test", "--dry-run").splitlines()
    assert any(line.startswith("  critical workspace_problem UA: ") for line in lines)
    assert receiver.requests == []


def test_a_run_tells_people_at_its_end_and_fails_with_nobody(make_cli, webhook, receiver):
    """Old problems are told once; a target that cannot be reached is a line and shown by `status`, not an exit code."""
    cli = make_cli()
    add_targets(cli, webhook, 'name = "mail"\nto = "${env:NO_SUCH}"')
    text = cli.sample.read_text().replace("year,month", "jahr,month")
    cli.sample.write_text(text)
    cli.run("run", code=3)
    cli.run("run")
    got = [Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").verify(body, head) for head, body in receiver.requests]
    assert [(one["type"], one["data"]["kind"]) for one in got if one["data"]["kind"] != "disk_full"] == [
        ("milepost.begun", "refused")
    ]
    assert "notification(s) to mail are sent again later: the environment variable NO_SUCH" in cli.run("status")
    assert {row["target"] for row in cli.json("status")["notifications"]} == {"mail"}
