"""A place of a partner: one folder of files, used by six verbs whatever is beneath it.

Every verb has one deadline, computed from the place's `timeout_s` by `deadline_s`, after which it raises
PlaceUnavailable: a server that hangs stops nobody. A place is used by one thread at a time. It connects at the first
verb, and again after a connection was lost.

Every verb raises:
    PlaceUnavailable: the place cannot be reached now, or did not answer in time; try later. With `unknown`, the verb
        may have had its effect: look.
    PlaceRefused: the place refuses, and will again until a person corrects something; the message says what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from types import TracebackType

#: The slowest transfer, in bytes a second, that a deadline allows for.
SLOWEST_BYTES_S = 64 * 1024

#: What `put_new` did: wrote the file; found one with the same bytes; found another file of that name and left it.
PutResult = Literal["made", "same", "conflict"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was seen at a place.

    `changed_at` is the place's own time of its last change, None where it tells none. `mark` is equal where the place
    takes the content to be the same, such as an ETag; the empty string where it has nothing of that kind.
    """

    name: str
    size_bytes: int
    changed_at: datetime | None
    mark: str


class Place(Protocol):
    """One folder of files at a partner's place."""

    @property
    def address(self) -> str:
        """The address as messages show it, without secrets."""

    def look(self) -> list[Seen]:
        """Return the regular files of the folder by name, hidden and unfinished ones too; not those of subfolders."""

    def read(self, seen: Seen) -> Iterator[bytes]:
        """Yield the content of a file in pieces. Close the iterator if it is not read to its end.

        Raises:
            FileStillChanging: the file is no longer the one that was seen; what was yielded is of no use.
        """

    def put_new(self, name: str, body: BinaryIO) -> PutResult:
        """Write a file that appears whole or not at all, and only where no other file has its name.

        `body` is seekable and read from its beginning. Called again after its answer was lost, it returns `same`.
        """

    def replace(self, name: str, body: BinaryIO) -> None:
        """Write a file that appears whole or not at all, in the place of one that has its name."""

    def take_away(self, seen: Seen, folder: str = "") -> None:
        """Delete a file, or move it into a subfolder, which is created where it is missing.

        A file that is already gone is success. One that has the same name in the subfolder is kept: the moved file gets
        a name with a number.

        Raises:
            FileStillChanging: the file is no longer the one that was seen; it is left.
        """

    def found(self, name: str) -> Seen | None:
        """Return a file by its name, None where there is none."""

    def close(self) -> None:
        """Close the connection. A later verb opens a new one."""

    def __enter__(self) -> Self:
        """Return the place."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the place."""


def deadline_s(timeout_s: float, size_bytes: int = 0) -> float:
    """Return the most seconds that a verb may take that transfers so many bytes."""
    return timeout_s + size_bytes / SLOWEST_BYTES_S
