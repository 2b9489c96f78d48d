"""Delivery into a folder: whole files or none, and no existing file is lost."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poc.errors import DeliveryFailed
from poc.transports.folder import delivery_state, open_part, publish, safe_name


def names(folder):
    """The names of the files in a folder, including hidden ones."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_gets_its_name_when_it_is_complete(tmp_path):
    """While it is written it is a part; after publishing, only the file is there."""
    with open_part(tmp_path, "a.jsonl") as part:
        part.write(b"one\n")
        part.write(b"")
        part.write(b"two\n")
        assert (names(tmp_path), delivery_state(tmp_path, "a.jsonl")) == (["a.jsonl.part"], "part")
        part.publish()
        assert part.size_bytes == 8
    assert (names(tmp_path), delivery_state(tmp_path, "a.jsonl")) == (["a.jsonl"], "published")
    assert (tmp_path / "a.jsonl").read_bytes() == b"one\ntwo\n"


def test_an_unfinished_part_is_deleted(tmp_path):
    """Leaving the block early, with or without an error, leaves no file."""
    part = open_part(tmp_path, "a")
    with part:
        part.write(b"x")
    with pytest.raises(KeyError), open_part(tmp_path, "a"):
        raise KeyError
    part.discard()
    assert (names(tmp_path), delivery_state(tmp_path, "a")) == ([], "neither")


def test_a_process_that_was_replaced_leaves_the_part_of_the_other(tmp_path):
    """A process that was stopped while it wrote, and gives up when it goes on, deletes its own part only."""
    stopped, other = open_part(tmp_path, "a"), open_part(tmp_path, "a")
    stopped.write(b"x")
    other.write(b"y")
    other.finish()
    stopped.discard()
    publish(tmp_path, "a")
    assert (tmp_path / "a").read_bytes() == b"y"


def test_a_finished_part_stays_until_it_is_published(tmp_path):
    """A run that ends between finishing and publishing leaves the part; the next one publishes it, even twice."""
    with open_part(tmp_path, "a") as part:
        part.write(b"x")
        part.finish()
    assert delivery_state(tmp_path, "a") == "part"
    publish(tmp_path, "a")
    publish(tmp_path, "a")
    assert names(tmp_path) == ["a"]


def test_publishing_without_a_part_is_an_error(tmp_path):
    """With neither part nor file, it is unknown whether the partner received it."""
    with pytest.raises(DeliveryFailed, match="neither") as caught:
        publish(tmp_path, "a")
    assert (caught.value.kind, caught.value.unknown) == ("retry", True)


