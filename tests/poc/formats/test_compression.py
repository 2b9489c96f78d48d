"""Compressed files: read as a stream, and refused whole if they are damaged or unsafe."""

import errno
import gzip
import io
import random
import stat
import struct
import tracemalloc
import zipfile

import pytest

from poc.config.partner import Feed
from poc.errors import ContractBreach
from poc.formats.compression import open_stream
from poc.formats.registry import make_reader

TEXT = b"a,b\n" + b"".join(b"%d,x\n" % n for n in range(50_000))


def unpack(data, compression="gzip", **keys):
    """The decompressed bytes of a file."""
    feed = Feed(contract="c", map=({"to": "x", "from": "a"},), compression=compression, **keys)
    stream = open_stream(feed, io.BytesIO(data))
    return b"".join(iter(lambda: stream.read(1 << 20), b""))


def zipped(*members, method=zipfile.ZIP_DEFLATED):
    """A zip archive of (name or ZipInfo, bytes)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def refused(data, compression="gzip", **keys):
    """The message with which a file is refused."""
    with pytest.raises(ContractBreach) as caught:
        unpack(data, compression, **keys)
    assert caught.value.code == "compression-error"
    return str(caught.value)


def test_complete_archives_are_read():
    """Gzip of one or many members, padded with zeros or not; zip of one file beside folders."""
    assert unpack(TEXT, "none") == TEXT
    assert unpack(gzip.compress(TEXT)) == TEXT
    assert unpack(gzip.compress(TEXT[:99]) + gzip.compress(b"") + gzip.compress(TEXT[99:]) + bytes(100_000)) == TEXT
    assert unpack(zipped(("d/", b""), ("__MACOSX/._a.csv", b"!"), ("d/a.csv", TEXT)), "zip") == TEXT
    assert unpack(zipped(("a.csv", TEXT), method=zipfile.ZIP_STORED), "zip") == TEXT


@pytest.mark.parametrize("keep", [0.2, 0.9, 0.999])
def test_a_truncated_archive_is_refused(keep):
    """The part before the end may be half of what was sent."""
    whole = gzip.compress(TEXT)
    assert "cut off" in refused(whole[: int(len(whole) * keep)])
    whole = zipped(("a.csv", TEXT))
    assert "not a whole zip archive" in refused(whole[: int(len(whole) * keep)], "zip")


def test_a_damaged_archive_is_refused():
    """A wrong checksum, other bytes after the end, no archive, and an empty file."""
    whole = bytearray(gzip.compress(TEXT))
    whole[-8] ^= 1
    assert "not a whole gzip file" in refused(bytes(whole))
    assert "goes on with other bytes" in refused(gzip.compress(TEXT) + b"more")
    assert "not a whole gzip file" in refused(TEXT)
    assert "not a whole zip archive" in refused(TEXT, "zip")
    assert "the file is empty" in refused(b"")
    assert "the file is empty" in refused(b"", "zip")
    stored = bytearray(zipped(("a.csv", TEXT), method=zipfile.ZIP_STORED))
    stored[1000] ^= 1
    assert "CRC" in refused(bytes(stored), "zip")


def test_a_zip_with_an_impossible_directory_offset_is_refused(tmp_path):
    """An offset before the start of the file is the archive's fault, not the disk's."""
    raw = bytearray(zipped(("a.csv", TEXT)))
    at = raw.rfind(b"PK\x05\x06") + 16
    for place in (1000, 0xFFFFFFF0):
        raw[at : at + 4] = struct.pack("<L", struct.unpack("<L", raw[at : at + 4])[0] + place & 0xFFFFFFFF)
        path = tmp_path / "a.zip"
        path.write_bytes(raw)
        with path.open("rb") as file, pytest.raises(ContractBreach) as caught:
            open_stream(Feed(contract="c", map=({"to": "x", "from": "a"},), compression="zip"), file).read(1)
        assert caught.value.code == "compression-error"


def test_a_disk_error_is_not_an_archive_error():
    """A disk error is for another run, and the file is not refused."""

    class Failing(io.BytesIO):
        def read(self, *size):
            if self.tell() == 0:  # the position of the member; the directory is at the end
                raise OSError(errno.EIO, "Input/output error")
            return super().read(*size)

    with pytest.raises(OSError, match="Input/output error"):
        open_stream(
            Feed(contract="c", map=({"to": "x", "from": "a"},), compression="zip"), Failing(zipped(("a", b"x")))
        ).read(1)


@pytest.mark.parametrize("compression", ["gzip", "zip"])
def test_any_damage_is_a_breach_of_the_contract(expected, make_feed, compression, tmp_path):
    """Of 300 archives with some bytes changed or cut off, each is read or refused; no other error occurs."""
    text = b"a,b\n" + b"".join(b"%d,x%d\n" % (n, n * 7919 % 101) for n in range(40))
    whole = gzip.compress(text, mtime=0) if compression == "gzip" else zipped(("a.csv", text))
    reader = make_reader(make_feed(compression=compression), expected(missing_values=()))
    chance = random.Random(7)
    path = tmp_path / "a"
    refused = 0
    for _ in range(300):
        raw = bytearray(whole)
        if chance.random() < 0.2:
            del raw[chance.randrange(len(raw)) :]
        for _ in range(chance.choice((1, 1, 2, 4)) if raw else 0):
            at = chance.randrange(max(0, len(raw) - chance.choice((90, len(raw)))), len(raw))
            raw[at] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
        path.write_bytes(raw)
        for read in (reader.read, reader.rows):
            with path.open("rb") as file:
                try:
                    for _ in read(file):
                        pass
                except ContractBreach:
                    refused += 1
    assert 300 < refused < 600


@pytest.mark.parametrize("compression", ["gzip", "zip"])
def test_a_bomb_is_refused_in_little_memory(compression):
    """A file that expands too much is refused while it is read, by its size and by its ratio."""
    zeros = bytes(50 << 20)
    bomb = gzip.compress(zeros) if compression == "gzip" else zipped(("a.csv", zeros))
    del zeros
    tracemalloc.start()
    assert "max_ratio = 200 times" in refused(bomb, compression)
    assert "max_size_bytes = 1000000" in refused(bomb, compression, max_size_bytes=1_000_000, max_ratio=1e9)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20
    assert len(unpack(bomb, compression, max_ratio=2000)) == 50 << 20


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/../../x", "..\\x", "C:x", "a\\b"])
def test_a_member_with_an_unsafe_name_is_refused(name):
    """No name is ever used as a path, and such a name is no accident."""
    assert "a name must be plain and stay in its folder" in refused(zipped((name, TEXT)), "zip")


def test_a_zip_that_is_not_one_plain_file_is_refused():
    """No file, several, a link, one with a password, one with an unsupported compression method."""
    assert "holds 0" in refused(zipped(("d/", b"")), "zip")
    assert "holds 2: 'a.csv', 'b.csv'" in refused(zipped(("a.csv", TEXT), ("b.csv", TEXT)), "zip")
    link = zipfile.ZipInfo("a.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "is a link" in refused(zipped((link, b"/etc/passwd")), "zip")
    assert "a method that is not supported; choices: stored, deflate" in refused(
        zipped(("a.csv", TEXT), method=zipfile.ZIP_BZIP2), "zip"
    )
    locked = bytearray(zipped(("a.csv", TEXT)))
    locked[6] |= 1
    locked[locked.rfind(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refused(bytes(locked), "zip")
