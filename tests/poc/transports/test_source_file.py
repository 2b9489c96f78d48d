"""Opening input files, and detecting changes."""

import errno
import os

import pytest

from poc.errors import BadInput
from poc.transports.source_file import is_unchanged, open_regular


def test_a_change_of_a_file_is_detected(tmp_path):
    """An unchanged file is recognised; a grown, replaced, touched, deleted or overwritten one is not.

    Nor does it help to overwrite it at the same length and put its time back.
    """
    path = tmp_path / "a.csv"
    for change in ("none", "grow", "replace", "touch", "overwrite", "gone"):
        path.write_bytes(b"a,b\n")
        file, seen = open_regular(path)
        with file:
            assert (file.read(), seen.size_bytes) == (b"a,b\n", 4)
            if change == "grow":
                with path.open("ab") as more:
                    more.write(b"1,2\n")
            elif change == "replace":
                other = tmp_path / "other"
                other.write_bytes(b"a,b\n")
                os.utime(other, ns=(seen.changed_ns, seen.changed_ns))
                other.rename(path)
            elif change == "touch":
                os.utime(path, ns=(0, seen.changed_ns + 1))
            elif change == "overwrite":
                with path.open("r+b") as other:
                    other.write(b"c,d\n")
                os.utime(path, ns=(0, seen.changed_ns))
            elif change == "gone":
                path.unlink()
            assert is_unchanged(path, seen) is (change == "none")


def test_only_regular_files_are_opened(tmp_path):
    """A pipe does not block, and a link is not followed; the message has the reason."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "real").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name, words in (
        ("pipe", "not a regular file"),
        ("link", "symbolic link"),
        (".", "not a regular file"),
        ("none", os.strerror(errno.ENOENT)),
    ):
        with pytest.raises(BadInput, match=f"{words}"):
            open_regular(tmp_path / name)
