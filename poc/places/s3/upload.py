"""Upload an object in parts: they lie at the server, unseen, until the upload is completed under its name.

A part that is uploaded survives a crash of ours, so that a finished set of parts takes the place of a `.part` file,
and the end of the upload that of its renaming.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from poc.errors import PlaceUnavailable
from poc.places.s3.client import S3Client, S3Failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

#: The bytes of a part, of which a server takes 10,000 at most.
PART_BYTES = 8 << 20

#: A larger object is copied in parts.
COPY_BYTES = 5 << 30

#: What makes the end of an upload fail where its name is taken.
CREATE_ONLY = {"IfNoneMatch": "*"}


class S3Upload:
    """An upload of one object. Leaving the `with` block before `finish` gives it up."""

    def __init__(self, client: S3Client, key: str, part_bytes: int = PART_BYTES) -> None:
        """Begin an upload. Raises S3Failure."""
        self.key = key
        self.size_bytes = 0
        self.is_finished = False
        self._client = client
        self._part_bytes = part_bytes
        self._rest = bytearray()
        self.parts: list[dict[str, Any]] = []
        client.start()
        self.id: str = client.call("create_multipart_upload", Key=key)["UploadId"]

    def write(self, data: bytes) -> None:
        """Append data. Raises PlaceUnavailable, PlaceRefused."""
        self.size_bytes += len(data)
        self._rest += data
        while len(self._rest) >= self._part_bytes:
            self._upload(bytes(memoryview(self._rest)[: self._part_bytes]))
            del self._rest[: self._part_bytes]

    def finish(self) -> None:
        """Upload what is left; from here on the parts stay until the upload is completed. Raises as `write`."""
        if self._rest or not self.parts:
            self._upload(bytes(self._rest))
            self._rest.clear()
        self.is_finished = True

    def discard(self) -> None:
        """Delete the parts, unless they are finished."""
        if not self.is_finished:
            abort(self._client, self.key, self.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def _upload(self, data: bytes) -> None:
        number = len(self.parts) + 1
        self._client.start(len(data))
        try:
            answer = self._client.call("upload_part", Key=self.key, UploadId=self.id, PartNumber=number, Body=data)
        except S3Failure as failure:
            raise failure.as_error from None
        self.parts.append({"PartNumber": number, "ETag": answer["ETag"]})


def open_uploads(client: S3Client, key: str) -> list[str]:
    """Return the ids of the uploads of a key that are still open, oldest first. Raises S3Failure."""
    pages = client.pages("list_multipart_uploads", Prefix=key)
    uploads = [upload for page in pages for upload in page.get("Uploads", ()) if upload["Key"] == key]
    return [upload["UploadId"] for upload in sorted(uploads, key=lambda upload: upload["Initiated"])]


def uploaded_parts(client: S3Client, key: str, upload_id: str) -> list[dict[str, Any]]:
    """Return the parts of an upload. Raises S3Failure."""
    pages = client.pages("list_parts", Key=key, UploadId=upload_id)
    return [{name: part[name] for name in ("PartNumber", "ETag")} for page in pages for part in page.get("Parts", ())]


def complete(
    client: S3Client, key: str, upload_id: str, parts: Sequence[Mapping[str, Any]], condition: Mapping[str, str]
) -> None:
    """Give the parts of an upload its name. Raises S3Failure."""
    client.call("complete_multipart_upload", Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}, **condition)


def abort(client: S3Client, key: str, upload_id: str) -> None:
    """Delete the parts of an upload, where the server lets us."""
    with suppress(S3Failure, PlaceUnavailable):
        client.call("abort_multipart_upload", Key=key, UploadId=upload_id)


def abort_all(client: S3Client, key: str) -> None:
    """Delete the parts of all uploads of a key, which a crash has left. Raises S3Failure."""
    for upload_id in open_uploads(client, key):
        abort(client, key, upload_id)


def copy(client: S3Client, source_key: str, key: str, size_bytes: int, mark: str) -> None:
    """Copy the version of an object that has an ETag, within its bucket. Raises S3Failure."""
    source = {"CopySource": {"Bucket": client.bucket, "Key": source_key}, "CopySourceIfMatch": mark}
    if size_bytes <= COPY_BYTES:
        client.call("copy_object", Key=key, **source)
        return
    upload_id: str = client.call("create_multipart_upload", Key=key)["UploadId"]
    parts: list[dict[str, Any]] = []
    try:
        for number, at in enumerate(range(0, size_bytes, COPY_BYTES), 1):
            target = {"Key": key, "UploadId": upload_id, "PartNumber": number}
            span = f"bytes={at}-{min(at + COPY_BYTES, size_bytes) - 1}"
            answer = client.call("upload_part_copy", **target, **source, CopySourceRange=span)
            parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
        complete(client, key, upload_id, parts, {})
    except BaseException:
        abort(client, key, upload_id)
        raise


def etag_of(parts: Sequence[Mapping[str, Any]]) -> str:
    """Return the ETag of an object of these parts; empty where the server makes them in a way of its own."""
    try:
        digests = b"".join(bytes.fromhex(part["ETag"].strip('"')) for part in parts)
    except ValueError:
        return ""
    return f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"'
