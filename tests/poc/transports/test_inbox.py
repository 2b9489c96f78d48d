"""The inbox: which files are complete, where they are archived, and which are unclaimed."""

import os
import socket
from datetime import UTC, datetime, timedelta

import pytest

from poc.cli.run import dated_ahead_text
from poc.config.workspace import load_workspace
from poc.transports.inbox import Inboxes, complete_files, inbox_files, why_unclaimed


def names(paths):
    """Names of paths, in their order."""
    return [path.name for path in paths]


def test_a_file_is_complete_when_it_has_settled(workspace):
    """A file that changed recently may still be written."""
    _, feed, inbox = workspace()
    for name, age_s in (("old.csv", 60), ("young.csv", 1)):
        (inbox / name).write_text("x")
        os.utime(inbox / name, times=(1_000_000 - age_s,) * 2)
    assert names(complete_files(inbox, feed, datetime.fromtimestamp(1_000_000, UTC))) == ["old.csv"]
    assert names(inbox_files(inbox, feed)) == ["old.csv", "young.csv"]


@pytest.mark.parametrize("ahead_s", [3600, 400 * 86400])
def test_a_file_with_a_date_ahead_is_complete_when_it_has_settled(workspace, ahead_s):
    """Its date came from another machine; the system's own time of its last change counts instead."""
    _, feed, inbox = workspace()
    (inbox / "a.csv").write_text("x")
    os.utime(inbox / "a.csv", times=((inbox / "a.csv").stat().st_ctime + ahead_s,) * 2)
    put = datetime.fromtimestamp((inbox / "a.csv").stat().st_ctime, UTC)
    assert complete_files(inbox, feed, put + timedelta(seconds=1)) == []
    assert names(complete_files(inbox, feed, put + timedelta(seconds=3))) == ["a.csv"]


def test_a_file_of_a_server_with_a_fast_clock_is_named_until_its_date_is_reached(workspace):
    """Where the time of last change lies ahead, too, the file is listed with the time from which it is complete."""
    made, feed, inbox = workspace("settle_s = 2.0")
    (inbox / "a.csv").write_text("x")
    changed_s = (inbox / "a.csv").stat().st_ctime
    an_hour_slow = datetime.fromtimestamp(changed_s, UTC) - timedelta(hours=1)
    assert complete_files(inbox, feed, an_hour_slow) == []
    ((path, complete_s),) = Inboxes(made).folder("UA", "flights").dated_ahead(an_hour_slow)
    assert (path, complete_s) == (inbox / "a.csv", pytest.approx(changed_s + 2, abs=0.1))
    text = dated_ahead_text([(path, complete_s)])
    assert text.startswith("1 file(s) are dated ahead of this machine's clock")
    assert str(path) in text
    later = datetime.fromtimestamp(complete_s, UTC) + timedelta(seconds=1)
    assert Inboxes(made).folder("UA", "flights").dated_ahead(later) == []
    assert names(complete_files(inbox, feed, later)) == ["a.csv"]


def test_files_that_nobody_means_to_send_are_passed_over(workspace):
    """Those of systems and open documents, and unfinished ones, are neither read nor listed as unclaimed."""
    made, _, inbox = workspace()
    for name in ("~$a.csv", "Thumbs.db", "DESKTOP.INI", ".DS_Store", ".~lock.a.csv#", "a.csv.PART", "b.tmp",
                 "c.partial", "d.crdownload"):  # fmt: skip
        (inbox / name).write_text("x")
    (inbox / "~a.csv").write_text("x")
    assert names(inbox_files(inbox, made.get_feed("UA", "flights")[1])) == ["~a.csv"]
    assert Inboxes(made).unclaimed() == []


def test_a_file_is_complete_when_it_is_announced(workspace):
    """With a `done_file`, the announcement counts, not the age."""
    _, feed, inbox = workspace('done_file = "{name}.done"')
    now = datetime.now(UTC)
    for name in ("a.csv", "b.csv", "b.csv.done", "c.csv.done"):
        (inbox / name).write_text("x")
    assert names(inbox_files(inbox, feed)) == ["a.csv", "b.csv"]
    assert names(complete_files(inbox, feed, now)) == ["b.csv"]
    assert names(complete_files(inbox, feed, now + timedelta(days=9))) == ["b.csv"]


