"""Endpoints that sign in at a token server."""

import pytest

from poc.config.endpoint import EndpointConfig
from poc.credentials.access_tokens import AccessTokens, make_token_request
from poc.credentials.make_endpoint import make_endpoint
from poc.transports.http import HttpEndpoint, new_session
from poc.transports.secrets import Secret
from poc.transports.tls import TlsFiles

#: A client secret that has characters which a form or a URL writes in another way.
CLIENT_SECRET = "s3cr3t+/ü %41:x"


@pytest.fixture
def session():
    """A session as the service creates it."""
    with new_session() as session:
        yield session


@pytest.fixture
def make_tokens(session):
    """A function that makes the access tokens of a partner; `clock` is a list of the time."""

    def make(url, clock=None, **more):
        table = {"token_url": f"{url}/token", "client_id": "us", "client_secret": "${env:S}", "timeout_s": 60, **more}
        settings = EndpointConfig.model_validate({"url": "https://h", "oauth2": table}).oauth2
        tokens = AccessTokens("ACME", settings, *([] if clock is None else [lambda: clock[0]]))
        request = make_token_request(settings, Secret("us"), Secret(CLIENT_SECRET), session, TlsFiles())
        tokens.use(request)
        return tokens

    return make


@pytest.fixture
def endpoint_of(session, tmp_path):
    """A function that makes the endpoint of a partner's table `[endpoint]`; `environ` holds its secrets."""

    def make(environ, tls=None, **table):
        settings = EndpointConfig.model_validate(table)
        files = tls or TlsFiles()

        def to_url(more):
            return HttpEndpoint(session, table["url"], 60, more, "application/jsonl", tls=files)

        return make_endpoint("ACME", settings, to_url, session, files, environ, tmp_path)

    return make
