"""An endpoint says where and how requests are sent; what it cannot mean is refused, and a secret is not shown."""

import pytest
from pydantic import ValidationError

from poc.config.endpoint import EndpointConfig, Success


@pytest.mark.parametrize(
    "url",
    [
        "HTTP://partner.example/in",
        "hTTps://partner.example",
        "http://partner.example:65535/in",
        "http://[::1]:8080/in",
        "http://[::1]",
        "https://partner.example:443",
    ],
)
def test_an_address_is_taken(url):
    """In upper case, with a port, and with an address of IPv6."""
    assert EndpointConfig.model_validate({"url": url}).url == url


@pytest.mark.parametrize(
    "url", ["http://partner.example:65536/", "http://partner.example:99999", "http://[::1]:70000/x", "https://h:0/"]
)
def test_a_port_that_does_not_exist_is_refused(url):
    """Before anything is sent."""
    with pytest.raises(ValidationError, match="a port is 1 to 65535"):
        EndpointConfig.model_validate({"url": url})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"url": "http://h", "ca_file": "ca.pem"}, "`ca_file` goes with an `https` address"),
        ({"url": "http://h", "client_cert": "c.pem"}, "`client_cert` goes with an `https` address"),
        ({"url": "https://h", "client_key": "c.key"}, "`client_key` goes with `client_cert`"),
        ({"folder": "out", "ca_file": "ca.pem"}, "`ca_file` goes with `url`"),
        ({"folder": "out", "success": {"status": [200]}}, "`success` goes with `url`"),
        ({"folder": "out", "secret_headers": {"A": "${env:A}"}}, "`secret_headers` goes with `url`"),
        ({"url": "https://h", "ca_file": "a\0b"}, "ca_file"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(more, words):
    """The message names both."""
    with pytest.raises(ValidationError, match=words):
        EndpointConfig.model_validate(more)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"status": [199]}, "greater than or equal to 200"),
        ({"status": [404]}, "less than or equal to 399"),
        ({"json": "/ok"}, "`json` and `equals` go together"),
        ({"equals": True}, "`json` and `equals` go together"),
        ({"json": "ok", "equals": True}, "json"),
        ({"content_type": "json"}, "write one like 'application/json'"),
        ({"header": "x"}, "Extra inputs"),
    ],
)
def test_a_success_that_cannot_be_is_refused(more, words):
    """A value needs its place, a place its value, and a status is one of success or of another address."""
    with pytest.raises(ValidationError, match=words):
        Success.model_validate(more)


@pytest.mark.parametrize("value", [True, False, 1, 1.5, "ok", 0, ""])
def test_a_required_value_keeps_its_type(value):
    """`true` does not become 1, nor 0 `false`."""
    equals = Success.model_validate({"json": "/ok", "equals": value}).equals
    assert (equals, type(equals)) == (value, type(value))
