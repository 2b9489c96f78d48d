"""Where whole files are delivered to: a folder, or a place that takes a file in two steps, part and name.

Between the two steps the caller commits its ledger. A run that resumes after a crash asks how far a delivery came, and
then only gives the part its name, or sees that this was done: whether or not the partner has taken the file meanwhile.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol, Self, runtime_checkable

from poc.errors import DeliveryFailed, PlaceRefused, PlaceUnavailable
from poc.transports import folder as folders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    from poc.places.place import PutResult

#: How far a delivery came. `part`: it is whole if `finish` had returned.
DeliveryState = Literal["part", "published", "neither"]

#: Refusals after which nothing is sent to the partner until a person releases it.
TURNED_AWAY = frozenset({"host-key", "sign-in"})


#: Codes of places that deliveries have other words for.
DELIVERY_CODES = {"timeout": "time-out", "host": "connection", "tls": "certificate"}


class FilePart(Protocol):
    """A file being written. Leaving the `with` block before `finish` deletes it."""

    @property
    def size_bytes(self) -> int:
        """The bytes written so far."""

    def write(self, data: bytes) -> None:
        """Append data."""

    def finish(self) -> None:
        """Write all of it to the disk; from here on the part stays until it is published."""

    def discard(self) -> None:
        """Delete the part, unless it is finished."""

    def __enter__(self) -> Self:
        """Return the part."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Discard the part."""


@runtime_checkable
class PartPlace(Protocol):
    """A place that takes a file in two steps. Raises what the verbs of a place raise."""

    @property
    def address(self) -> str:
        """The address as messages show it, without secrets."""

    def part_state(self, name: str) -> DeliveryState:
        """Return how far the delivery of a file came."""

    def open_part(self, name: str) -> FilePart:
        """Start the delivery of a file; a part left by a crash is overwritten or deleted."""

    def publish(self, name: str) -> PutResult:
        """Give a finished part its name, if no other file has it. Idempotent."""

    def close(self) -> None:
        """Close the connection. A later call opens a new one."""


class FileTarget(Protocol):
    """Where the files of one feed are delivered to. All raise DeliveryFailed."""

    def state(self, name: str) -> DeliveryState:
        """Return how far the delivery of a file came."""

    def open_part(self, name: str) -> FilePart:
        """Start the delivery of a file; a part left by a crash is deleted."""

    def publish(self, name: str) -> None:
        """Give a finished part its name. Idempotent; a file of that name with the same bytes is success, too."""

    def shown(self, name: str) -> str:
        """Return a file's address for people."""

    def kept(self) -> Self:
        """Return the target as one whose connection stays open between files, until it is closed."""

    def end_file(self) -> None:
        """End the work on a file: close the connection, unless it is kept."""

    def close(self) -> None:
        """Close the connection, if there is one; the next delivery makes a new one."""


@dataclass(frozen=True, slots=True)
class FolderTarget:
    """A folder, created where its parent exists."""

    folder: Path

    def state(self, name: str) -> DeliveryState:
        """Return how far the delivery of a file came."""
        return folders.delivery_state(self.folder, name)

    def open_part(self, name: str) -> FilePart:
        """Start the delivery of a file."""
        return folders.open_part(self.folder, name)

    def publish(self, name: str) -> None:
        """Give a finished part its name."""
        folders.publish(self.folder, name)

    def shown(self, name: str) -> str:
        """Return the path of a file."""
        return str(self.folder / name)

    def kept(self) -> Self:
        """Return the target itself: a folder has no connection."""
        return self

    def end_file(self) -> None:
        """Do nothing: a folder has no connection."""

    def close(self) -> None:
        """Do nothing: a folder has no connection."""


@dataclass(frozen=True, slots=True)
class PlaceTarget:
    """A place; its errors become those of a delivery."""

    place: PartPlace
    clock_s: Callable[[], float] = time.monotonic
    keeps_open: bool = False

    def state(self, name: str) -> DeliveryState:
        """Return how far the delivery of a file came."""
        with as_delivery(self.clock_s):
            return self.place.part_state(name)

    def open_part(self, name: str) -> FilePart:
        """Start the delivery of a file."""
        with as_delivery(self.clock_s):
            return PlacePart(self.place.open_part(name), self)

    def publish(self, name: str) -> None:
        """Give a finished part its name."""
        with as_delivery(self.clock_s):
            result = self.place.publish(name)
        if result == "conflict":
            note = "another file has this name and is left unchanged; move it away"
            raise DeliveryFailed("file-exists", f"{self.shown(name)}: {note}", kind="stop")

    def shown(self, name: str) -> str:
        """Return the address of a file."""
        return f"{self.place.address.rstrip('/')}/{name}"

    def kept(self) -> Self:
        """Return the target as one whose connection stays open between files, until it is closed."""
        return replace(self, keeps_open=True)

    def end_file(self) -> None:
        """End the work on a file: close the connection, unless it is kept."""
        if not self.keeps_open:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        self.place.close()


class PlacePart:
    """A part at a place; its errors become those of a delivery."""

    def __init__(self, part: FilePart, target: PlaceTarget) -> None:
        self._part, self._target = part, target

    @property
    def size_bytes(self) -> int:
        """The bytes written so far."""
        return self._part.size_bytes

    def write(self, data: bytes) -> None:
        """Append data."""
        with as_delivery(self._target.clock_s):
            self._part.write(data)

    def finish(self) -> None:
        """Write all of it to the place's disk."""
        with as_delivery(self._target.clock_s):
            self._part.finish()

    def discard(self) -> None:
        """Delete the part, unless it is finished."""
        self._part.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


@contextmanager
def as_delivery(clock_s: Callable[[], float]) -> Iterator[None]:
    """Turn the errors of a place into those of a delivery."""
    began_s = clock_s()
    try:
        yield
    except PlaceUnavailable as error:
        blocked_s = clock_s() - began_s if error.code == "timeout" else 0.0
        code = DELIVERY_CODES.get(error.code, error.code)
        raise DeliveryFailed(code, str(error), blocked_s, unknown=error.unknown) from error
    except PlaceRefused as error:
        kind: Literal["pause", "retry"] = "pause" if error.code in TURNED_AWAY else "retry"
        raise DeliveryFailed(DELIVERY_CODES.get(error.code, error.code), str(error), kind=kind) from error
