"""Alerts of credentials: client certificates that expire, and secrets that cannot be read."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from poc.alerts.alert import Alert
from poc.errors import BadInput
from poc.text import format_utc
from poc.transports.certificate import read_certificate
from poc.transports.secrets import resolve_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime, timedelta
    from pathlib import Path

    from poc.config.partner import Partner

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
            resolve_secret(reference, environ, root)
        except BadInput as error:
            yield Alert(
                kind="credentials_expiring",
                severity="critical",
                partner=partner.id,
                subject=f"{table}.{name}",
                since=now,
                summary=f"the header {name} cannot be sent: {error}",
            )


def _certificate_alert(partner: str, path: Path, within: timedelta, now: datetime) -> Alert | None:
    """Return the alert of a client certificate that cannot be read, has expired, or expires soon."""

    def alert(severity: str, since: datetime, summary: str) -> Alert:
        return Alert(
            kind="credentials_expiring",
            severity="critical" if severity == "critical" else "warning",
            partner=partner,
            subject=str(path),
            since=since,
            summary=summary,
        )

    try:
        end = read_expiry(path)
    except OSError as error:
        return alert("critical", now, f"the client certificate {path} cannot be read: {error.strerror}")
    if end is None:
        return alert("critical", now, f"{path} holds no certificate in PEM that can be read")
    text = format_utc(int(end.timestamp() * 1_000_000))
    if end <= now:
        return alert("critical", end, f"the client certificate {path} expired on {text}")
    if end - now > within:
        return None
    severity = "critical" if end - now <= within * CRITICAL_SHARE else "warning"
    return alert(severity, end - within, f"the client certificate {path} expires on {text}")


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
