"""A turn takes complete files only, each version once, and tidies the place after the ledger has the exchange."""

import os

import pytest

from poc.errors import FileStillChanging, PlaceRefused, PlaceUnavailable, TryLater
from poc.pickup.store import failing_files, read_place
from poc.places.folder import FolderPlace


def test_a_file_is_fetched_after_two_looks_that_saw_it_unchanged(case):
    """One that grows between two looks settles anew; hidden, unfinished and other files are never taken."""
    place = case()
    place.put("a.csv", "flight\n1")
    for name in ("b.csv.part", ".c.csv", "notes.txt", os.fsdecode(b"no-text-\xff.csv")):
        place.put(name, "x")
    assert place.turn().settling == 1
    place.put("a.csv", "flight\n1\n2\n")
    place.turn(after_s=9)
    place.turn(after_s=9)
    assert place.inbox_files() == {}
    assert place.turn(after_s=1).fetched == 1
    assert place.inbox_files() == {"a.csv": "flight\n1\n2\n"}
    (row,) = place.rows()
    assert (row.name, row.size_bytes, row.state, row.inbox_name) == ("a.csv", 11, "placed", "a.csv")


def test_no_version_is_fetched_twice_and_another_one_is_a_new_file(case):
    """A file stays at the place and is not fetched again, also after its exchange; the name with other bytes is."""
    place = case(more='settled = "1s"')
    place.put("a.csv", "one")
    place.turn()
    place.turn(after_s=1)
    place.turn(after_s=60)
    place.finish("a.csv")
    place.turn(after_s=60)
    place.turn(after_s=60)
    assert place.inbox_files() == {}
    assert place.states() == [("a.csv", "ended", "kept")]
    place.put("a.csv", "other")
    place.turn(after_s=60)
    place.turn(after_s=60)
    assert place.inbox_files() == {"a.csv": "other"}
    assert place.states() == [("a.csv", "ended", "kept"), ("a.csv", "placed", "")]


def test_a_file_of_the_same_size_at_an_sftp_server_is_fetched_and_not_deleted_unread(case, sftp):
    """Its time tells it from the one that was there before, whose exchange has just ended."""
    settings = {**sftp.access, "settled": "1s", "after": "delete"}
    place = case(more="\n".join(f'{name} = "{value}"' for name, value in settings.items()), url=sftp.url + "/place")
    place.put("a.csv", "one")
    os.utime(place.place_folder / "a.csv", (1000, 1000))
    place.turn()
    place.turn(after_s=1)
    place.finish("a.csv")
    place.put("a.csv", "two")
    place.turn(after_s=30)
    place.turn(after_s=1)
    assert place.inbox_files() == {"a.csv": "two"}


def test_a_file_with_a_taken_name_in_the_inbox_overwrites_nothing(case):
    """It gets a name of its own there, as files do that are handed in."""
    place = case(more='settled = "1s"')
    place.inbox.mkdir(parents=True)
    (place.inbox / "a.csv").write_text("of a person")
    place.put("a.csv", "of the partner")
    place.turn()
    place.turn(after_s=1)
    (row,) = place.rows()
    assert row.inbox_name != "a.csv"
    assert place.inbox_files() == {"a.csv": "of a person", row.inbox_name: "of the partner"}


def test_an_announced_file_is_fetched_at_once_and_its_announcement_never(case):
    """An announcement that was there for an earlier version does not announce the next one while it is written."""
    place = case(more='done_file = "{name}.done"', of_feed='files = "*"')
    place.put("a.csv", "one")
    place.put("b.csv", "cut")
    place.put("a.csv.done", "")
    place.turn()
    assert place.inbox_files() == {"a.csv": "one"}
    place.finish("a.csv")
    place.put("a.csv", "two, cut")
    place.turn(after_s=5)
    place.put("a.csv", "two, whole")
    place.turn(after_s=5)
    assert place.inbox_files() == {}
    place.turn(after_s=10)
    assert place.inbox_files() == {"a.csv": "two, whole"}


@pytest.mark.parametrize(("after", "left"), [("delete", []), ("move:done/", ["done/a.csv", "done/a.csv.done"])])
def test_the_place_is_tidied_once_the_ledger_has_the_finished_exchange(case, after, left):
    """Not while the exchange is under way or waits for a retry; the announcement goes with its file."""
    place = case(more=f'after = "{after}"\ndone_file = "{{name}}.done"')
    place.put("a.csv", "one")
    place.put("a.csv.done", "")
    place.turn()
    place.turn(after_s=30)
    place.finish("a.csv", outcome="due")
    place.turn(after_s=30)
    assert sorted(path.name for path in place.place_folder.iterdir()) == ["a.csv", "a.csv.done"]
    place.inbox.joinpath("a.csv").write_text("one")
    entry = place.ledger.find("UA", "flights", "a.csv", place.rows()[0].sha256)
    place.ledger.update(entry, outcome="done")
    place.ledger.commit()
    place.turn(after_s=30)
    assert place.states() == [("a.csv", "placed", "")]  # its copy has not left the inbox
    place.inbox.joinpath("a.csv").unlink()
    place.turn(after_s=30)
    files = [path for path in place.place_folder.rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(place.place_folder)) for path in files) == left
    assert place.states() == [("a.csv", "ended", "moved" if "move" in after else "deleted")]


