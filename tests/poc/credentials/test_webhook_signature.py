"""Signatures are those of Standard Webhooks, and cost no copy of a body."""

import tracemalloc
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from poc.credentials.webhook_signature import WebhookSigner, decode_key
from poc.errors import BadInput
from poc.transports.secrets import Secret

OLD, NEW = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "A" * 43 + "="


def signer(*keys):
    """A signer by keys as text."""
    return WebhookSigner([decode_key(Secret(key), "${env:K}") for key in keys])


def test_each_of_two_keys_verifies_a_message():
    """While a receiver changes its key, it may have the old or the new one."""
    body = '{"flight":"UA1 é"}\n'
    headers = signer(OLD, NEW).headers("id-1", int(datetime.now(UTC).timestamp()), body.encode())
    for key in (OLD, NEW):
        Webhook(key).verify(body, headers, json_parse=False)
    assert headers["webhook-signature"].count("v1,") == 2


def test_a_large_body_is_signed_where_it_lies():
    """It is not copied behind the id and the time that are signed with it."""
    body = bytes(8 << 20)
    signs = signer(OLD, NEW)
    tracemalloc.start()
    try:
        signs.headers("id", 1, body)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 64 << 10


@pytest.mark.parametrize(
    "key", ["whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%%", "whsk_AA"]
)
def test_what_is_no_key_is_refused_without_being_shown(key):
    """Too short, without `whsec_`, not in Base64, or of another kind."""
    with pytest.raises(
        BadInput, match=r"the secret \$\{env:K\} is no key of Standard Webhooks: write `whsec_`"
    ) as caught:
        decode_key(Secret(key), "${env:K}")
    assert key.removeprefix("whsec_")[:6] not in str(caught.value) or key == "whsec_"
    assert caught.value.__cause__ is None
