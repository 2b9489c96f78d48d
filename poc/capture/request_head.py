"""The head of a request, read strictly, and as it is passed on to the partner (RFC 9112).

Whatever two readers may understand in two ways is refused, so that what is kept is what the partner read: a bare LF or
CR, a folded line, a space before a colon, two lengths, a length beside chunks. What is passed on are the bytes that
came, with two changes: `Host` names the partner, and an offer to change the protocol is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: The most bytes of a head.
MAX_HEAD_BYTES = 64 * 1024

HEAD_END = b"\r\n\r\n"

REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) (/[!-~\x80-\xff]*|\*) HTTP/1\.([01])")
HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
LENGTH = re.compile(rb"[0-9]{1,18}")

#: Headers by which a client offers another protocol, which could not be kept.
UPGRADING = frozenset({b"upgrade", b"http2-settings"})

#: Values in a query that are kept: none, as they may be secrets.
QUERY_VALUE = re.compile(r"=[^&]*")


class RefusedRequest(Exception):
    """A request that is not passed on; `status` is that of the answer."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request's head. `length` is that of the body, None where it comes in chunks."""

    method: str
    path: str
    length: int | None
    expects_continue: bool
    media_type: str
    coding: str
    key: str
    forwarded: bytes

    @property
    def shown_path(self) -> str:
        """The path, with the names of its query, and without their values."""
        path, question, query = self.path.partition("?")
        return path + question + QUERY_VALUE.sub("=***", query)


def parse_head(data: bytes, authority: bytes) -> RequestHead:
    """Return the head in `data`, which ends with an empty line; `authority` is the partner's. Raises RefusedRequest."""
    first, *lines = data.removesuffix(HEAD_END).split(b"\r\n")
    match = REQUEST_LINE.fullmatch(first)
    if match is None:
        raise RefusedRequest("its first line is not METHOD /PATH HTTP/1.1")
    method, target, is_1_1 = match[1].decode("ascii"), match[2], match[3] == b"1"
    if method == "CONNECT" or (target == b"*" and method != "OPTIONS"):
        raise RefusedRequest(f"{method} {target.decode('latin-1')} is not for a reverse proxy", 405)
    headers = [parse_header(line) for line in lines]
    values = {name: [value for other, value in headers if other == name] for name, _ in headers}
    hosts = len(values.get(b"host", ()))
    if hosts > 1 or (is_1_1 and not hosts):
        raise RefusedRequest("it needs exactly one Host")
    forwarded = [first]
    for line, (name, value) in zip(lines, headers, strict=True):
        changed = None
        if name == b"host":
            changed = authority
        elif name == b"connection" and b"upgrade" in values:
            changed = without_upgrade(value)
        if name not in UPGRADING:
            forwarded.append(line if changed is None else line.partition(b":")[0] + b": " + changed)

    def text(name: bytes) -> str:
        return b", ".join(values.get(name, ())).decode("latin-1")

    return RequestHead(
        method=method,
        path=target.decode("latin-1"),
        length=body_length(values, is_1_1=is_1_1),
        expects_continue=text(b"expect").lower() == "100-continue",
        media_type=text(b"content-type"),
        coding=text(b"content-encoding"),
        key=text(b"idempotency-key"),
        forwarded=b"\r\n".join(forwarded) + HEAD_END,
    )


def parse_header(line: bytes) -> tuple[bytes, bytes]:
    """Return a header's name in lower case, and its value. Raises RefusedRequest."""
    match = HEADER_LINE.fullmatch(line)
    if match is None:
        folded = line[:1] in {b" ", b"\t"}
        raise RefusedRequest("a header goes on in a second line" if folded else "a header line is not NAME: VALUE")
    return match[1].lower(), match[2].rstrip(b" \t")


def body_length(values: dict[bytes, list[bytes]], *, is_1_1: bool) -> int | None:
    """Return the length of a body, None for chunks. Raises RefusedRequest where it is in doubt."""
    lengths, codings = values.get(b"content-length", []), values.get(b"transfer-encoding", [])
    if lengths and codings:
        raise RefusedRequest("it has both Content-Length and Transfer-Encoding")
    if codings:
        if not is_1_1 or [coding.lower() for coding in codings] != [b"chunked"]:
            raise RefusedRequest("its Transfer-Encoding is not `chunked`", 501)
        return None
    if not lengths:
        return 0
    if len(lengths) > 1 or not LENGTH.fullmatch(lengths[0]):
        raise RefusedRequest("its Content-Length is not one number")
    return int(lengths[0])


def without_upgrade(value: bytes) -> bytes:
    """Return the value of `Connection` without the options of an offer to change the protocol."""
    options = [option.strip() for option in value.split(b",")]
    return b", ".join(option for option in options if option.lower() not in UPGRADING) or b"keep-alive"
