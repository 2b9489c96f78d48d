"""A folder of a bucket, in Amazon S3 or on a compatible server, as a place.

An object appears whole, so that no `.part` is needed. `put_new` uses S3's create-only put (`If-None-Match: *`), for
large bodies at the end of a multipart upload: of two writers of one name, one finds a conflict. A read names the ETag
that was seen (`If-Match`), so that an object that was overwritten since is an error.
"""

from __future__ import annotations

import io
import time
from contextlib import suppress
from datetime import UTC
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Self

from poc.errors import FileStillChanging, PlaceUnavailable
from poc.places.folder import FreeName
from poc.places.place import Seen, deadline_s
from poc.places.s3.client import CHANGED, MISSING_KEY, TAKEN, S3Client, S3Failure
from poc.places.s3.upload import (
    CREATE_ONLY,
    PART_BYTES,
    S3Upload,
    abort,
    abort_all,
    complete,
    copy,
    etag_of,
    open_uploads,
    uploaded_parts,
)
from poc.places.web import PIECE_BYTES, CutShort
from poc.transports.folder import safe_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from poc.config.place import PlaceConfig
    from poc.places.place import PutResult

#: The most parts of an upload.
MOST_PARTS = 10_000

#: How often a read that was cut goes on from where it was, without having got any further.
RESUMES = 3


