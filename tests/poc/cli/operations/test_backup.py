"""`milepost backup` and `restore` say what they did, and what the next run does."""

import shutil


def test_a_workspace_is_backed_up_and_restored(make_cli, tmp_path):
    """What the partner took after the backup is repeated by key, and shown as a repeat."""
    cli = make_cli()
    made = cli.json("backup", tmp_path / "b")
    assert made == {**cli.json("backup", "--verify", tmp_path / "b"), "folder": str(tmp_path / "b")}
    assert "1 waiting file(s)" in cli.run("restore", tmp_path / "b", tmp_path / "trial")
    cli.run("run")
    shutil.rmtree(cli.root)
    restored = cli.json("restore", tmp_path / "b", cli.root)
    assert (restored["files"], restored["waiting_files"], restored["copy_of"]) == (made["files"], 1, "")
    assert "12 delivered (the partner had 12 of them already)" in cli.run("run")
    assert len(cli.delivered()) == 12


def test_a_trial_restore_is_not_used_beside_its_original(make_cli, tmp_path):
    """The output names both ways to go on, and the trial gets an id of its own."""
    cli = make_cli()
    cli.run("run")
    cli.run("backup", tmp_path / "b")
    output = cli.run("restore", tmp_path / "b", tmp_path / "trial")
    assert f"`milepost init --moved {tmp_path / 'trial'}`" in output
    root, cli.root = cli.root, tmp_path / "trial"
    assert f"is a copy of the workspace {root}" in cli.error("run")
    assert "has an id of its own" in cli.run("init", "--new-id", cli.root)
    assert "No file waits" in cli.run("run")


def test_files_that_are_held_back_stay_in_status_until_a_person_has_moved_them(make_cli, tmp_path):
    """A partner without keys may have them, and nothing is exchanged; back in the inbox, they are."""
    cli = make_cli(keys=False)
    cli.run("backup", tmp_path / "b")
    shutil.rmtree(cli.root)
    assert "1 waiting file(s) may have been delivered since" in cli.run("restore", tmp_path / "b", cli.root)
    assert "No file waits" in cli.run("run")
    assert "1 file(s) are held in" in cli.run("status")
    (held,) = cli.json("status")["held_files"]
    shutil.move(held, cli.sample)
    assert "12 delivered" in cli.run("run")
    assert "held in" not in cli.run("status")
