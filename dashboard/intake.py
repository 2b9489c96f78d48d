"""Files that partners hand in by HTTP, as the front door takes them: this room knows requests and answers alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A request that hands in a file. `signature` are id, time and signatures; None where a token let it in."""

    partner: str
    feed: str
    body: BinaryIO
    content_type: str
    key: str
    name: str
    signature: tuple[str, str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A file that was taken: its name in the inbox, and the id of its receipt."""

    receipt_id: str
    file: str
    sha256: str
    size_bytes: int


class IntakeRefused(Exception):
    """A request that is refused: its status, a title, and a sentence for its sender."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.title = status, title


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What takes files and reads receipts; each raises IntakeRefused.

    `max_bytes` is the most bytes of a file of a partner's feed, 0 where it takes none by HTTP; it is called for each
    request, before its body is read. `read_receipt` returns the body and the headers of the answer, and None while the
    file is under way; its last argument is the signature of a request without a token.
    """

    max_bytes: Callable[[str, str], int]
    receive: Callable[[Upload], Taken]
    read_receipt: Callable[[str, str, str, tuple[str, str, str] | None], tuple[str, Mapping[str, str]] | None]
