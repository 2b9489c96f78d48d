"""Requests to an S3 server: botocore signs and parses them, our own client sends them, so that each has a deadline."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader
from botocore.session import Session

from poc.errors import BadInput, PlaceRefused, PlaceUnavailable
from poc.places.place import deadline_s
from poc.places.web import WebClient
from poc.transports.secrets import resolve_secret
from poc.transports.tls import TlsFiles

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from poc.config.place import PlaceConfig

#: How often a request is sent that the server was too busy for.
ATTEMPTS = 3

#: The right that each operation needs, as policies name it.
RIGHTS = {
    "ListObjectsV2": "s3:ListBucket",
    "HeadObject": "s3:GetObject and s3:ListBucket",
    "GetObject": "s3:GetObject",
    "CopyObject": "s3:GetObject and s3:PutObject",
    "UploadPartCopy": "s3:GetObject and s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListParts": "s3:ListMultipartUploadParts",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
}
PUT_RIGHT = "s3:PutObject"

#: Codes by what they mean.
NOT_SIGNED_IN = frozenset({
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired",
    "InvalidSecurity",
})  # fmt: skip
WRONG_REGION = frozenset({
    "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301", "307",
})  # fmt: skip
CLOCK = "RequestTimeTooSkewed"
DENIED = frozenset({"AccessDenied", "AllAccessDisabled", "AccountProblem", "403"})
MISSING_KEY = frozenset({"NoSuchKey", "404", "NoSuchVersion"})
CHANGED = frozenset({"PreconditionFailed", "412"})
TAKEN = "ConditionalRequestConflict"


class S3Client:
    """The operations of S3 for one bucket; an answer of failure is raised as `S3Failure`. One thread at a time."""

    def __init__(self, settings: PlaceConfig, environ: Mapping[str, str], root: Path) -> None:
        self.address = settings.url.rstrip("/")
        self.bucket = settings.host
        self._timeout_s = settings.timeout_s
        self._until_s = 0.0
        self._web = WebClient(self.address, TlsFiles(root / settings.ca_file if settings.ca_file else None))
        names = ("access_key_id", "secret_access_key", "session_token")
        self._keys = {name: resolve_secret(text, environ, root) for name in names if (text := getattr(settings, name))}
        self._region = settings.region or (
            "us-east-1" if settings.endpoint_url else None
        )  # such servers mostly have none
        self._endpoint_url = settings.endpoint_url or None
        self._server = settings.endpoint_url or "Amazon S3"

    @cached_property
    def _client(self) -> Any:
        """The client of botocore, which looks for credentials as it is made. Raises PlaceRefused, PlaceUnavailable."""
        session = Session()
        session.register_component("data_loader", shared_loader())
        if self._keys:
            names = ("access_key_id", "secret_access_key", "session_token")
            session.set_credentials(*(self._keys[name].reveal() if name in self._keys else None for name in names))
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if self._endpoint_url else "auto", "payload_signing_enabled": True},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            ignore_configured_endpoint_urls=True,
        )
        try:
            client = session.create_client(
                "s3", region_name=self._region, endpoint_url=self._endpoint_url, config=config
            )
        except (BotoCoreError, ValueError) as error:
            raise self._refused(error) from None
        client.meta.events.register("before-send.s3", self._send)
        return client

    def start(self, size_bytes: int = 0) -> None:
        """Begin a verb that transfers so many bytes: all its requests end at one deadline."""
        self._until_s = time.monotonic() + deadline_s(self._timeout_s, size_bytes)

    def call(self, operation: str, **values: Any) -> Any:
        """Return the answer to an operation of the bucket, named as botocore's method.

        Raises:
            S3Failure: the server answered with a failure.
            PlaceUnavailable, PlaceRefused: there was no answer.
        """
        try:
            return getattr(self._client, operation)(Bucket=self.bucket, **values)
        except ClientError as error:
            raise S3Failure(self, error) from None
        except BotoCoreError as error:
            raise self._refused(error) from None

    def pages(self, operation: str, **values: Any) -> Any:
        """Yield the pages of an operation that lists. Raises as `call`."""
        try:
            yield from self._client.get_paginator(operation).paginate(Bucket=self.bucket, **values)
        except ClientError as error:
            raise S3Failure(self, error) from None
        except BotoCoreError as error:
            raise self._refused(error) from None

    def close(self) -> None:
        """Close all connections."""
        self._web.close()

    def error_of(self, failure: S3Failure) -> PlaceUnavailable | PlaceRefused:
        """Return the error that a failure means: what is wrong, and what would be right."""
        place, code, bucket = self.address, failure.code, self.bucket
        if code in DENIED:
            right = RIGHTS.get(failure.operation, PUT_RIGHT)
            says = f"; it says: {failure.text}" if failure.text else ""
            note = f"these credentials do not have the right {right} on the bucket {bucket}{says}"
            return PlaceRefused("rights", f"{place}: {note}")
        if code == CLOCK:
            return PlaceRefused("clock", f"{place}: {clock_note(failure)}")
        if code in NOT_SIGNED_IN:
            note = f"{self._server} does not accept the credentials ({code}); see `access_key_id`, `secret_access_key`"
            return PlaceRefused("sign-in", f"{place}: {note}")
        if code == "NoSuchBucket" or (code == "404" and failure.operation == "ListObjectsV2"):
            return PlaceRefused("path", f"{place}: {self._server} has no bucket {bucket}")
        if code in WRONG_REGION:
            region = failure.region
            note = f'write `region = "{region}"`' if region else "write the `region` of the bucket"
            return PlaceRefused("settings", f"{place}: the bucket is in another region; {note}")
        if (failure.status >= 500 and failure.status != 501) or failure.status in {408, 409, 429}:
            note = f"{self._server} answered {failure.status} ({code}) to {failure.operation}"
            return PlaceUnavailable("server", f"{place}: {note}", unknown=failure.status >= 500)
        note = f"{self._server} answered {failure.status} ({code}) to {failure.operation}: {failure.text}"
        return PlaceRefused("settings", f"{place}: {note}")

    def _send(self, request: Any, **_: Any) -> Any:
        """Send a request of botocore, and return the answer in its terms."""
        headers = [
            (name, value if isinstance(value, str) else value.decode()) for name, value in request.headers.items()
        ]
        ours = {"expect", "content-length", "host", "connection"}
        lines = [(name, value) for name, value in headers if name.lower() not in ours]
        body = request.body if request.body is not None else b""
        if isinstance(body, str | bytearray):
            body = bytes(body, "utf-8") if isinstance(body, str) else bytes(body)
        answer = self._web.send(request.method, request.url, lines, body, self._until_s)
        return AWSResponse(request.url, answer.status, dict(answer.headers.items()), answer)

    def _refused(self, error: Exception) -> BadInput | PlaceUnavailable:
        """Return the error for what botocore refuses before anything is sent."""
        kind = type(error).__name__
        if kind in {"NoCredentialsError", "PartialCredentialsError"}:
            note = "no credentials were found; set `access_key_id` and `secret_access_key`, or a profile or role"
            return PlaceRefused("sign-in", f"{self.address}: {note}")
        if "Credential" in kind or "Token" in kind or "Metadata" in kind:
            return PlaceUnavailable("server", f"{self.address}: the credentials cannot be fetched: {kind}")
        return PlaceRefused("settings", f"{self.address}: {str(error).splitlines()[0]}")


@cache
def shared_loader() -> Any:
    """Return what reads botocore's descriptions of services, once for all places: each look opens its place anew."""
    return Loader()


