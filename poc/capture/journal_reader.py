"""What the capture proxy has kept: requests in the order in which they began, from the journals of its days.

A journal is `var/capture/PARTNER/DAY/journal.jsonl`. Its lines have the `id` of a request. One with `method` begins it,
before a byte of it goes to the partner; one with `whole` is about its body, and holds a small one as `content` in
base64, while a larger one is the file `ID.body` beside the journal; those with `ended` say what became of the request,
the last one counts. A position in the journals is the text `DAY:OFFSET`, so that a span of them needs no clock.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: The name of a day's journal, and of a day's folder.
JOURNAL = "journal.jsonl"
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

#: The position before all journals.
FIRST_POSITION = "0000-00-00:0"


@dataclass(frozen=True, slots=True)
class CapturedRequest:
    """A request of the monolith and what became of it.

    `ended` is `complete` where the partner's answer came whole, `cut` or `malformed` where it did not, `no-answer`,
    `not-sent` where no byte went to the partner, or empty while it is under way, or where the proxy ended first.
    `whole`: the monolith sent all of the body. `body` is the file that holds it, without its transfer coding: the
    journal with the `offset` of the line, or a file of its own, and then `offset` is None.
    """

    id: str
    at: str
    method: str
    path: str
    media_type: str
    coding: str
    key: str
    body: Path
    offset: int | None = None
    whole: bool = False
    size_bytes: int = 0
    sha256: str = ""
    status: int | None = None
    ended: str = ""
    wall_s: float | None = None
    kept: bool = field(default=True)


def capture_folder(root: Path, partner: str) -> Path:
    """Return the folder of what a partner's proxy keeps."""
    return root / "var" / "capture" / partner


def day_folders(folder: Path) -> list[Path]:
    """Return the folders of the days on which something was kept, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if DAY.fullmatch(path.name) and path.is_dir())


def journal_end(folder: Path) -> str:
    """Return the position after everything that is kept now."""
    for day in reversed(day_folders(folder)):
        journal = day / JOURNAL
        if journal.is_file():
            return f"{day.name}:{journal.stat().st_size}"
    return FIRST_POSITION


def read_requests(folder: Path, begin: str, end: str) -> list[CapturedRequest]:
    """Return the requests that began between two positions, with what is known of their ends now."""
    first_day, first_offset = split_position(begin)
    last_day, last_offset = split_position(end)
    requests: dict[str, CapturedRequest] = {}
    for day in day_folders(folder):
        if not first_day <= day.name <= last_day:
            continue
        for offset, line in _lines(day / JOURNAL, first_offset if day.name == first_day else 0):
            if "method" in line and (day.name < last_day or offset < last_offset):
                requests[line["id"]] = _begun(line, day)
            elif (request := requests.get(line["id"])) is not None:
                requests[request.id] = (
                    _with_body(request, line, day, offset) if "whole" in line else _ended(request, line)
                )
    return list(requests.values())


def split_position(position: str) -> tuple[str, int]:
    """Return day and offset of a position."""
    day, _, offset = position.partition(":")
    return day, int(offset)


def _lines(journal: Path, offset: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the lines from an offset on; a line that the end of a process cut is left out."""
    try:
        file = journal.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(offset)
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                line = None
            if isinstance(line, dict) and isinstance(line.get("id"), str):
                yield offset, line
            offset += len(text)


def _begun(line: dict[str, Any], day: Path) -> CapturedRequest:
    return CapturedRequest(
        line["id"], line["at"], line["method"], line["path"], line["type"], line["coding"], line["key"],
        day / f"{line['id']}.body",
    )  # fmt: skip


def _with_body(request: CapturedRequest, line: dict[str, Any], day: Path, offset: int) -> CapturedRequest:
    inline = "content" in line
    return replace(
        request, whole=line["whole"], size_bytes=line["size_bytes"], sha256=line["sha256"],
        body=day / JOURNAL if inline else request.body, offset=offset if inline else None,
    )  # fmt: skip


def _ended(request: CapturedRequest, line: dict[str, Any]) -> CapturedRequest:
    return replace(request, ended=line["ended"], status=line["status"], wall_s=line["wall_s"], kept=line["kept"])
