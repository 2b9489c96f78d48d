"""Compressed files: gzip and zip, read as a stream with caps on what may come out of them.

Nothing is unpacked to disk and no name inside an archive is ever used as a path. A file that cannot be read to its end
is refused whole: what came out before the end may look right and be half of what was sent.
"""

from __future__ import annotations

import errno
import re
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING, Protocol

from poc.errors import ContractBreach
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from poc.config.partner import Feed

#: Compressed bytes taken at once.
CHUNK_BYTES = 64 * 1024

#: zlib's own word for "expect a gzip header and check its sum".
ZLIB_GZIP = 31

#: Ways of packing a zip member that can be unpacked in bounded memory.
ZIP_METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflate"}

#: Member names that would leave the folder they were unpacked in, on any system.
UNSAFE_NAME = re.compile(r"^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)|\\|[\x00-\x1f]")


#: What the system says of a place that no file has: it is the archive that names it.
INVALID_OFFSET = {errno.EINVAL, errno.EOVERFLOW}


class ByteStream(Protocol):
    """Bytes, some at a time."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end. Raises ContractBreach where the bytes cannot be had."""


def open_stream(feed: Feed, source: BinaryIO) -> ByteStream:
    """What a file holds, unpacked as the feed's `compression` says.

    Args:
        feed: tells `compression`, `max_size_bytes` and `max_ratio`.
        source: a seekable file, read from its start.

    Raises:
        ContractBreach: "compression-error": it is no such archive, or not one that may be read. Reading may raise it
            too: a damaged or cut-off archive, or one that holds more than the feed allows.
    """
    source.seek(0)
    if feed.compression == "none":
        return source
    size_bytes = source.seek(0, 2)
    source.seek(0)
    if not size_bytes:
        raise compression_error(f"the file is empty, so it is no {feed.compression} archive")
    if feed.compression == "gzip":
        return CappedStream(gunzip(source), feed, size_bytes)
    return CappedStream(unzip(source), feed, size_bytes)


class CappedStream:
    """A stream of unpacked pieces that holds its caps: what is over them is refused, however much more there is."""

    def __init__(self, pieces: Iterator[bytes], feed: Feed, size_bytes: int) -> None:
        self._pieces = pieces
        self._feed = feed
        self._packed_bytes = size_bytes
        self._out_bytes = 0
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end. Raises ContractBreach for damage and for more than is allowed."""
        if not self._rest:
            self._rest = next(self._pieces, b"")
            self._out_bytes += len(self._rest)
            self._allow()
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def _allow(self) -> None:
        feed = self._feed
        if self._out_bytes > feed.max_size_bytes:
            raise compression_error(f"it unpacks to more than max_size_bytes = {feed.max_size_bytes}")
        if self._out_bytes > feed.max_ratio * self._packed_bytes:
            raise compression_error(
                f"it unpacks to more than max_ratio = {feed.max_ratio:g} times its {self._packed_bytes} bytes"
            )


def gunzip(source: BinaryIO) -> Iterator[bytes]:
    """The pieces of a gzip file, of all its members; each member's sum is checked. Raises ContractBreach."""
    packed = source.read(CHUNK_BYTES)
    while packed:
        member = zlib.decompressobj(ZLIB_GZIP)
        while not member.eof:
            if not packed and not (packed := source.read(CHUNK_BYTES)):
                raise compression_error("the gzip file ends too early: it was cut off")
            try:
                piece = member.decompress(packed, CHUNK_BYTES * 16)
            except zlib.error as error:
                raise compression_error(f"not a whole gzip file: {error}") from error
            packed = member.unused_data if member.eof else member.unconsumed_tail
            if piece:
                yield piece
        packed = strip_zero_padding(packed, source)
        if packed and not packed.startswith(b"\x1f"):
            raise compression_error("the gzip file goes on with other bytes after its end")


def strip_zero_padding(packed: bytes, source: BinaryIO) -> bytes:
    """What follows a gzip member, without the zeros that some systems fill files up with."""
    packed = packed.lstrip(b"\0")
    while not packed and (more := source.read(CHUNK_BYTES)):
        packed = more.lstrip(b"\0")
    return packed


def unzip(source: BinaryIO) -> Iterator[bytes]:
    """The pieces of the one file in a zip archive; its sum is checked. Raises ContractBreach."""
    try:
        with zipfile.ZipFile(source) as archive, archive.open(only_member(archive)) as member:
            while piece := member.read(CHUNK_BYTES * 16):
                yield piece
    except ContractBreach:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise compression_error(f"not a whole zip archive: {truncate(str(error)) or 'it was cut off'}") from error
    except Exception as error:  # zipfile takes what the archive says of itself, and stumbles over it in many ways
        if isinstance(error, OSError) and error.errno not in INVALID_OFFSET:
            raise
        raise compression_error("not a whole zip archive: what it says of itself does not hold") from error


def only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The one file that an archive may hold, folders and what macOS adds left out. Raises ContractBreach."""
    files = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    if len(files) != 1:
        named = ", ".join(repr(truncate(info.filename)) for info in files[:5]) + (", ..." if len(files) > 5 else "")
        raise compression_error(
            f"a zip archive must hold one file; this one holds {len(files)}" + (f": {named}" if named else "")
        )
    (info,) = files
    name = repr(truncate(info.filename))
    if UNSAFE_NAME.search(info.orig_filename):
        raise compression_error(
            f"the archive names its file {name}; a name must be plain, without a way out of its folder"
        )
    if stat.S_ISLNK(info.external_attr >> 16):
        raise compression_error(f"the archive's {name} is a link, not a file")
    if info.flag_bits & 1:
        raise compression_error(f"the archive's {name} is encrypted; send it without a password")
    if info.compress_type not in ZIP_METHODS:
        choices = ", ".join(ZIP_METHODS.values())
        raise compression_error(f"the archive's {name} is packed in a way that is not read here; choices: {choices}")
    return info


def compression_error(message: str) -> ContractBreach:
    """The error of an archive that is refused."""
    return ContractBreach("compression-error", message)
