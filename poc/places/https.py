"""Files at web addresses as a place that can only be read: one address, or several by name.

`ETag`, `Last-Modified` and length decide what is new. A download that is cut goes on where it was (`Range`, `If-Range`;
RFC 9110, sections 13.1.5 and 14), if the file has not changed since. Redirects are not followed.
"""

from __future__ import annotations

import re
import time
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, BinaryIO, Self
from urllib.parse import quote

from poc.errors import FileStillChanging, PlaceRefused, PlaceUnavailable
from poc.places.place import Seen, deadline_s
from poc.places.web import PIECE_BYTES, CutShort, WebClient
from poc.transports.http_outcome import retry_after_s
from poc.transports.secrets import resolve_secret
from poc.transports.tls import TlsFiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from poc.config.place import PlaceConfig
    from poc.places.place import PutResult
    from poc.places.web import WebAnswer

#: Statuses of a server that does not answer HEAD.
NO_HEAD = frozenset({405, 501})

#: Characters of a path that are sent as they are: those of RFC 3986, and `%`, as it may be encoded already.
PATH_CHARACTERS = "!#$%&'()*+,/:;=?@[]~"

CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-[0-9]+/([0-9]+)")

#: How often a download that was cut goes on, without having got any further.
RESUMES = 3

READ_ONLY = "an `https` address can only be read; nothing is written, moved or deleted there"