class S3Place:
    """A bucket, or what lies below a prefix of it, as a place."""

    def __init__(self, settings: PlaceConfig, environ: Mapping[str, str], root: Path) -> None:
        self._client = S3Client(settings, environ, root)
        self._timeout_s = settings.timeout_s
        folder = settings.path.strip("/")
        self._prefix = f"{folder}/" if folder else ""
        self._upload: S3Upload | None = None

    @property
    def address(self) -> str:
        """The address."""
        return self._client.address

    def look(self) -> list[Seen]:
        """Return the objects of the folder by name; not those further below."""
        self._client.start()
        seen = []
        try:
            for page in self._client.pages("list_objects_v2", Prefix=self._prefix, Delimiter="/"):
                seen += [self._seen(item["Key"], item, item["Size"]) for item in page.get("Contents", ())]
                self._client.start()
        except S3Failure as failure:
            raise failure.as_error from None
        return sorted((view for view in seen if view.name), key=lambda view: view.name)

    def read(self, seen: Seen) -> Iterator[bytes]:
        """Yield the content of an object in pieces; a lost connection is resumed. Raises FileStillChanging."""
        at, resumes, start_s = 0, 0, time.monotonic()
        while True:
            self._client.start()
            begin = at
            body = self._open(seen, at)
            try:
                while True:
                    body.until_s = start_s + deadline_s(self._timeout_s, min(at + PIECE_BYTES, seen.size_bytes))
                    piece = body.read(PIECE_BYTES)
                    if not piece:
                        break
                    at += len(piece)
                    yield piece
            except CutShort:
                resumes = 0 if at > begin else resumes + 1
                if resumes > RESUMES:
                    raise
                continue
            finally:
                body.close()
            if at != seen.size_bytes:
                raise FileStillChanging(f"{self._name(seen.name)}: has {at:,} bytes, and {seen.size_bytes:,} were seen")
            return

    def put_new(self, name: str, body: BinaryIO) -> PutResult:
        """Write an object, only where no other has its name."""
        name = safe_name(name)
        key = self._prefix + name
        size_bytes = body.seek(0, io.SEEK_END)
        self._client.start(size_bytes)
        try:
            if size_bytes > PART_BYTES and self.found(name) is not None:  # spares the transfer
                return self._compare(name, body)
            self._client.start(size_bytes)
            self._put(key, body, size_bytes, CREATE_ONLY)
        except S3Failure as failure:
            if failure.code in CHANGED or failure.code == "NoSuchUpload":  # the latter: an answer was lost
                return self._compare(name, body)
            if failure.code == TAKEN:
                note = "another request writes this name at the same time"
                raise PlaceUnavailable("server", f"{self._name(name)}: {note}", unknown=True) from None
            raise failure.as_error from None
        return "made"

    def replace(self, name: str, body: BinaryIO) -> None:
        """Write an object, in the place of one that has its name."""
        size_bytes = body.seek(0, io.SEEK_END)
        self._client.start(size_bytes)
        try:
            self._put(self._prefix + safe_name(name), body, size_bytes, {})
        except S3Failure as failure:
            raise failure.as_error from None

    def take_away(self, seen: Seen, folder: str = "") -> None:
        """Delete an object, or copy it below a subfolder first. Raises FileStillChanging."""
        key = self._prefix + seen.name
        current = self.found(seen.name)
        if current is None:
            return
        if current.mark != seen.mark:
            raise FileStillChanging(f"{self._name(seen.name)}: changed since it was seen; it is left")
        self._client.start(seen.size_bytes if folder else 0)
        try:
            if folder:
                self._copy(seen, f"{folder.strip('/')}/")
            self._client.call("delete_object", Key=key, IfMatch=seen.mark)
        except S3Failure as failure:
            if failure.code in CHANGED:
                raise FileStillChanging(f"{self._name(seen.name)}: changed since it was seen; it is left") from None
            if failure.code not in MISSING_KEY:
                raise failure.as_error from None

    def found(self, name: str) -> Seen | None:
        """Return an object by its name, None where there is none."""
        self._client.start()
        try:
            item = self._client.call("head_object", Key=self._prefix + name)
        except S3Failure as failure:
            if failure.code in MISSING_KEY:
                return None
            raise failure.as_error from None
        return self._seen(self._prefix + name, item, item["ContentLength"])

    def part_state(self, name: str) -> Literal["part", "published", "neither"]:
        """Return how far the delivery of an object came, for a run that resumes after a crash."""
        if self.found(safe_name(name)) is not None:
            return "published"
        return "part" if self._uploads(safe_name(name)) else "neither"

    def open_part(self, name: str) -> S3Upload:
        """Start the delivery of an object in parts; those that a crash left are deleted."""
        key = self._prefix + safe_name(name)
        self._client.start()
        try:
            abort_all(self._client, key)
            self._upload = S3Upload(self._client, key)
        except S3Failure as failure:
            raise failure.as_error from None
        return self._upload

    def publish(self, name: str) -> PutResult:
        """Complete a finished upload, if no other object has its name. Idempotent; a conflict's parts stay."""
        name = safe_name(name)
        key, upload = self._prefix + name, self._upload
        try:
            if upload is not None and upload.key == key and upload.is_finished:
                upload_id, parts = upload.id, upload.parts
            elif uploads := self._uploads(name):
                upload_id, parts = uploads[-1], uploaded_parts(self._client, key, uploads[-1])
            else:
                return self._published(name)
            target = self.found(name)  # first, for servers that ignore the condition
            if target is None:
                self._client.start()
                complete(self._client, key, upload_id, parts, CREATE_ONLY)
                return "made"
        except S3Failure as failure:
            if failure.code == "NoSuchUpload":  # an answer was lost
                return self._published(name)
            if failure.code not in CHANGED:
                raise failure.as_error from None
            target = self.found(name)
        if target is None or target.mark != etag_of(parts):
            return "conflict"
        abort(self._client, key, upload_id)
        return "same"

    def _uploads(self, name: str) -> list[str]:
        self._client.start()
        try:
            return open_uploads(self._client, self._prefix + name)
        except S3Failure as failure:
            raise failure.as_error from None

    def _published(self, name: str) -> PutResult:
        """Return `same` for an object whose parts are gone because it has its name."""
        if self.found(name) is None:
            raise PlaceUnavailable("folder", f"{self._name(name)}: neither it nor its parts are there", unknown=True)
        return "same"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _name(self, name: str) -> str:
        return f"{self.address}/{name}"

    def _seen(self, key: str, item: Mapping[str, Any], size_bytes: int) -> Seen:
        """Return an object as a place shows it; a list tells its time with milliseconds, and a head without."""
        changed_at = item["LastModified"].astimezone(UTC).replace(microsecond=0)
        return Seen(key.removeprefix(self._prefix), size_bytes, changed_at, item["ETag"])

    def _open(self, seen: Seen, at: int) -> Any:
        """Return the body of the version that was seen, from a byte on."""
        span = {"Range": f"bytes={at}-"} if at else {}
        try:
            answer = self._client.call("get_object", Key=self._prefix + seen.name, IfMatch=seen.mark, **span)
        except S3Failure as failure:
            if failure.code in CHANGED | MISSING_KEY or failure.status == 416:
                note = "overwritten or deleted since it was seen"
                raise FileStillChanging(f"{self._name(seen.name)}: {note}") from None
            raise failure.as_error from None
        body = answer["Body"]._raw_stream  # noqa: SLF001 (our own answer, whose deadline moves on)
        if answer["ETag"] != seen.mark or answer["ContentLength"] != seen.size_bytes - at:
            body.close()
            raise FileStillChanging(f"{self._name(seen.name)}: overwritten since it was seen")
        return body

    def _put(self, key: str, body: BinaryIO, size_bytes: int, condition: Mapping[str, str]) -> None:
        """Write an object, at once or in parts. Raises S3Failure."""
        body.seek(0)
        if size_bytes <= PART_BYTES:
            self._client.call("put_object", Key=key, Body=body.read(), **condition)
            return
        with suppress(S3Failure):  # parts that a crash left cost money; not every key may delete them
            abort_all(self._client, key)
        part_bytes = max(PART_BYTES, -(-size_bytes // MOST_PARTS))
        with S3Upload(self._client, key, part_bytes) as upload:
            while piece := body.read(PIECE_BYTES):
                upload.write(piece)
            upload.finish()
        self._client.start()
        try:
            complete(self._client, key, upload.id, upload.parts, condition)
        except BaseException:
            abort(self._client, key, upload.id)
            raise

    def _compare(self, name: str, body: BinaryIO) -> PutResult:
        """Return whether the object of this name has the bytes of a body."""
        seen = self.found(name)
        if seen is None:
            raise PlaceUnavailable("server", f"{self._name(name)}: was there, and is no longer", unknown=True)
        if seen.size_bytes != body.seek(0, io.SEEK_END):
            return "conflict"
        body.seek(0)
        pieces = self.read(seen)
        same = all(piece == body.read(len(piece)) for piece in pieces)
        return "same" if same else "conflict"

    def _copy(self, seen: Seen, folder: str) -> None:
        """Copy an object below a subfolder, unless it lies there already. Raises S3Failure."""
        free = FreeName(seen.name)
        while not free.is_over:
            target = self.found(folder + free.candidate)
            if target is not None and (target.size_bytes, target.mark) == (seen.size_bytes, seen.mark):
                return
            free.note(target is not None)
        self._client.start(seen.size_bytes)
        target_key = self._prefix + folder + free.candidate
        copy(self._client, self._prefix + seen.name, target_key, seen.size_bytes, seen.mark)
