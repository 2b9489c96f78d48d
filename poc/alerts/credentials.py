"""Alerts of credentials: client certificates that expire, and secrets that cannot be read."""

from __future__ import annotations

import base64
import json
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from poc.alerts.alert import Alert
from poc.errors import BadInput
from poc.text import format_utc
from poc.transports.certificate import read_certificate
from poc.transports.secrets import resolve_endpoint_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta
    from pathlib import Path

    from poc.config.partner import Partner
    from poc.transports.secrets import Secret

#: Where a certificate in a PEM file begins and ends (RFC 7468).
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"

#: Share of the warning time in which a certificate that expires is critical.
CRITICAL_SHARE = 0.1


def credential_alerts(
    partner: Partner, root: Path, within: timedelta, now: datetime, environ: Mapping[str, str]
) -> Iterator[Alert]:
    """Yield the alerts of a partner's credentials.

    Args:
        partner: the partner.
        root: the workspace, to which paths are relative.
        within: how long before its end a certificate needs to be renewed.
        now: the current time.
        environ: the environment, for secrets in variables.
    """
    if partner.endpoint.client_cert:
        alert = _certificate_alert(partner.id, root / partner.endpoint.client_cert, within, now)
        if alert is not None:
            yield alert
    for (table, name), reference in partner.endpoint.secret_references.items():
        try:
            secret = resolve_endpoint_secret(table, reference, environ, root)
        except BadInput as error:
            unusable = f"the header {name} cannot be sent" if "headers" in table else f"{table}.{name} cannot be used"
            yield Alert(
                kind="credentials_expiring",
                severity="critical",
                partner=partner.id,
                subject=f"{table}.{name}",
                since=now,
                summary=f"{unusable}: {error}",
            )
        else:
            if table == "bearer" and (end := read_token_expiry(secret)) is not None:
                yield from _expiry_alert(partner.id, "bearer.token", f"the token {reference}", end, within, now)


def _certificate_alert(partner: str, path: Path, within: timedelta, now: datetime) -> Alert | None:
    """Return the alert of a client certificate that cannot be read, has expired, or expires soon."""

    def unusable(summary: str) -> Alert:
        return Alert(
            kind="credentials_expiring",
            severity="critical",
            partner=partner,
            subject=str(path),
            since=now,
            summary=summary,
        )

    try:
        end = read_expiry(path)
    except OSError as error:
        return unusable(f"the client certificate {path} cannot be read: {error.strerror}")
    if end is None:
        return unusable(f"{path} holds no certificate in PEM that can be read")
    return next(_expiry_alert(partner, str(path), f"the client certificate {path}", end, within, now), None)


def _expiry_alert(
    partner: str, subject: str, name: str, end: datetime, within: timedelta, now: datetime
) -> Iterator[Alert]:
    """Yield the alert of a credential that has expired, or expires soon."""
    if end - now > within:
        return
    text = format_utc(int(end.timestamp() * 1_000_000))
    expired = end <= now
    critical = expired or end - now <= within * CRITICAL_SHARE
    yield Alert(
        kind="credentials_expiring",
        severity="critical" if critical else "warning",
        partner=partner,
        subject=subject,
        since=end if expired else end - within,
        summary=f"{name} {'expired' if expired else 'expires'} on {text}",
    )


def read_token_expiry(token: Secret) -> datetime | None:
    """Return the time after which a token is invalid, None unless it is a JWT that says so (RFC 7519, 4.1.4)."""
    parts = token.reveal().split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "==")) if len(parts) == 3 else None
        end = claims.get("exp") if isinstance(claims, dict) else None
        return datetime.fromtimestamp(end, UTC) if isinstance(end, int | float) else None
    except (ValueError, OverflowError, OSError, RecursionError):
        return None


def read_expiry(path: Path) -> datetime | None:
    """Return the time after which the first certificate of a PEM file is invalid, None where there is none.

    The first one is ours; those after it are its chain. Raises OSError.
    """
    text = path.read_bytes().decode("ascii", "replace")
    start = text.find(BEGIN)
    stop = text.find(END, start)
    if start < 0 or stop < 0:
        return None
    try:
        certificate = read_certificate(ssl.PEM_cert_to_DER_cert(text[start : stop + len(END)]))
    except ValueError:
        return None
    return certificate.not_after if certificate else None