class S3Failure(Exception):
    """An answer of failure: its code, its HTTP status, the operation, and what else it says."""

    def __init__(self, client: S3Client, error: Any) -> None:
        details, facts = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
        self.code = str(details.get("Code", ""))
        self.operation = str(error.operation_name)
        super().__init__(f"{self.operation}: {self.code}")
        self.status = int(facts.get("HTTPStatusCode", 0))
        self.text = " ".join(str(details.get("Message", "")).split())[:200]
        self.details: dict[str, Any] = details
        self.headers: dict[str, str] = facts.get("HTTPHeaders", {})
        self._client = client

    @property
    def region(self) -> str:
        """The region that the server names as the right one; empty where it names none."""
        return str(self.details.get("Region") or self.headers.get("x-amz-bucket-region") or "")

    @property
    def as_error(self) -> PlaceUnavailable | PlaceRefused:
        """The error of a place that it means."""
        return self._client.error_of(self)


def clock_note(failure: S3Failure) -> str:
    """Return by how much the clocks differ, and which one is behind."""
    try:
        theirs = datetime.fromisoformat(str(failure.details["ServerTime"]))
    except (KeyError, ValueError):
        try:
            theirs = parsedate_to_datetime(failure.headers["date"])
        except (KeyError, ValueError):
            return "the clocks of this machine and the server differ too much; set this one by NTP"
    try:
        ours = datetime.strptime(str(failure.details["RequestTime"]), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except (KeyError, ValueError):
        ours = datetime.now(UTC)
    difference_s = (ours - theirs).total_seconds()
    side = "ahead of" if difference_s > 0 else "behind"
    return f"the clock of this machine is {abs(difference_s):,.0f} s {side} the server's; set it by NTP"
