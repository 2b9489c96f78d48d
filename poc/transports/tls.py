"""TLS settings of an endpoint, and certificate trouble in words.

Only the configuration decides whom to trust: the environment's usual variables (`SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE`
and their like) are ignored on purpose, so that the same workspace behaves in the same way everywhere.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import certifi

from poc.errors import BadInput
from poc.transports.certificate import read_certificate

if TYPE_CHECKING:
    from pathlib import Path

#: OpenSSL's codes of a certificate that is not accepted (`X509_V_ERR_...` in its `x509_vfy.h`).
NOT_YET_VALID, EXPIRED, SELF_SIGNED, REVOKED, WRONG_NAME, WRONG_IP = 9, 10, 18, 23, 62, 64
UNKNOWN_ISSUER = frozenset({2, 19, 20, 21})

#: Alerts by which a peer refuses the certificate that it was shown, or misses one (RFC 8446, section 6.2).
REFUSED_OURS = frozenset({
    "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED", "CERTIFICATE_REQUIRED", "CERTIFICATE_REVOKED", "CERTIFICATE_UNKNOWN",
    "UNKNOWN_CA", "UNSUPPORTED_CERTIFICATE", "HANDSHAKE_FAILURE", "ACCESS_DENIED",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The PEM files of an endpoint; without `ca_file`, the public certificate authorities are trusted."""

    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None

    def version(self) -> tuple[tuple[int, int] | None, ...]:
        """Return size and time of each file, None for one that cannot be read."""
        return tuple(file_version(path) for path in (self.ca_file, self.client_cert, self.client_key) if path)


def file_version(path: Path) -> tuple[int, int] | None:
    """Return size and time of the last change of a file, None if there is no such file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def make_tls_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the TLS settings of a client that checks the peer's certificate and name. Raises BadInput."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    authorities = str(files.ca_file or certifi.where())
    try:
        context.load_verify_locations(authorities)
    except (ssl.SSLError, OSError) as error:
        raise BadInput(f"{authorities}: no certificates can be read from it: {reason_of(error)}") from error
    if files.client_cert is None:
        return context
    try:
        # without a password function, OpenSSL would ask for one at the terminal
        context.load_cert_chain(files.client_cert, files.client_key, password=lambda: "")
    except (ssl.SSLError, OSError) as error:
        names = " and ".join(str(path) for path in (files.client_cert, files.client_key) if path)
        hint = "a certificate and its key, not encrypted, in PEM are needed"
        raise BadInput(f"{names}: not a client certificate: {reason_of(error)}; {hint}") from None
    return context


def reason_of(error: OSError) -> str:
    """Return the reason of a TLS or file error in a few words."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or error.strerror or "unknown").replace("_", " ").lower()
    return error.strerror or type(error).__name__


def refused_our_certificate(error: Exception) -> bool:
    """Return whether the peer ended the handshake because of our certificate, or because we showed none."""
    return isinstance(error, ssl.SSLError) and any(
        (error.reason or "").endswith(f"ALERT_{alert}") for alert in REFUSED_OURS
    )


def explain_untrusted(error: ssl.SSLCertVerificationError, host: str, der: bytes) -> str:
    """Return why a peer's certificate is not accepted.

    Args:
        error: OpenSSL's.
        host: the name that the certificate should be for.
        der: the certificate; empty if it could not be fetched.
    """
    certificate = read_certificate(der)
    code = error.verify_code
    if code == EXPIRED:
        if certificate is None or certificate.not_after is None:
            return "its certificate expired"
        if certificate.not_after > datetime.now(UTC):
            return "the certificate of its issuer expired"
        return f"its certificate expired on {certificate.not_after:%Y-%m-%d %H:%M:%S} UTC"
    if code == NOT_YET_VALID:
        begin = certificate and certificate.not_before
        return f"its certificate is not valid before {begin:%Y-%m-%d %H:%M:%S} UTC" if begin else error.verify_message
    if code in {WRONG_NAME, WRONG_IP}:
        names = ", ".join(certificate.names) if certificate else ""
        return f"the name {host} does not match its certificate, which is for {names or 'another name'}"
    hint = "name the certificate of its issuer as `ca_file` if you trust it"
    if code == SELF_SIGNED:
        return f"its certificate is signed by itself; {hint}"
    if code in UNKNOWN_ISSUER:
        issuer = f"the issuer {certificate.issuer} of" if certificate and certificate.issuer else "the issuer of"
        return f"{issuer} its certificate is unknown; {hint}"
    return f"its certificate is not trusted: {error.verify_message}"
