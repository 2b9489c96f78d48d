"""Deliveries over HTTP and their failures, for tests."""

from datetime import UTC, datetime

import pytest

from poc.errors import DeliveryFailed
from poc.transports.http import HttpEndpoint
from poc.transports.secrets import Secret

NOW = datetime(2013, 3, 5, 6, tzinfo=UTC)


SECRET = "s3cr3t-t0k3n"


def answer(status, headers="", body=b""):
    """The bytes of an answer with a body of a known length."""
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def endpoint(session, url, timeout_s=60.0, **more):
    """An endpoint for JSON Lines with a secret header."""
    return HttpEndpoint(
        session, url, timeout_s, {"Authorization": Secret(f"Bearer {SECRET}")}, "application/jsonl", **more
    )


def fail(session, url, headers=None, timeout_s=60.0, **more):
    """The failure of a delivery."""
    with pytest.raises(DeliveryFailed) as caught:
        endpoint(session, url, timeout_s, **more).post(b'{"flight":"UA1"}\n', headers or {}, NOW)
    return caught.value


def failure_of(deliver):
    """The failure of a delivery, None for a success."""
    try:
        deliver()
    except DeliveryFailed as failed:
        return failed
    return None
