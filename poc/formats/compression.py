"""Compressed files: gzip and zip, decompressed as a stream with limits on size and ratio.

Nothing is extracted to disk, and no name inside an archive is used as a path. A file that cannot be read to its end is
refused whole: the part before the damage may look valid and be only half of what was sent.
"""

from __future__ import annotations

import errno
import re
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING, Protocol

from poc.errors import ContractBreach
from poc.file_names import is_system_file
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from poc.config.partner import Feed

#: Compressed bytes read at once.
CHUNK_BYTES = 64 * 1024

#: zlib's value of `wbits` for "expect a gzip header and verify its checksum".
ZLIB_GZIP = 31

#: How compressed files begin, by the name of their compression.
MAGIC_BYTES = {"gzip": b"\x1f\x8b", "zip": b"PK\x03\x04"}

#: Compression methods of a zip member that can be decompressed in bounded memory.
ZIP_METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflate"}

#: Member names that would leave the folder of extraction on some operating system.
UNSAFE_NAME = re.compile(r"^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)|\\|[\x00-\x1f]")

#: Errors of the system for an offset that no file has: it comes from the archive.
INVALID_OFFSET = {errno.EINVAL, errno.EOVERFLOW}


class ByteStream(Protocol):
    """A readable stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes; none at the end. Raises ContractBreach if the file is damaged."""


def open_stream(feed: Feed, source: BinaryIO, passed_over: list[str] | None = None) -> ByteStream:
    """Open a file for reading, decompressed as the feed's `compression` says.

    Args:
        feed: has `compression`, `max_size_bytes` and `max_ratio`.
        source: a seekable file; it is read from its start.
        passed_over: reading adds the names of files in a zip that systems add and nobody means to send.

    Raises:
        ContractBreach: "compression-error": the file is empty. Reading the stream raises it for a file that is no such
            archive, is damaged, cut off or unsafe, or expands to more than the feed allows.
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
    return CappedStream(unzip(source, passed_over), feed, size_bytes)


class CappedStream:
    """Stream of decompressed pieces that refuses a file as soon as it exceeds the feed's size or ratio limit."""

    def __init__(self, pieces: Iterator[bytes], feed: Feed, size_bytes: int) -> None:
        self._pieces = pieces
        self._feed = feed
        self._compressed_bytes = size_bytes
        self._decompressed_bytes = 0
        self._remainder = b""

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes; none at the end. Raises ContractBreach for damage and exceeded limits."""
        if not self._remainder:
            self._remainder = next(self._pieces, b"")
            self._decompressed_bytes += len(self._remainder)
            self._check_limits()
        piece, self._remainder = self._remainder[:size], self._remainder[size:]
        return piece

    def _check_limits(self) -> None:
        feed = self._feed
        if self._decompressed_bytes > feed.max_size_bytes:
            raise compression_error(f"it unpacks to more than max_size_bytes = {feed.max_size_bytes}")
        if self._decompressed_bytes > feed.max_ratio * self._compressed_bytes:
            raise compression_error(
                f"it unpacks to more than max_ratio = {feed.max_ratio:g} times its {self._compressed_bytes} bytes"
            )


def gunzip(source: BinaryIO) -> Iterator[bytes]:
    """Decompress a gzip file with all its members, and verify each checksum. Raises ContractBreach."""
    compressed = source.read(CHUNK_BYTES)
    while compressed:
        member = zlib.decompressobj(ZLIB_GZIP)
        while not member.eof:
            if not compressed and not (compressed := source.read(CHUNK_BYTES)):
                raise compression_error("the gzip file ends too early: it was cut off")
            try:
                piece = member.decompress(compressed, CHUNK_BYTES * 16)
            except zlib.error as error:
                raise compression_error(f"not a whole gzip file: {error}") from error
            compressed = member.unused_data if member.eof else member.unconsumed_tail
            if piece:
                yield piece
        compressed = strip_zero_padding(compressed, source)
        if compressed and not compressed.startswith(b"\x1f"):
            raise compression_error("the gzip file goes on with other bytes after its end")


def strip_zero_padding(compressed: bytes, source: BinaryIO) -> bytes:
    """Return what follows a gzip member, without the zero bytes with which some systems pad files."""
    compressed = compressed.lstrip(b"\0")
    while not compressed and (more := source.read(CHUNK_BYTES)):
        compressed = more.lstrip(b"\0")
    return compressed


def unzip(source: BinaryIO, passed_over: list[str] | None = None) -> Iterator[bytes]:
    """Decompress the only file in a zip archive, and verify its checksum. Raises ContractBreach."""
    try:
        with zipfile.ZipFile(source) as archive, archive.open(only_member(archive, passed_over)) as member:
            while piece := member.read(CHUNK_BYTES * 16):
                yield piece
    except ContractBreach:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise compression_error(f"not a whole zip archive: {truncate(str(error)) or 'it was cut off'}") from error
    except Exception as error:  # zipfile trusts the archive's metadata and fails in many ways
        if isinstance(error, OSError) and error.errno not in INVALID_OFFSET:
            raise
        raise compression_error("not a whole zip archive: its metadata is inconsistent") from error


def only_member(archive: zipfile.ZipFile, passed_over: list[str] | None = None) -> zipfile.ZipInfo:
    """Return the only file of an archive, passing over folders and what systems add. Raises ContractBreach."""
    entries = [info for info in archive.infolist() if not info.is_dir()]
    files = [info for info in entries if not is_system_file(info.filename)]
    if passed_over is not None:
        passed_over += [truncate(info.filename) for info in entries if info not in files]
    if len(files) != 1:
        names = ", ".join(repr(truncate(info.filename)) for info in files[:5]) + (", ..." if len(files) > 5 else "")
        raise compression_error(
            f"a zip archive must hold one file; this one holds {len(files)}" + (f": {names}" if names else "")
        )
    (info,) = files
    name = repr(truncate(info.filename))
    if UNSAFE_NAME.search(info.orig_filename):
        raise compression_error(f"the archive names its file {name}; a name must be plain and stay in its folder")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise compression_error(f"the archive's {name} is a link, not a file")
    if info.flag_bits & 1:
        raise compression_error(f"the archive's {name} is encrypted; send it without a password")
    if info.compress_type not in ZIP_METHODS:
        choices = ", ".join(ZIP_METHODS.values())
        problem = "is compressed by a method that is not supported"
        raise compression_error(f"the archive's {name} {problem}; choices: {choices}")
    return info


def compression_error(message: str) -> ContractBreach:
    """Return the error that refuses an archive."""
    return ContractBreach("compression-error", message)


def undeclared_compression(head: bytes, feed: Feed) -> str:
    """Return what to set where a file that should be plain text begins as a compressed one; "" for any other file."""
    if feed.compression != "none":
        return ""
    name = next((name for name, magic in MAGIC_BYTES.items() if head.startswith(magic)), "")
    return f'the file is compressed; set `compression = "{name}"` for the feed' if name else ""
