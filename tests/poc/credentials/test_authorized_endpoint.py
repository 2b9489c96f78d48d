"""A request that is signed or carries a token: it is repeated with its key, and the partner can verify it."""

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from poc.errors import DeliveryFailed
from poc.transports.tls import TlsFiles

BODY = b'{"flight":"UA1"}\n'
HEADERS = {"Idempotency-Key": '"abc-17.1"'}
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def oauth2(server, **more):
    """The table of a partner whose token server is at hand."""
    return {"token_url": f"{server.url}/token", "client_id": "us", "client_secret": "${env:S}", "timeout_s": 60, **more}


def test_a_partner_verifies_a_signed_request_by_the_stock_library(receiver, endpoint_of):
    """Its id is the request's key, the same in a repetition; its time is that of sending."""
    endpoint = endpoint_of({"K": KEY}, url=f"http://{receiver.address}/in", sign={"keys": ["${env:K}"]})
    receiver.answers = [503, 204]
    with pytest.raises(DeliveryFailed):
        endpoint.post(BODY, HEADERS, datetime.now(UTC))
    endpoint.post(BODY, HEADERS, datetime.now(UTC))
    for headers, body in receiver.requests:
        Webhook(KEY).verify(body, headers, json_parse=False)
        assert (headers["webhook-id"], headers["Idempotency-Key"]) == ("abc-17.1", '"abc-17.1"')


def test_a_request_without_a_key_has_an_id_of_its_own(receiver, endpoint_of):
    """As it is never repeated, no two have the same."""
    endpoint = endpoint_of({"K": KEY}, url=f"http://{receiver.address}/in", sign={"keys": ["${env:K}"]})
    for _ in range(2):
        endpoint.post(BODY, {}, datetime.now(UTC))
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 2


def test_after_a_401_the_token_is_fetched_once_and_the_request_repeated(token_server, endpoint_of):
    """With the same key and body; requests that follow use the new token."""
    endpoint = endpoint_of({"S": "s3cr3t"}, url=f"{token_server.url}/in", oauth2=oauth2(token_server))
    endpoint.post(BODY, HEADERS, datetime.now(UTC))
    token_server.valid.clear()
    assert endpoint.post(BODY, HEADERS, datetime.now(UTC)) is False
    endpoint.post(BODY, HEADERS, datetime.now(UTC))
    assert len(token_server.asked) == 2
    (refused,) = token_server.refused
    requests = [refused, *token_server.taken]
    assert [(headers["Idempotency-Key"], body) for headers, body in requests] == [('"abc-17.1"', BODY)] * 4


def test_a_partner_that_refuses_a_new_token_pauses(token_server, endpoint_of):
    """After two requests; the message says where the token came from, and does not show it."""
    token_server.answers = [(200, b'{"access_token": "unknown-t0k3n"}')] * 2
    endpoint = endpoint_of({"S": "s3cr3t"}, url=f"{token_server.url}/in", oauth2=oauth2(token_server))
    with pytest.raises(
        DeliveryFailed, match=rf"no \*\*\*; the access token was a new one of {token_server.url}/token"
    ) as failed:
        endpoint.post(BODY, HEADERS, datetime.now(UTC))
    assert (failed.value.code, failed.value.kind, failed.value.unknown) == ("http-401", "pause", False)
    assert len(token_server.refused) == 2
    assert "unknown-t0k3n" not in str(failed.value) + failed.value.answer


def test_all_feeds_of_a_partner_share_a_token(token_server, endpoint_of):
    """Two endpoints of the same session, and one that is made anew, fetch one token."""
    make = [endpoint_of({"S": "s3cr3t"}, url=f"{token_server.url}/in/{n}", oauth2=oauth2(token_server)) for n in "ab"]
    for endpoint in make:
        endpoint.post(BODY, HEADERS, datetime.now(UTC))
    anew = endpoint_of({"S": "changed"}, url=f"{token_server.url}/in/a", oauth2=oauth2(token_server))
    anew.post(BODY, HEADERS, datetime.now(UTC))
    assert (len(token_server.asked), len(token_server.taken)) == (1, 3)


def test_our_certificate_is_shown_to_the_partner_and_to_the_token_server(start_token_server, certificates, endpoint_of):
    """With a signature and a token at once: both check the certificate, and we check theirs against `ca_file`."""
    server = start_token_server(tls=certificates.server(asks_for_client=True))
    files = TlsFiles(certificates["ca.pem"], certificates["client.pem"], certificates["client.key"])
    table = {
        "url": f"{server.url}/in", "oauth2": oauth2(server), "sign": {"keys": ["${env:K}"]},
        "ca_file": "ca.pem", "client_cert": "client.pem", "client_key": "client.key",
    }  # fmt: skip
    endpoint_of({"S": "s3cr3t", "K": KEY}, files, **table).post(BODY, HEADERS, datetime.now(UTC))
    ((headers, body),) = server.taken
    Webhook(KEY).verify(body, headers, json_parse=False)
    with pytest.raises(DeliveryFailed, match=r"no access token for ACME: .*certificate") as failed:
        endpoint_of({"S": "s3cr3t"}, url=f"{server.url}/in", oauth2=oauth2(server)).post(BODY, {}, datetime.now(UTC))
    assert failed.value.code == "token-unavailable"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"basic": {"user": "zoë", "password": "${env:P}"}}, "Basic em/Dqzpww6RzczppJA=="),
        ({"basic": {"user": "${env:U}", "password": "${env:P}"}}, "Basic dTpww6RzczppJA=="),
        ({"bearer": {"token": "${env:T}"}}, "Bearer tok"),
    ],
)
def test_user_and_password_or_a_token_fill_the_header(receiver, endpoint_of, table, expected):
    """In UTF-8, as RFC 7617 allows; a password may have a colon."""
    environ = {"U": "u", "P": "päss:i$", "T": "tok"}
    endpoint_of(environ, url=f"http://{receiver.address}/in", **table).post(BODY, HEADERS, datetime.now(UTC))
    assert receiver.requests[0][0]["Authorization"] == expected


def test_a_preview_shows_no_secret_and_fetches_no_token(token_server, endpoint_of):
    """Neither the signature nor the token; the headers are those of the request."""
    endpoint = endpoint_of(
        {"S": "s3cr3t", "K": KEY},
        url=f"{token_server.url}/in",
        oauth2=oauth2(token_server),
        sign={"keys": ["${env:K}"]},
    )
    shown = dict(endpoint.preview(BODY, HEADERS).headers)
    assert (shown["Authorization"], shown["webhook-signature"], shown["webhook-id"]) == ("***", "***", "abc-17.1")
    assert token_server.asked == []
