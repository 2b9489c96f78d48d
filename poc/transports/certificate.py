"""What a person must know about a certificate that was not accepted: its names, its issuer and its dates.

OpenSSL gives no access to a certificate that it rejects, so that these few fields are read from its encoding (DER,
ITU-T X.690; RFC 5280, section 4.1). They are shown in messages; nothing is decided by them.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Tags of DER.
SEQUENCE, OBJECT_ID, OCTETS, UTC_TIME, VERSION, EXTENSIONS = 0x30, 0x06, 0x04, 0x17, 0xA0, 0xA3

#: Tags of a name and of an address in a subjectAltName.
DNS_NAME, IP_ADDRESS = 0x82, 0x87

#: Encoded object identifiers: commonName (2.5.4.3) and subjectAltName (2.5.29.17).
COMMON_NAME, ALTERNATIVE_NAMES = b"\x55\x04\x03", b"\x55\x1d\x11"


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """Facts of a certificate; empty or None where it has none."""

    names: tuple[str, ...] = ()
    issuer: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None


def read_certificate(der: bytes) -> CertificateFacts | None:
    """Return the facts of a certificate, None if it cannot be read."""
    try:
        ((_, certificate),) = elements(der)
        fields = list(elements(next(elements(certificate))[1]))
        if fields[0][0] == VERSION:
            fields.pop(0)
        _serial, _algorithm, issuer, validity, subject, _key, *rest = fields
        begin, end = (parse_time(tag, text) for tag, text in elements(validity[1]))
        names = [name for tag, part in rest if tag == EXTENSIONS for name in alternative_names(part)]
        return CertificateFacts(
            tuple(names or [name for name in (common_name(subject[1]),) if name]), common_name(issuer[1]), begin, end
        )
    except (ValueError, IndexError, StopIteration, OverflowError):
        return None


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of the elements in a content. Raises ValueError, IndexError."""
    at = 0
    while at < len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            digits = size & 0x7F
            size = int.from_bytes(data[at : at + digits], "big")
            at += digits
        if at + size > len(data):
            raise ValueError("an element is cut short")
        yield tag, data[at : at + size]
        at += size


def common_name(name: bytes) -> str:
    """Return the last common name of a distinguished name."""
    text = ""
    for _, parts in elements(name):
        for _, attribute in elements(parts):
            (_, kind), (_, value) = elements(attribute)
            if kind == COMMON_NAME:
                text = printable(value)
    return text


def alternative_names(extensions: bytes) -> Iterator[str]:
    """Yield the host names and addresses that a certificate is for."""
    for _, extension in elements(next(elements(extensions))[1]):
        kind, *_, value = elements(extension)
        if kind != (OBJECT_ID, ALTERNATIVE_NAMES):
            continue
        for tag, content in elements(next(elements(value[1]))[1]):
            if tag == DNS_NAME:
                yield printable(content)
            elif tag == IP_ADDRESS:
                yield str(ipaddress.ip_address(content))


def parse_time(tag: int, text: bytes) -> datetime:
    """Return a UTCTime (two digits of the year, from 1950) or a GeneralizedTime. Raises ValueError."""
    digits = text.decode("ascii")
    if tag == UTC_TIME:
        digits = ("19" if digits >= "50" else "20") + digits
    return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def printable(text: bytes) -> str:
    """Return a text from a certificate as a message may show it."""
    return "".join(character if character.isprintable() else "?" for character in text.decode("utf-8", "replace"))
