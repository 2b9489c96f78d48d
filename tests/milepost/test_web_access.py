"""How people sign in, from the settings of a workspace."""

import pytest
from pydantic import ValidationError

from dashboard.access.errors import AccessRefused, ProviderFailed
from milepost import web_access
from milepost.web_access import make_access, make_provider
from poc.config.settings.web import OidcSettings, WebSettings

OIDC = {"issuer": "https://id.example", "client_id": "m", "roles": {"a": "viewer"}}


@pytest.mark.parametrize(("sign_in", "extra"), [("local", "access"), ("oidc", "oidc")])
def test_a_missing_extra_is_said_at_the_start(tmp_path, monkeypatch, sign_in, extra):
    """The service does not start, instead of failing at each sign-in."""
    oidc = OidcSettings(**OIDC) if sign_in == "oidc" else None
    web = WebSettings(sign_in=sign_in, public_url="https://milepost.example", oidc=oidc)
    assert make_access(web, tmp_path) is not None
    monkeypatch.setattr(web_access, "find_spec", lambda _: None)
    with pytest.raises(AccessRefused, match=rf"milepost\[{extra}\]"):
        make_access(web, tmp_path)


def test_a_secret_that_cannot_be_read_is_said_without_its_place(tmp_path):
    """The sign-in page says it to everybody, so that it names no file and no variable."""
    settings = OidcSettings(**OIDC, client_secret="${file:secret/place.txt}")
    with pytest.raises(ProviderFailed, match="cannot be read") as raised:
        make_provider(settings, tmp_path).settings.client_secret()
    assert "place.txt" not in str(raised.value)


@pytest.mark.parametrize("rest", ["/path", "?a=b", "#part"])
def test_the_public_address_is_a_host_alone(rest):
    """Addresses to which a provider leads back are made of it, and host names are compared with it."""
    with pytest.raises(ValidationError, match="is no address"):
        WebSettings(sign_in="local", public_url=f"https://milepost.example{rest}")
    with pytest.raises(ValidationError, match="is no address"):
        WebSettings(sign_in="local", public_url="https://name@milepost.example")