class HttpsPlace:
    """Web addresses as a place."""

    def __init__(self, settings: PlaceConfig, environ: Mapping[str, str], root: Path) -> None:
        self._url = settings.url
        paths = [
            root / name if name else None for name in (settings.ca_file, settings.client_cert, settings.client_key)
        ]
        self._web = WebClient(self.address, TlsFiles(*paths))
        self._timeout_s = settings.timeout_s
        self._secrets = {name: resolve_secret(text, environ, root) for name, text in settings.secret_headers.items()}
        scheme, _, rest = settings.url.partition("://")
        authority, slash, path = rest.partition("/")
        url = f"{scheme}://{authority}{slash}{quote(path, PATH_CHARACTERS)}"
        self._urls = {name: f"{url.rstrip('/')}/{path.lstrip('/')}" for name, path in settings.files.items()}
        self._urls = self._urls or {path.rpartition("/")[2]: url}
        self._shown = {name: url.partition("?")[0] for name, url in self._urls.items()}  # a query may hold a token
        self._known: dict[str, Seen] = {}

    @property
    def address(self) -> str:
        """The address."""
        return self._url

    def look(self) -> list[Seen]:
        """Return the files that are there, by name."""
        seen = [self.found(name) for name in sorted(self._urls)]
        return [view for view in seen if view is not None]

    def found(self, name: str) -> Seen | None:
        """Return a file by its name, None where there is none."""
        if name not in self._urls:
            return None
        answer = self._ask("HEAD", name)
        if answer.status in NO_HEAD:
            answer.close()
            answer = self._ask("GET", name)
        with closing(answer):
            if answer.status == 304 and name in self._known:
                return self._known[name]
            if answer.status in {404, 410}:
                self._known.pop(name, None)
                return None
            self._check_status(name, answer, {200})
            seen = self._seen(name, answer)
        self._known[name] = seen
        return seen

    def read(self, seen: Seen) -> Iterator[bytes]:
        """Yield the content of a file in pieces; a lost connection is resumed. Raises FileStillChanging."""
        at, resumes, start_s = 0, 0, time.monotonic()
        while True:
            begin = at
            answer, skip_bytes = self._open(seen, at)
            try:
                while True:
                    due_bytes = min(begin + at + PIECE_BYTES, begin + seen.size_bytes)  # what was read anew counts, too
                    answer.until_s = start_s + deadline_s(self._timeout_s, due_bytes)
                    piece = answer.read(min(skip_bytes, PIECE_BYTES) or PIECE_BYTES)
                    if not piece:
                        break
                    if skip_bytes:
                        skip_bytes -= len(piece)
                        continue
                    at += len(piece)
                    yield piece
            except CutShort:
                resumes = 0 if at > begin else resumes + 1
                if resumes > RESUMES or not is_strong(seen.mark):
                    raise
                continue
            finally:
                answer.close()
            if at != seen.size_bytes:
                raise FileStillChanging(f"{self._shown[seen.name]}: has {at:,} bytes, not the {seen.size_bytes:,} seen")
            return

    def put_new(self, name: str, body: BinaryIO) -> PutResult:  # noqa: ARG002 (the protocol's)
        """Refuse. Raises PlaceRefused."""
        raise PlaceRefused("read-only", f"{self._url}: {READ_ONLY}")

    def replace(self, name: str, body: BinaryIO) -> None:  # noqa: ARG002
        """Refuse. Raises PlaceRefused."""
        raise PlaceRefused("read-only", f"{self._url}: {READ_ONLY}")

    def take_away(self, seen: Seen, folder: str = "") -> None:  # noqa: ARG002
        """Refuse. Raises PlaceRefused."""
        raise PlaceRefused("read-only", f"{self._url}: {READ_ONLY}")

    def close(self) -> None:
        """Close the connections."""
        self._web.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, method: str, name: str) -> WebAnswer:
        """Ask for a file, or whether it has changed since it was last seen."""
        known = self._known.get(name)
        condition = {}
        if known is not None:
            is_etag = is_strong(known.mark) or known.mark.startswith("W/")
            condition = {"If-None-Match": known.mark} if is_etag else {"If-Modified-Since": known.mark}
        return self._send(method, name, condition)

    def _send(self, method: str, name: str, headers: Mapping[str, str]) -> WebAnswer:
        secrets = {name: secret.reveal() for name, secret in self._secrets.items()}
        lines = {"User-Agent": "milepost", "Accept-Encoding": "identity", **headers, **secrets}
        until_s = time.monotonic() + deadline_s(self._timeout_s)
        return self._web.send(method, self._urls[name], lines.items(), b"", until_s)

    def _open(self, seen: Seen, at: int) -> tuple[WebAnswer, int]:
        """Return the answer with the version that was seen, from a byte on, and how many of its bytes to skip."""
        span = {"Range": f"bytes={at}-", "If-Range": seen.mark} if at else {}
        answer = self._send("GET", seen.name, span)
        try:
            if answer.status in {404, 410, 416}:
                raise FileStillChanging(f"{self._shown[seen.name]}: was replaced or removed since it was seen")
            self._check_status(seen.name, answer, {200, 206} if at else {200})
            if answer.status == 206:
                place = CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
                etag = answer.headers.get("ETag", seen.mark)
                if place is None or (int(place[1]), int(place[2]), etag) != (at, seen.size_bytes, seen.mark):
                    raise FileStillChanging(f"{self._shown[seen.name]}: changed while it was read")
                return answer, 0
            if self._seen(seen.name, answer) != seen:
                raise FileStillChanging(f"{self._shown[seen.name]}: changed since it was seen")
        except BaseException:
            answer.close()
            raise
        return answer, at

    def _seen(self, name: str, answer: WebAnswer) -> Seen:
        """Return a file as the headers of an answer describe it."""
        headers = answer.headers
        etag, changed, length = (headers.get(key, "").strip() for key in ("ETag", "Last-Modified", "Content-Length"))
        url = self._shown[name]
        if not (length.isascii() and length.isdigit()):
            raise PlaceRefused(
                "settings", f"{url}: does not tell its length (`Content-Length`), so that a cut is not seen"
            )
        if not etag and not changed:
            note = "tells neither `ETag` nor `Last-Modified`, so that what is new cannot be told"
            raise PlaceRefused("settings", f"{url}: {note}")
        return Seen(name, int(length), moment(changed), etag or changed)

    def _check_status(self, name: str, answer: WebAnswer, good: set[int]) -> None:
        """Raise what a status means that is none of the good ones."""
        status, url = answer.status, self._shown[name]
        if status in good:
            return
        if status in {401, 403, 407}:
            code, hint = (
                ("sign-in", "see `secret_headers`") if status == 401 else ("rights", "ask the partner for access")
            )
            raise PlaceRefused(code, f"{url}: answered {status}: the server does not let us in; {hint}")
        if 300 <= status < 400 and status != 304:
            target = answer.headers.get("Location", "another address").partition("?")[0]  # what follows may be a secret
            raise PlaceRefused(
                "path", f"{url}: answered {status}: moved to {target!r}; put that into the configuration"
            )
        if status >= 500 or status in {304, 408, 421, 425, 429}:
            wait_s = retry_after_s(answer.headers.get("Retry-After", ""), datetime.now(UTC))
            wait = f", to wait {wait_s:,.0f} s" if wait_s else ""
            raise PlaceUnavailable("server", f"{url}: answered {status}{wait}")
        raise PlaceRefused("path", f"{url}: answered {status}")


def is_strong(mark: str) -> bool:
    """Return whether a mark is an ETag by which a download may go on (RFC 9110, section 8.8.1)."""
    return mark.startswith('"')


def moment(text: str) -> datetime | None:
    """Return the time of a `Last-Modified`, None for one that cannot be read."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
