"""A folder as a place, by the six verbs."""

from io import BytesIO

import pytest

from poc.errors import FileStillChanging, PlaceUnavailable
from poc.places.folder import FolderPlace, FreeName


@pytest.fixture
def place(tmp_path):
    """A folder with one file."""
    (tmp_path / "a.csv").write_bytes(b"one\n")
    return FolderPlace(tmp_path)


def test_a_file_is_seen_and_read(place):
    """What is seen by its name is what the folder lists, and is read as it is."""
    (seen,) = place.look()
    assert (seen.name, seen.size_bytes, place.found("a.csv")) == ("a.csv", 4, seen)
    assert b"".join(place.read(seen)) == b"one\n"


def test_a_file_that_changed_since_it_was_seen_is_not_read(place, tmp_path):
    """Neither a changed file nor a replaced one is taken for the one that was seen."""
    (seen,) = place.look()
    (tmp_path / "a.csv").write_bytes(b"other\n")
    with pytest.raises(FileStillChanging):
        list(place.read(seen))
    with pytest.raises(FileStillChanging):
        place.take_away(seen)


def test_a_new_file_replaces_no_other(place, tmp_path):
    """A name is written once; again with the same bytes is the same, with others a conflict, and no part is left."""
    assert place.put_new("b.csv", BytesIO(b"two")) == "made"
    assert place.put_new("b.csv", BytesIO(b"two")) == "same"
    assert place.put_new("b.csv", BytesIO(b"three")) == "conflict"
    place.replace("a.csv", BytesIO(b"new"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.csv": b"new", "b.csv": b"two"}


def test_a_file_is_moved_beside_one_of_its_name(place, tmp_path):
    """A file that is moved keeps the one that was moved before it; what is gone already is success."""
    for content in (b"first", b"second"):
        place.replace("a.csv", BytesIO(content))
        seen = place.found("a.csv")
        place.take_away(seen, "done")
        place.take_away(seen, "done")
    assert [path.read_bytes() for path in sorted((tmp_path / "done").iterdir())] == [b"second", b"first"]
    assert place.look() == []


def test_a_free_name_among_many_is_found_by_few_questions():
    """A feed whose file always has the same name fills the folder that it is moved into; each question is a request."""
    for count in (0, 1, 2, 3, 4, 7, 35_040):
        taken = {"a.csv", *(f"a.{number}.csv" for number in range(2, count + 1))} if count else set()
        free, questions = FreeName("a.csv"), 0
        while not free.is_over:
            free.note(free.candidate in taken)
            questions += 1
        assert free.candidate == ("a.csv" if count == 0 else f"a.{count + 1}.csv")
        assert questions <= 2 * count.bit_length() + 1


def test_a_missing_folder_may_come_back(tmp_path):
    """A folder that is not mounted is tried again later."""
    with pytest.raises(PlaceUnavailable, match="create the folder, or check why it is not mounted"):
        FolderPlace(tmp_path / "gone").look()
