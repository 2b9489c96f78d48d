"""Alerts of credentials that are about to expire, or cannot be used."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from poc.alerts.credentials import credential_alerts
from poc.config.partner import Partner

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)


def partner(**table):
    """A partner with tables of credentials."""
    endpoint = {"url": "https://h", **table}
    feed = {"contract": "c.json", "map": [{"to": "a", "from": "a"}]}
    document = {"schema": 1, "id": "UA", "name": "U", "endpoint": endpoint, "feed": {"f": feed}}
    return Partner.model_validate(document)


def jwt(claims):
    """A token with claims, unsigned."""
    parts = (
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in ({"alg": "x"}, claims)
    )
    return ".".join([*parts, "c2ln"])


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (jwt({"exp": (NOW + timedelta(days=20)).timestamp()}), []),
        (jwt({"exp": (NOW + timedelta(days=9)).timestamp()}), [("warning", "expires on 2026-04-07 12:00:00 UTC")]),
        (jwt({"exp": (NOW + timedelta(days=1)).timestamp()}), [("critical", "expires on 2026-03-30 12:00:00 UTC")]),
        (jwt({"exp": (NOW - timedelta(days=1)).timestamp()}), [("critical", "expired on 2026-03-28 12:00:00 UTC")]),
        (jwt({"exp": "soon"}), []),
        (jwt([1]), []),
        ("a.b.c", []),
        ("plain-token", []),
    ],
)
def test_a_bearer_token_that_says_its_end_warns_before_it(token, expected):
    """Of a JWT the claim `exp` is read; other tokens do not say when they end."""
    found = credential_alerts(partner(bearer={"token": "${env:T}"}), Path(), timedelta(days=14), NOW, {"T": token})
    shown = [(alert.severity, alert.summary) for alert in found]
    assert shown == [(severity, f"the token ${{env:T}} {text}") for severity, text in expected]


@pytest.mark.parametrize(("ends_days", "since_days"), [(9, -5), (-1, -1)])
def test_an_alert_of_an_expiry_begins_with_the_warning_time_or_the_end(ends_days, since_days):
    """So it is the same alert each day, and another one once the token has expired."""
    environ = {"T": jwt({"exp": (NOW + timedelta(days=ends_days)).timestamp()})}
    (alert,) = credential_alerts(partner(bearer={"token": "${env:T}"}), Path(), timedelta(days=14), NOW, environ)
    assert alert.since == NOW + timedelta(days=since_days)


def test_a_client_secret_that_is_missing_is_an_alert():
    """The alert names its place in the partner's file."""
    table = {"token_url": "https://t/token", "client_id": "us", "client_secret": "${env:S}"}
    (alert,) = credential_alerts(partner(oauth2=table), Path(), timedelta(days=14), NOW, {})
    assert (alert.kind, alert.severity, alert.subject) == ("credentials_expiring", "critical", "oauth2.client_secret")
    assert alert.summary.startswith("oauth2.client_secret cannot be used: the environment variable S is not set")
