"""Access tokens: fetched when needed, by one request at a time, kept until shortly before they expire."""

import base64
import re
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import quote_plus

import pytest

from poc.credentials.token_answer import MAX_TOKEN_BYTES
from poc.errors import DeliveryFailed

NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)
CLIENT_SECRET = "s3cr3t+/ü %41:x"
PATIENCE_S = 60


def fail(tokens):
    """The failure to get a token."""
    with pytest.raises(DeliveryFailed) as caught:
        tokens.get(NOW)
    return caught.value


@pytest.mark.parametrize(("expires_in", "used_s"), [(3600, 3540), ("600", 540), (100, 90), (None, 270), ("soon", 270)])
def test_a_token_is_kept_until_shortly_before_it_expires(token_server, make_tokens, expires_in, used_s):
    """A tenth of its life before, at most a minute; one whose life is unknown is kept for minutes."""
    token_server.expires_in = expires_in
    clock = [1000.0]
    tokens = make_tokens(token_server.url, clock)
    first = tokens.get(NOW)
    clock[0] += used_s - 0.5
    assert tokens.get(NOW) is first
    clock[0] += 1
    assert tokens.get(NOW).authorization.reveal() == "Bearer t0k3n-2"
    assert len(token_server.asked) == 2


def test_requests_that_were_refused_with_the_same_token_fetch_one(token_server, make_tokens):
    """The second of them finds that the token was replaced already."""
    tokens = make_tokens(token_server.url)
    refused = tokens.get(NOW)
    assert tokens.replace(refused, NOW) is tokens.replace(refused, NOW)
    assert len(token_server.asked) == 2


@pytest.mark.parametrize("auth", ["basic", "post"])
def test_the_client_signs_in_by_header_or_form(token_server, make_tokens, auth):
    """With the grant, the scope and the audience; id and secret are encoded as RFC 6749 says, in one of both only."""
    make_tokens(token_server.url, auth=auth, scope="a b", audience="https://x").get(NOW)
    ((headers, form),) = token_server.asked
    pair = base64.b64encode(f"us:{quote_plus(CLIENT_SECRET)}".encode()).decode()
    signed_in = {"client_id": "us", "client_secret": CLIENT_SECRET} if auth == "post" else {}
    assert headers.get("Authorization") == (f"Basic {pair}" if auth == "basic" else None)
    assert form == {"grant_type": "client_credentials", "scope": "a b", "audience": "https://x", **signed_in}


@pytest.mark.parametrize("succeeds", [True, False])
def test_threads_that_need_a_token_at_once_share_one_request(token_server, make_tokens, monkeypatch, succeeds):
    """One asks, the others wait for what it gets, a failure included."""
    waits = threading.Semaphore(0)

    class CountedFuture(Future):
        def result(self, timeout=None):
            waits.release()
            return super().result(timeout)

    monkeypatch.setattr("poc.credentials.access_tokens.Future", CountedFuture)
    token_server.answers = [] if succeeds else [(503, b"")]
    token_server.gate.clear()
    tokens = make_tokens(token_server.url)

    def get():
        try:
            return tokens.get(NOW).authorization.reveal()
        except DeliveryFailed as failure:
            return failure.code

    with ThreadPoolExecutor(8) as pool:
        results = [pool.submit(get) for _ in range(8)]
        assert all(waits.acquire(timeout=PATIENCE_S) for _ in range(7))
        token_server.gate.set()
        assert {each.result(PATIENCE_S) for each in results} == {"Bearer t0k3n-1" if succeeds else "token-unavailable"}
    assert len(token_server.asked) == 1


def hang(handler):
    """Send an answer that does not come to its end before the client closes."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    handler.rfile.read(1)


def cut(handler):
    """Close in the middle of an answer."""
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"access_token": "cut-t0k3n')
    handler.close_connection = True


def no_http(handler):
    """Repeat the client's secret in what is no answer."""
    handler.wfile.write(f"{CLIENT_SECRET}\r\n\r\n".encode())
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((500, b"down"), "retry", "answered 500"),
        ((429, b"{}"), "retry", "answered 429"),
        ((404, b"not here"), "retry", "answered 404"),
        ((302, b""), "retry", "put the new URL into token_url"),
        ((200, b"<html>t0k3n</html>"), "retry", "without an `access_token`"),
        ((200, b'{"access_token": "a b t0k3n"}'), "retry", "without an `access_token`"),
        ((200, b"[" * 50_000), "retry", "without an `access_token`"),
        ((200, b"x" * (MAX_TOKEN_BYTES + 1)), "retry", f"with more than {MAX_TOKEN_BYTES} bytes"),
        ((200, b"x" * (17 << 20)), "retry", "the end of the answer is missing"),
        (cut, "retry", "the end of the answer is missing"),
        (no_http, "retry", "not HTTP/1.1"),
        ((503, b'{"error": "invalid_client"}'), "retry", "answered 503: invalid_client"),
        ((400, b'{"error": "temporarily_unavailable"}'), "retry", "temporarily_unavailable"),
        (
            (401, b'{"error": "invalid_client"}'),
            "pause",
            "invalid_client; correct client_id, client_secret or auth under",
        ),
        (
            (400, b'{"error": "invalid_client"}'),
            "pause",
            "invalid_client; correct client_id, client_secret or auth under",
        ),
        (
            (400, b'{"error": "invalid_scope", "error_description": "no x"}'),
            "pause",
            "invalid_scope: no x; correct scope",
        ),
        ((403, b"no"), "pause", r"answered 403; .* `\[endpoint.oauth2\]`"),
        ((401, f'{{"error": "{CLIENT_SECRET}"}}'.encode()), "pause", r"answered 401: \*\*\*; correct client_id"),
        ((200, b'{"access_token": "t0k3n", "token_type": "DPoP"}'), "pause", "another type than Bearer"),
    ],
)
def test_a_server_that_gives_no_token_is_a_failure_of_nothing_sent(token_server, make_tokens, answer, kind, words):
    """Later by itself, or after a person's correction; never ambiguous, with the partner's name, without any secret."""
    token_server.answers = [answer, answer]
    failure = fail(make_tokens(token_server.url, auth="post"))
    code = "token-refused" if kind == "pause" else "token-unavailable"
    assert (failure.code, failure.kind, failure.unknown) == (code, kind, False)
    assert f"{token_server.url}/token: no access token for ACME: " in str(failure)
    assert re.search(words, str(failure)), str(failure)
    assert CLIENT_SECRET not in str(failure)
    assert "t0k3n" not in str(failure)


def test_a_server_that_is_too_slow_or_not_there_is_a_failure_in_time(token_server, make_tokens, start_token_server):
    """The deadline covers the whole answer; the time that was lost is told."""
    token_server.answers = [hang]
    failure = fail(make_tokens(token_server.url, timeout_s=0.3))
    assert (failure.code, failure.kind) == ("token-unavailable", "retry")
    gone = start_token_server()
    gone.stop()
    assert "no connection" in str(fail(make_tokens(gone.url)))


def test_a_wait_that_the_server_asks_for_is_kept(token_server, make_tokens):
    """`Retry-After` says when the next request makes sense."""

    def busy(handler):
        handler.wfile.write(b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n")

    token_server.answers = [busy]
    failure = fail(make_tokens(token_server.url))
    assert (failure.kind, failure.wait_s) == ("wait", 120)