@pytest.mark.parametrize("announced_by", ["folder", "link", "pipe"])
def test_only_a_regular_file_announces(workspace, announced_by):
    """A folder, link or pipe with the name of the announcement announces nothing, and none blocks."""
    _, feed, inbox = workspace('done_file = "{name}.done"')
    (inbox / "a.csv").write_text("x")
    done = inbox / "a.csv.done"
    {"folder": done.mkdir, "link": lambda: done.symlink_to("a.csv"), "pipe": lambda: os.mkfifo(done)}[announced_by]()
    assert complete_files(inbox, feed, datetime.now(UTC)) == []


@pytest.mark.parametrize(
    ("done_file", "announcements", "data"),
    [
        ("ok_{name}", ["ok_a.csv", "ok_ok_"], ["a.csv", "ok_"]),
        ("{name}.{name}.ok", ["a.a.ok"], ["a", "a.b.ok", ".ok"]),
        ("[{name}]+", ["[a]+"], ["a", "[]+", "[a]"]),
    ],
)
def test_an_announcement_is_never_data(workspace, done_file, announcements, data):
    """Its name differs from that of a data file, whether the announced file exists or not."""
    _, feed, inbox = workspace(f'done_file = "{done_file}"')
    for name in (*announcements, *data):
        (inbox / name).write_text("x")
    assert names(inbox_files(inbox, feed)) == sorted(name for name in data if not name.startswith("."))


def test_an_announcement_without_its_file_is_unclaimed(workspace):
    """Beside its data file it belongs to the feed; left behind, a person should see it."""
    made, _, inbox = workspace('done_file = "{name}.done"')
    for name in ("b.csv", "b.csv.done", "c.csv.done"):
        (inbox / name).write_text("x")
    assert names(Inboxes(made).unclaimed()) == ["c.csv.done"]


def test_what_is_not_a_regular_file_is_unclaimed(workspace, tmp_path):
    """Links, pipes and sockets are never processed or waited for, and each is listed with its reason."""
    made, feed, inbox = workspace()
    secret = tmp_path / "secret.txt"
    secret.write_text("not for partners")
    (inbox / "link.csv").symlink_to(secret)
    (inbox / "broken.csv").symlink_to(tmp_path / "nowhere")
    (inbox / "tree").symlink_to(tmp_path)
    (inbox / "half.part").symlink_to(secret)
    os.mkfifo(inbox / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(inbox / "sock"))
        (inbox / "folder.csv").mkdir()
        (inbox / "half.csv.part").write_text("x")
        (inbox / "a.csv").write_text("x")
        assert names(inbox_files(inbox, feed)) == ["a.csv"]
        reasons = {path.name: why_unclaimed(made, path) for path in Inboxes(made).unclaimed()}
    link, other = "a symbolic link, which is never followed", "no regular file"
    assert reasons == {
        "link.csv": link,
        "broken.csv": link,
        "tree": link,
        "half.part": link,
        "pipe.csv": other,
        "sock": other,
    }


def test_a_file_in_a_misspelt_folder_is_unclaimed(workspace):
    """No run would process a file in a folder of no feed."""
    made, _, inbox = workspace()
    wrong = inbox.with_name("flihgts")
    wrong.mkdir()
    (wrong / "a.csv").write_text("x")
    assert [(path.name, why_unclaimed(made, path)) for path in Inboxes(made).unclaimed()] == [
        ("a.csv", "belongs to no feed")
    ]


def test_a_file_of_another_name_is_shown_with_the_names_that_the_feed_takes(workspace):
    """The reason is the feed's pattern, which a person can compare with the name."""
    made, _, inbox = workspace()
    file = made.root / "partners/UA.toml"
    text = file.read_text()
    assert 'files = "*"' in text
    file.write_text(text.replace('files = "*"', 'files = "*.csv"'))
    made = load_workspace(made.root)
    (inbox / "a.csv.gz").write_text("x")
    (path,) = Inboxes(made).unclaimed()
    assert why_unclaimed(made, path) == "belongs to no feed, as UA/flights takes `*.csv`"


def test_a_linked_inbox_is_not_unclaimed(workspace, tmp_path):
    """The folder of a feed may itself be a link, made by a person."""
    made, feed, inbox = workspace()
    inbox.rmdir()
    (tmp_path / "disk2").mkdir()
    inbox.symlink_to(tmp_path / "disk2")
    (inbox / "a.csv").write_text("x")
    assert Inboxes(made).unclaimed() == []
    assert names(inbox_files(inbox, feed)) == ["a.csv"]