def test_a_move_that_fails_is_tried_again_and_never_a_reason_to_fetch_again(case):
    """The ledger has why and since when; a lost answer of a move that was done ends it, too."""

    class NoRights(FolderPlace):
        def take_away(self, seen, folder=""):
            raise PlaceRefused("rights", "done/: no rights")

    class LostAnswer(FolderPlace):
        def take_away(self, seen, folder=""):
            super().take_away(seen, folder)
            raise PlaceUnavailable("connection", "lost", unknown=True)

    place = case(more='after = "move:done/"\nsettled = "1s"')
    place.put("a.csv", "one")
    place.turn()
    place.turn(after_s=1)
    place.finish("a.csv")
    for _ in range(3):
        place.turn(after_s=3600, place=NoRights(place.place_folder))
    (row,) = place.rows()
    assert (row.state, row.failures, row.error) == ("placed", 3, "done/: no rights")
    assert row.failing_since_us == place.now_us - 2 * 3_600_000_000
    place.turn(after_s=3600, place=LostAnswer(place.place_folder))
    place.turn(after_s=3600)
    (row,) = place.rows()
    assert (row.state, row.after, row.failures) == ("ended", "gone", 0)
    assert place.inbox_files() == {}
    assert (place.place_folder / "done/a.csv").read_text() == "one"


def test_a_version_that_was_moved_away_and_comes_again_is_fetched_again(case):
    """Whether its bytes were exchanged before is decided by their hash, as of every file in the inbox."""
    place = case(more='after = "move:done/"\nsettled = "1s"')
    place.put("a.csv", "one")
    place.turn()
    place.turn(after_s=1)
    place.finish("a.csv")
    place.turn(after_s=60)
    (place.place_folder / "done/a.csv").rename(place.place_folder / "a.csv")
    place.turn(after_s=60)
    place.turn(after_s=60)
    assert place.inbox_files() == {"a.csv": "one"}


def test_a_transfer_that_is_cut_leaves_nothing_and_is_done_again(case):
    """One cut is no failure of the place; if the connection is lost again, the place and the file are failing."""

    class Cut(FolderPlace):
        def __init__(self, folder, cuts):
            super().__init__(folder)
            self.cuts = cuts

        def read(self, seen):
            pieces = super().read(seen)
            self.cuts -= 1
            yield next(pieces)[: 3 if self.cuts >= 0 else None]

    place = case(more='settled = "1s"')
    place.put("a.csv", "0123456789")
    place.turn()
    assert "cut after 3 of 10 bytes" in str(place.turn(after_s=1, place=Cut(place.place_folder, 2)).error)
    assert list(place.inbox.iterdir()) == []
    assert read_place(place.ledger, "UA", "flights").failing_since_us == place.now_us
    assert place.turn(after_s=30, place=Cut(place.place_folder, 1)).error is None
    assert place.inbox_files() == {"a.csv": "0123456789"}
    assert read_place(place.ledger, "UA", "flights").failing_since_us is None


@pytest.mark.parametrize("verb", ["read", "take_away"])
def test_a_file_that_has_changed_at_each_try_while_each_look_shows_it_unchanged_is_a_failure(case, verb):
    """One change is none, as the next look sees another version; a place whose answers differ would hide the file."""

    class Contradictory(FolderPlace):
        def read(self, seen):
            if verb == "read":
                raise FileStillChanging("a.csv: changed since it was seen")
            yield from super().read(seen)

        def take_away(self, seen, folder=""):
            raise FileStillChanging("a.csv: changed since it was seen")

    place = case(more='settled = "1s"\nafter = "delete"')
    place.put("a.csv", "one")
    contradictory = Contradictory(place.place_folder)
    place.turn(place=contradictory)
    place.turn(after_s=1, place=contradictory)
    if verb == "take_away":
        place.finish("a.csv")
        place.turn(after_s=1, place=contradictory)
    assert failing_files(place.ledger) == []
    place.turn(after_s=1, place=contradictory)
    assert [file.error for file in failing_files(place.ledger)] == ["a.csv: changed since it was seen"]
    place.turn(after_s=60)
    place.turn(after_s=60)
    assert failing_files(place.ledger) == []


def test_a_file_that_is_too_large_is_not_fetched_and_stops_no_other(case):
    """Its row in the ledger says what is wrong; the place works."""
    place = case(more='settled = "1s"\nmax_bytes = 5')
    place.put("a.csv", "0123456789")
    place.put("b.csv", "01234")
    place.turn()
    assert place.turn(after_s=1).error is None
    assert place.inbox_files() == {"b.csv": "01234"}
    assert "10 bytes, more than the 5 of `max_bytes`" in place.rows()[0].error


def test_an_error_that_no_place_should_raise_is_one_of_that_place(case):
    """It stops no other; the ledger says since when the place fails, until it works again."""

    class Broken(FolderPlace):
        def look(self):
            raise KeyError("a bug")

    place = case()
    place.turn()
    since_us = place.now_us + 30_000_000
    assert "KeyError" in str(place.turn(after_s=30, place=Broken(place.place_folder)).error)
    place.turn(after_s=30, place=Broken(place.place_folder))
    state = read_place(place.ledger, "UA", "flights")
    assert (state.failing_since_us, state.failures, state.looked_at_us) == (since_us, 2, since_us - 30_000_000)
    place.turn(after_s=30)
    assert read_place(place.ledger, "UA", "flights").failing_since_us is None


def test_a_ledger_that_is_busy_is_no_failure_of_the_place(case):
    """The error is the caller's to report; nothing is written down about the place."""

    class Busy(FolderPlace):
        def look(self):
            raise TryLater("ledger.db: database is locked")

    place = case()
    with pytest.raises(TryLater, match="is locked"):
        place.turn(place=Busy(place.place_folder))
    assert read_place(place.ledger, "UA", "flights") is None
