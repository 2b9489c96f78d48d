"""The encoding of an export: that of the feed, and what an editor may have saved it in instead."""

from __future__ import annotations

import codecs
from contextlib import suppress
from typing import TYPE_CHECKING

from poc.errors import BadInput, ExchangeError
from poc.formats.compression import open_stream
from poc.formats.encodings import MARKED_ORDER, TextEncoding, byte_order_mark, codec_name, file_codec, splitting_codec
from poc.formats.suspect_encoding import utf8_word
from poc.quarantine.archived_file import find_archived_file

if TYPE_CHECKING:
    from poc.config.workspace import Workspace
    from poc.ledger.exchange_record import ExchangeRecord

#: Marks at the start of a file by which editors say its encoding; the longer ones first.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def exchange_codec(workspace: Workspace, entry: ExchangeRecord) -> str:
    """Return the codec of an exchange's file; UTF-8 where its feed is not configured any more."""
    try:
        _, feed = workspace.get_feed(entry.partner, entry.feed)
    except BadInput:
        return "utf-8"
    encoding = feed.dialect.encoding
    if codec_name(encoding) in MARKED_ORDER:
        with suppress(ExchangeError, OSError), find_archived_file(workspace, entry).open("rb") as file:
            return TextEncoding(feed.dialect, open_stream(feed, file, [])).codec
    return file_codec(encoding, b"")


def marked_codec(data: bytes, codec: str) -> str | None:
    """Return the encoding that a mark at the start says; None without one, or where it is the feed's own."""
    saved = next((encoding for mark, encoding in MARKS if data.startswith(mark)), None)
    is_own = saved is not None and codec_name(codec).startswith(saved) and byte_order_mark(codec, data)
    return None if is_own else saved


def is_in_utf8(data: bytes, codec: str) -> bool:
    """Return whether a text without a mark was saved in UTF-8, and the codec is another one."""
    codec = codec_name(codec)
    if codec in {"utf-8", "ascii"}:
        return False
    if splitting_codec(codec) == codec:  # almost all bytes are valid in it
        return bool(utf8_word(data, codec))
    return not is_valid(data, codec) and is_valid(data, "utf-8")


def is_valid(data: bytes, codec: str) -> bool:
    """Return whether bytes can be decoded."""
    try:
        data.decode(codec)
    except UnicodeError:
        return False
    return True


def convert(data: bytes, saved: str, codec: str) -> bytes:
    """Return a text in another encoding. Raises BadInput where a character was lost, or cannot be written in it."""
    try:
        text = data.decode(saved)
    except UnicodeError as error:
        raise BadInput(f"it begins with the mark of {saved}, and is not in {saved}: {error}") from error
    if "\ufffd" in text and not codec_name(codec).startswith("utf-"):
        raise BadInput(
            f"it was saved in {saved}, and characters were lost: export the rows again, and open them in {codec}"
        )
    try:
        return text.encode(codec)
    except UnicodeEncodeError as error:
        lost = text[error.start]
        raise BadInput(f"it was saved in {saved}, and {lost!r} cannot be written in {codec}, the feed's own") from error
