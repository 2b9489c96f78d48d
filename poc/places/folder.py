"""A folder of this machine, or of a file server that is mounted, as a place."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from poc.errors import BadInput, DeliveryFailed, FileStillChanging, PlaceRefused, PlaceUnavailable
from poc.places.place import Seen
from poc.transports.folder import PART, open_part, safe_name, sync_folder
from poc.transports.source_file import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from poc.places.place import PutResult

#: Bytes of a piece.
PIECE_BYTES = 1 << 20

#: Errors that a person must put right; others may pass.
REFUSALS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}


class FolderPlace:
    """A folder as a place. The folder must exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def address(self) -> str:
        """The folder."""
        return str(self.folder)

    def look(self) -> list[Seen]:
        """Return the regular files of the folder by name."""
        try:
            with os.scandir(self.folder) as entries:
                regular = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
                seen = [view for view in (self.found(entry.name) for entry in regular) if view is not None]
        except OSError as error:
            raise failure(self.folder, error) from error
        return sorted(seen, key=lambda view: view.name)

    def read(self, seen: Seen) -> Iterator[bytes]:
        """Yield the content of a file in pieces. Raises FileStillChanging."""
        path = self.folder / seen.name
        try:
            file, _ = open_regular(path)
        except BadInput as error:
            if self.found(seen.name) is None:
                raise FileStillChanging(f"{path}: is no longer there") from error
            raise PlaceRefused("rights", str(error)) from error
        try:
            with file:
                if _seen(seen.name, os.fstat(file.fileno())) != seen:
                    raise FileStillChanging(f"{path}: changed since it was seen")
                while piece := file.read(PIECE_BYTES):
                    yield piece
                if _seen(seen.name, os.fstat(file.fileno())) != seen:
                    raise FileStillChanging(f"{path}: changed while it was read")
        except OSError as error:
            raise failure(path, error) from error

    def put_new(self, name: str, body: BinaryIO) -> PutResult:
        """Write a file that appears whole or not at all, and only where no other file has its name."""
        name = safe_name(name)
        self._write_part(name, body)
        target = self.folder / name
        part = target.with_name(name + PART)
        try:
            if os.path.lexists(target):
                is_same = _has_content(target, body)
                part.unlink()
                return "same" if is_same else "conflict"
            part.rename(target)
            sync_folder(self.folder)
        except OSError as error:
            raise failure(target, error) from error
        return "made"

    def replace(self, name: str, body: BinaryIO) -> None:
        """Write a file that appears whole or not at all, in the place of one that has its name."""
        name = safe_name(name)
        self._write_part(name, body)
        try:
            (self.folder / (name + PART)).replace(self.folder / name)
            sync_folder(self.folder)
        except OSError as error:
            raise failure(self.folder / name, error) from error

    def take_away(self, seen: Seen, folder: str = "") -> None:
        """Delete a file, or move it into a subfolder. Raises FileStillChanging."""
        path = self.folder / seen.name
        current = self.found(seen.name)
        if current is None:
            return
        if current != seen:
            raise FileStillChanging(f"{path}: changed since it was seen; it is left")
        try:
            if folder:
                target_folder = self.folder / folder
                target_folder.mkdir(parents=True, exist_ok=True)
                free = FreeName(seen.name)
                while not free.is_over:
                    free.note(os.path.lexists(target_folder / free.candidate))
                path.rename(target_folder / free.candidate)
                sync_folder(target_folder)
            else:
                path.unlink(missing_ok=True)
            sync_folder(self.folder)
        except OSError as error:
            raise failure(path, error) from error

    def found(self, name: str) -> Seen | None:
        """Return a file by its name, None where there is none."""
        try:
            return _seen(name, (self.folder / name).lstat())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise failure(self.folder / name, error) from error

    def close(self) -> None:
        """Do nothing: a folder has no connection."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_part(self, name: str, body: BinaryIO) -> None:
        body.seek(0)
        try:
            with open_part(self.folder, name) as part:
                while piece := body.read(PIECE_BYTES):
                    part.write(piece)
                part.finish()
        except DeliveryFailed as error:
            raise PlaceUnavailable(error.code, str(error)) from error


class FreeName:
    """A search for a name that is free: `a.csv`, or `a.2.csv`, `a.3.csv` and so on.

    Each answer about `candidate` goes to `note`, until `is_over`; then `candidate` is free. Numbers are doubled, and
    what lies between is halved: a folder with 35,000 files of one name (a year's, four an hour) takes about 30 answers.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._number = 1
        self._taken, self._free = 0, 0  # a number that is taken, and a higher one that is free; 0 where none is known

    @property
    def is_over(self) -> bool:
        """Whether `candidate` is known to be free."""
        return self._free == self._taken + 1

    @property
    def candidate(self) -> str:
        """The name to ask about, or the free one."""
        path = Path(self._name)
        return self._name if self._number == 1 else f"{path.stem}.{self._number}{path.suffix}"

    def note(self, is_taken: bool) -> None:
        """Note whether the candidate is taken."""
        if is_taken:
            self._taken = self._number
        else:
            self._free = self._number
        if self.is_over:
            self._number = self._free
        else:
            self._number = (self._taken + self._free) // 2 if self._free else 2 * self._taken


def failure(path: Path, error: OSError) -> PlaceUnavailable | PlaceRefused:
    """Return the error for what the system refused."""
    text = f"{path}: {error.strerror or error}"
    if error.errno == errno.ENOENT:
        return PlaceUnavailable("folder", f"{text}; create the folder, or check why it is not mounted")
    if error.errno in REFUSALS:
        return PlaceRefused("rights", text)
    return PlaceUnavailable("folder", text)


def _has_content(path: Path, body: BinaryIO) -> bool:
    """Return whether a file has the bytes of a body."""
    try:
        file, _ = open_regular(path)
    except BadInput:
        return False
    body.seek(0)
    with file:
        while piece := file.read(PIECE_BYTES):
            if body.read(len(piece)) != piece:
                return False
    return not body.read(1)


def _seen(name: str, status: os.stat_result) -> Seen:
    changed_at = datetime.fromtimestamp(status.st_mtime_ns // 1_000_000 / 1000, UTC)
    return Seen(name, status.st_size, changed_at, f"{status.st_dev}-{status.st_ino}-{status.st_mtime_ns}")
