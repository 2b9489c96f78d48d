"""The services that take notifications: those that Apprise knows, and webhooks by the Standard Webhooks specification.

The packages for them are the extra `notify`; they are imported when something is sent.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from poc.errors import BadInput
from poc.notify.notification import NotSent
from poc.transports.secrets import Secret, resolve_secret, shown_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from poc.config.settings.notify import NotifyTarget
    from poc.notify.notification import Notification

#: Seconds after which an attempt is given up.
TIMEOUT_S = 30.0

#: Seconds to connect to a webhook's host, and to wait for each part of its answer.
CONNECT_S, READ_S = 5.0, 15.0

#: The most bytes of an error that are kept, and the fewest characters of a part of an Apprise URL that are masked.
ERROR_BYTES, MIN_MASKED = 500, 3

MISSING = "the package {} is missing; install it with `pip install 'milepost[notify]'`"

#: What Apprise calls the phases and severities of a notification.
APPRISE_TYPES = {"ended": "success", "changed": "info", "digest": "info", "test": "info"}
APPRISE_SEVERITIES = {"critical": "failure", "warning": "warning"}


def send(target: NotifyTarget, notification: Notification, environ: Mapping[str, str], root: Path) -> None:
    """Send a notification to a target.

    Args:
        target: where to.
        notification: what.
        environ: the environment, for secrets in variables.
        root: the workspace, to which the files of secrets are relative.

    Raises:
        NotSent: the target did not take it; the message says why, without secrets.
    """
    try:
        secret = resolve_secret(target.to or target.secret, environ, root)
    except BadInput as error:
        raise NotSent(str(error)) from error
    if target.to:
        send_by_apprise(secret, notification)
    else:
        send_webhook(target.webhook, secret, notification, datetime.now(UTC))


def send_by_apprise(url: Secret, notification: Notification) -> None:
    """Send a notification to the service of an Apprise URL. Raises NotSent."""
    try:
        import apprise
    except ImportError as error:
        raise NotSent(MISSING.format("apprise")) from error
    logging.getLogger("apprise").propagate = False  # its lines may hold parts of the URL
    asset = apprise.AppriseAsset(app_id="Milepost", app_desc="Milepost", app_url="", secure_logging=True)
    service = apprise.Apprise.instantiate(url.reveal(), asset=asset, suppress_exceptions=True)
    if service is None:
        raise NotSent("its secret holds no URL that Apprise knows")
    client = apprise.Apprise(asset=asset)
    client.add(service)
    kind = APPRISE_TYPES.get(notification.phase) or APPRISE_SEVERITIES[notification.severity]
    result = client.notify(
        title=notification.title, body=f"{notification.body}\n\nNotification {notification.id}",
        notify_type=kind, body_format="text", timeout=TIMEOUT_S,
    )  # fmt: skip
    if not result:
        lines = [entry.message.strip() for entry in result.logs()]
        reason = " ".join(dict.fromkeys(lines)) or f"no answer within {TIMEOUT_S:.0f} seconds"
        raise NotSent(shown_text(reason.encode(), _parts(url), ERROR_BYTES))


def send_webhook(address: str, secret: Secret, notification: Notification, now: datetime) -> None:
    """Post a notification to an address, signed as Standard Webhooks v1; any answer of 2xx takes it. Raises NotSent."""
    import requests

    try:
        from standardwebhooks import Webhook
    except ImportError as error:
        raise NotSent(MISSING.format("standardwebhooks")) from error
    body = json.dumps(payload(notification), ensure_ascii=False, separators=(",", ":"))
    try:
        signature = Webhook(secret.reveal()).sign(notification.id, now, body)
    except Exception as error:  # the library raises several, and its message may hold a part of the secret
        raise NotSent("its secret is no key of Standard Webhooks: write `whsec_` and Base64") from error
    headers = {
        "Content-Type": "application/json", "User-Agent": "milepost", "webhook-id": notification.id,
        "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature,
    }  # fmt: skip
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy and no credentials of the environment
            answer = session.post(
                address, data=body.encode(), headers=headers, timeout=(CONNECT_S, READ_S),
                allow_redirects=False, stream=True,
            )  # fmt: skip
            answer.close()
    except requests.RequestException as error:
        raise NotSent(f"{address}: {_reason(error)}") from error
    if answer.status_code // 100 != 2:
        raise NotSent(f"{address}: answered {answer.status_code}")


def payload(notification: Notification) -> dict[str, Any]:
    """Return what a webhook gets: a type, a time and data, as the specification recommends."""
    since = notification.since_us
    names = ("kind", "severity", "partner", "feed", "subject", "title", "body")
    return {
        "type": f"milepost.{notification.phase}",
        "timestamp": _iso(notification.created_at_us),
        "data": {
            "id": notification.id,
            **{name: getattr(notification, name) for name in names},
            "since": None if since is None else _iso(since),
        },
    }


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat().replace("+00:00", "Z")


def _reason(error: Exception) -> str:
    """Return why a request failed, without the library's long account of it."""
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted, or TLS failed"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return type(error).__name__


def _parts(url: Secret) -> list[Secret]:
    """Return what an error may repeat of an Apprise URL: the whole, and each part that may be a password or token."""
    text = url.reveal()
    try:
        split = urlsplit(text)
        fragments = [split.netloc, split.hostname or "", split.username or "", split.password or "", split.fragment]
        fragments += [*split.path.split("/"), *split.query.replace("=", "&").split("&")]
    except ValueError:
        fragments = []
    parts = {form for part in (*fragments, *text.split("/")) for form in (part, unquote(part))}
    return [Secret(text), *(Secret(part) for part in parts if len(part) > MIN_MASKED)]
