"""The first bytes of a sample, and what they say about its compression, format and encoding."""

from __future__ import annotations

import codecs
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from poc.config.partner import Feed
from poc.errors import BadInput, ContractBreach
from poc.formats.compression import open_stream

if TYPE_CHECKING:
    from pathlib import Path

#: Bytes of a sample that are looked at for its layout.
HEAD_BYTES = 8 << 20

#: Formats by the ending of a name.
FORMATS_BY_SUFFIX = {
    "jsonl": "jsonl", "ndjson": "jsonl", "json": "json", "xml": "xml", "xlsx": "xlsx", "parquet": "parquet",
}  # fmt: skip

#: How files of older Excel begin, and workbooks with a password.
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True, slots=True)
class SampleFile:
    """A sample: its path, its compression, and its first bytes, uncompressed; `is_whole` if these are all."""

    path: Path
    compression: str
    head: bytes
    is_whole: bool

    @property
    def inner_name(self) -> str:
        """The name of the file without the ending of its compression."""
        name = self.path.name
        return name.rpartition(".")[0] if self.compression != "none" and "." in name else name

    @property
    def pattern(self) -> str:
        """The pattern of the names of files like this one."""
        inner = self.inner_name
        suffix = f".{inner.rpartition('.')[2]}" if "." in inner else ""
        return f"*{suffix}{self.path.name[len(inner) :]}"


def open_sample(path: Path) -> SampleFile:
    """Read the first bytes of a sample. Raises BadInput for a file that cannot be read, or is empty."""
    if not path.is_file():
        raise BadInput(f"{path}: no such file" if not path.exists() else f"{path}: is no regular file")
    try:
        with path.open("rb") as file:
            start = file.read(8)
            compression = "gzip" if start.startswith(b"\x1f\x8b") else "none"
            if start.startswith(b"PK\x03\x04") and not is_workbook(path):
                compression = "zip"
            feed = Feed.model_validate({
                "contract": "-", "compression": compression, "map": [{"to": "x", "value": 1}],
            })  # fmt: skip
            stream = open_stream(feed, file)
            pieces, size_bytes = [], 0
            while size_bytes <= HEAD_BYTES and (piece := stream.read(1 << 20)):
                pieces.append(piece)
                size_bytes += len(piece)
    except ContractBreach as error:
        raise BadInput(f"{path}: {error}") from error
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    head = b"".join(pieces)
    if not head.strip():
        raise BadInput(f"{path}: the file is empty; nothing can be guessed from it")
    return SampleFile(path, compression, head[:HEAD_BYTES], len(head) <= HEAD_BYTES)


def is_workbook(path: Path) -> bool:
    """Return whether a zip archive is an Excel workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.startswith("xl/") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return path.suffix.lower() == ".xlsx"


def find_format(sample: SampleFile) -> str:
    """Return the format of a sample by its bytes, and by its name where they leave it open.

    Texts that are neither JSON nor XML are `csv`; whether they have columns of fixed width shows when they are read.
    """
    head = sample.head
    if head.startswith(OLD_EXCEL):
        raise BadInput(f"{sample.path}: this is no .xlsx file: it has a password, or is of an older Excel (.xls)")
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK\x03\x04"):
        return "xlsx"
    start = head.lstrip(codecs.BOM_UTF8).lstrip()
    if start.startswith(b"<") and re.match(rb"<(\?xml|!--|[A-Za-z_])", start):
        return "xml"
    by_suffix = FORMATS_BY_SUFFIX.get(sample.inner_name.rpartition(".")[2].lower(), "")
    if start.startswith(b"["):
        return "json" if by_suffix != "jsonl" else "jsonl"
    if start.startswith(b"{"):
        import json

        lines = start.splitlines()
        first_line = lines[0]
        try:
            json.loads(first_line)
        except ValueError:
            return "json"
        return "json" if by_suffix == "json" and len([line for line in lines if line.strip()]) == 1 else "jsonl"
    return "csv"


def find_encoding(sample: SampleFile) -> tuple[str, str, tuple[str, ...]]:
    """Return the encoding of a text, on what that rests, and what is in doubt. Raises BadInput where it is open.

    A byte order mark and valid UTF-8 are certain. Among the encodings of one byte a character there is no certainty:
    `cp1252` is taken for a text with few such characters, and some words with them are named.
    """
    head = sample.head
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
    ):  # fmt: skip
        if head.startswith(mark):
            return name, "by its byte order mark", ()
    zeros = head[:4096].count(0) * 2 / len(head[:4096])
    if zeros > 0.5:
        name = "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
        return name, "every second byte is zero", ()
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=sample.is_whole)
    except UnicodeDecodeError as error:
        return _one_byte_encoding(sample.path, head, error.start)
    return "utf-8", "only ASCII in the sample" if head.isascii() else "valid UTF-8", ()


def _one_byte_encoding(path: Path, head: bytes, at: int) -> tuple[str, str, tuple[str, ...]]:
    """Return `cp1252` for a text that may be in it, with words to look at. Raises BadInput for another one."""
    high = sum(byte > 127 for byte in head)
    letters = sum(chr(byte).isalpha() for byte in head if byte < 128) + high
    try:
        text = head.decode("cp1252")
    except UnicodeDecodeError:
        text = ""
    if not text or high > letters / 4:
        raise BadInput(
            f"{path}: the encoding cannot be guessed: byte 0x{head[at]:02x} at position {at + 1} is not UTF-8, and the "
            "text does not look like cp1252; name it by --encoding, such as cp1251, shift_jis or gb18030"
        )
    words = list(dict.fromkeys(re.findall(r"\w*[^\x00-\x7f]\w*", text)))[:4]
    doubt = f"read as cp1252, which cannot be told from its relatives; are these words right: {', '.join(words)}?"
    return "cp1252", "not UTF-8", (doubt,)