def test_a_part_left_by_a_crash_is_replaced(tmp_path):
    """An incomplete part, or a link with its name, is replaced and never followed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"mine")
    (tmp_path / "a.part").symlink_to(elsewhere)
    (tmp_path / "b.part").write_bytes(b"half of something longer")
    for name in ("a", "b"):
        with open_part(tmp_path, name) as part:
            part.write(b"new")
            part.publish()
        assert (tmp_path / name).read_bytes() == b"new"
    assert elsewhere.read_bytes() == b"mine"


def test_delivering_the_same_file_again_succeeds(tmp_path):
    """Writing and publishing the same bytes once more changes nothing."""
    for _ in range(2):
        with open_part(tmp_path, "a") as part:
            part.write(b"same")
            part.publish()
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("there", [b"other", b"sam", b""])
def test_another_file_is_never_overwritten(tmp_path, there):
    """A different file of that name is left unchanged, and the delivery stops with a message for a person."""
    (tmp_path / "a").write_bytes(there)
    with open_part(tmp_path, "a") as part:
        part.write(b"same")
        with pytest.raises(DeliveryFailed, match=r"a: another file has this name .* move it away") as caught:
            part.publish()
    assert (caught.value.kind, caught.value.unknown) == ("stop", False)
    assert (names(tmp_path), (tmp_path / "a").read_bytes()) == (["a"], there)


def test_a_finished_part_stays_if_its_name_is_taken(tmp_path):
    """It is kept until a person has moved the other file away."""
    (tmp_path / "a").write_bytes(b"other")
    with open_part(tmp_path, "a") as part:
        part.write(b"same")
        part.finish()
    with pytest.raises(DeliveryFailed, match="another file"):
        publish(tmp_path, "a")
    (tmp_path / "a").unlink()
    publish(tmp_path, "a")
    assert (names(tmp_path), (tmp_path / "a").read_bytes()) == (["a"], b"same")


def test_a_link_with_the_files_name_is_never_followed(tmp_path):
    """Neither a working nor a broken link is written through or replaced."""
    (tmp_path / "elsewhere").write_bytes(b"same")
    for name, leads_to in (("a", "elsewhere"), ("b", "nowhere")):
        (tmp_path / name).symlink_to(tmp_path / leads_to)
        with open_part(tmp_path, name) as part:
            part.write(b"same")
            with pytest.raises(DeliveryFailed, match="another file"):
                part.publish()
        assert (tmp_path / name).is_symlink()
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["../../b", "/etc/passwd", "..", ".", "", ".hidden", "a\x00b", "a/b.csv", "x.part"])
def test_no_name_leaves_the_folder(tmp_path, name):
    """For any name, the result is one plain, visible file in the folder."""
    folder = tmp_path / "in" / "ner"
    folder.mkdir(parents=True)
    with open_part(folder, name) as part:
        part.publish()
    (made,) = names(folder)
    assert not made.startswith(".")
    assert not made.endswith(".part")
    assert delivery_state(folder, name) == "published"
    assert names(tmp_path) == ["in"]
    assert names(tmp_path / "in") == ["ner"]


@given(st.text(max_size=300))
def test_safe_names_are_valid_and_stable(name):
    """A safe name fits every file system, does not change when made safe again, and differs for different names."""
    made = safe_name(name)
    assert 0 < len(f"{made}.part".encode()) <= 255
    assert not {"/", "\x00"} & set(made)
    assert made not in {".", ".."}
    assert safe_name(made) == made
    assert safe_name(name + "\n") != made


def test_long_names_keep_their_suffix():
    """A name that is too long is never cut inside a character, and keeps its suffix."""
    assert safe_name("ü" * 200 + ".jsonl").endswith(".jsonl")


def test_a_missing_folder_is_an_error(tmp_path):
    """It may be a share that is not mounted, so it is not created, and the delivery is retried later."""
    with pytest.raises(DeliveryFailed, match="share/flights: no such folder") as caught:
        open_part(tmp_path / "share" / "flights", "a")
    assert (caught.value.kind, caught.value.code, names(tmp_path)) == ("retry", "folder", [])


def test_a_full_disk_is_an_error_and_leaves_no_part(tmp_path):
    """A limit on the file size stands in for a full disk: the error asks for a retry, and no part is left."""
    program = f"""
import resource
from pathlib import Path
from poc.errors import DeliveryFailed
from poc.transports.folder import open_part
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with open_part(Path({str(tmp_path)!r}), "a") as part:
        for _ in range(20):
            part.write(b"x" * 9_999)
except DeliveryFailed as failed:
    print(failed.code, failed.kind, failed.unknown, failed)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"disk-full retry False {tmp_path}/a: the file grew too large\n"
    assert names(tmp_path) == []


def test_a_disk_without_any_space_is_an_error(tmp_path):
    """The system's own full device refuses the first byte."""
    part = open_part(tmp_path, "a")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, part._fd)
    os.close(full)
    with pytest.raises(DeliveryFailed, match="the disk is full") as caught:
        part.write(b"x")
    assert (caught.value.code, caught.value.kind, names(tmp_path)) == ("disk-full", "retry", [])


def test_no_file_stays_open(tmp_path):
    """A delivery closes every file that it opened, however it ends."""
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    (tmp_path / "b").write_bytes(b"other")
    for name in ("a", "a", "b"):
        with open_part(tmp_path, name) as part, suppress(DeliveryFailed):
            part.write(b"x")
            part.publish()
    with open_part(tmp_path, "c"):
        pass
    with suppress(DeliveryFailed):
        open_part(tmp_path / "none" / "flights", "a")
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before
