"""`milepost refused`: a refused file needs a person until a mended one is accepted, or it is discarded."""

import getpass
import os


def hand_in(cli, text, name="sample.csv"):
    """Put a complete file into the inbox."""
    path = cli.sample.with_name(name)
    path.write_text(text)
    os.utime(path, (0, 0))


def test_a_refused_file_is_settled_by_its_mended_one_or_by_a_person(make_cli):
    """An accepted file of the same name settles it; of another name does not; a discard is kept with who and why."""
    cli = make_cli()
    good = cli.sample.read_text()
    hand_in(cli, "wrong,header\n1,2\n")
    hand_in(cli, "another,header\n1,2\n", "other.csv")
    cli.run("run", code=3)
    assert {row["file"] for row in cli.json("status")["troubles"]} == {"sample.csv", "other.csv"}
    hand_in(cli, good)
    cli.run("run")
    (row,) = cli.json("refused", "ls")
    assert (row["file"], row["state"]) == ("other.csv", "open")
    assert [row["file"] for row in cli.json("status")["troubles"]] == ["other.csv"]
    assert cli.run("refused", "discard", "other.csv", "--why", "sent by mistake") == (
        "other.csv is discarded: sent by mistake\n"
    )
    assert cli.run("refused", "ls") == "No refused file needs you.\n"
    assert cli.json("status")["troubles"] == []
    assert "refused" in cli.run("status")  # in the account, for ever
    settled = {row["file"]: row for row in cli.json("refused", "ls", "--all")}
    assert settled["sample.csv"]["state"] == "superseded"
    (accepted,) = [row["id"] for row in cli.json("refused", "ls", "--all") if row["file"] == "sample.csv"]
    assert settled["sample.csv"]["superseded_by"] in set(cli.exchange_ids()) - {accepted}
    other = settled["other.csv"]
    assert (other["state"], other["who"], other["why"]) == ("discarded", getpass.getuser(), "sent by mistake")
    assert "was discarded by" in cli.error("refused", "discard", other["id"], "--why", "again")
    assert "is done, not refused" in cli.error(
        "refused", "discard", settled["sample.csv"]["superseded_by"], "--why", "x"
    )


def test_a_file_that_is_refused_again_after_it_was_accepted_needs_a_person(make_cli):
    """Only a file that was accepted after the refusal settles it."""
    cli = make_cli()
    cli.run("run")
    hand_in(cli, "wrong,header\n1,2\n")
    cli.run("run", code=3)
    assert [(row["file"], row["state"]) for row in cli.json("refused", "ls")] == [("sample.csv", "open")]
