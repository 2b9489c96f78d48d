"""Credentials of an endpoint: what does not go together is refused, and no message shows what may be a secret."""

import pytest

from poc.config.workspace import load_partner
from poc.errors import BadInput

PARTNER = """
schema = 1
id = "ACME"
name = "Acme Ltd."
[endpoint]
{endpoint}
[feed.orders]
contract = "orders.schema.json"
map = [{{ to = "order", from = "order" }}]
"""
OAUTH2 = 'oauth2 = {{ token_url = "{0}", client_id = "us", client_secret = "${{env:S}}" }}'
SECURE = OAUTH2.format("https://login.example/token")


@pytest.fixture
def load(tmp_path):
    """A function that loads a partner with lines of `[endpoint]`."""
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/orders.schema.json").write_text("{}")

    def load(*lines):
        path = tmp_path / "ACME.toml"
        path.write_text(PARTNER.format(endpoint="\n".join(lines)))
        return load_partner(tmp_path, path).endpoint

    return load


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (('folder = "out"', 'sign = { keys = ["${env:K}"] }'), "`sign` goes with a `url`"),
        (('url = "http://h"', 'bearer = { token = "${env:T}" }'), "`bearer` sends credentials in clear"),
        (('url = "http://h"', SECURE), "`oauth2` sends credentials in clear"),
        (('url = "https://h"', OAUTH2.format("http://login.example/t")), "sends the client secret in clear"),
        (('url = "https://h"', OAUTH2.format("https://u:s3cr3t@h/t")), "endpoint.oauth2.token_url"),
        (('url = "https://h"', 'bearer = { token = "${env:T}" }', SECURE), "`bearer` and `oauth2` are two ways"),
        (
            ('url = "https://h"', SECURE, 'secret_headers = { authorization = "${env:A}" }'),
            "`oauth2` and the header `Authorization` are two ways to sign in; keep one",
        ),
        (
            ('url = "https://h"', 'sign = { keys = ["${env:K}"] }', 'headers = { Webhook-Id = "1" }'),
            "`sign` sets the header 'webhook-id'; remove it",
        ),
        (('url = "https://h"', 'sign = { keys = ["${env:K}", "${env:K}"] }'), "names the same key twice"),
        (('url = "https://h"', "sign = { keys = [] }"), "endpoint.sign.keys"),
        (('url = "https://h"', 'sign = { keys = ["whsec_s3cr3t"] }'), "holds a secret; write `${env:NAME}`"),
        (('url = "https://h"', 'bearer = { token = "Bearer ${env:s3cr3t}" }'), "holds a secret; write `${env:NAME}`"),
        (('url = "https://h"', 'basic = { user = "u", password = "s3cr3t" }'), "holds a secret; write `${env:NAME}`"),
        (('url = "https://h"', 'basic = { user = "a:s3cr3t", password = "${env:P}" }'), "has a colon"),
        (('url = "https://h"', 'basic = { user = "u", s3cr3t = "x" }'), "keys there: user, password"),
    ],
)
def test_a_mistake_is_named(load, lines, words):
    """With the table and what to write instead."""
    with pytest.raises(BadInput) as caught:
        load(*lines)
    text = "\n".join(caught.value.mistakes)
    assert words in text
    assert "s3cr3t" not in text.replace("unknown key `endpoint.basic.s3cr3t`", "")


@pytest.mark.parametrize("host", ["127.0.0.1:80", "127.8.0.1", "[::1]:80", "localhost"])
def test_this_machine_may_be_reached_without_tls(load, host):
    """Nobody reads on the way."""
    loaded = load(f'url = "http://{host}/in"', OAUTH2.format(f"http://{host}/token"))
    assert loaded.secret_references == {("oauth2", "client_secret"): "${env:S}"}


def test_certificates_hold_for_a_token_server_alone(load):
    """The partner's address may be on this machine, as behind a proxy, and its token server elsewhere."""
    assert load('url = "http://127.0.0.1/in"', 'ca_file = "ca.pem"', SECURE).ca_file == "ca.pem"
