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
        ({"folder": "out", "ca_file": "ca.pem"}, "`ca_file` goes with `url`, of a web address"),
        ({"folder": "out", "success": {"status": [200]}}, "`success` goes with `url`"),
        ({"folder": "out", "secret_headers": {"A": "${env:A}"}}, "`secret_headers` goes with `url`"),
        ({"url": "https://h", "ca_file": "a\0b"}, "ca_file"),
        ({"folder": "out", "path": "{feed}"}, "`path` goes with `url`"),
        ({"folder": "out", "body": "jsonl"}, "`body` goes with `url`"),
        ({"folder": "out", "headers": {"A": "b"}}, "`headers` goes with `url`"),
        ({"url": "http://h", "honours_keys": True, "span_files": True, "body": "json"}, "`span_files` goes with `body"),
        ({"url": "http://h", "path": "{file}"}, "may have {feed} and {partner} in braces"),
        ({"url": "http://h", "path": "x?key=1"}, "path"),
        ({"url": "http://h", "headers": {"X Y": "1"}}, "'X Y' cannot be set as a header"),
        ({"url": "http://h", "headers": {"Content-Length": "1"}}, "'Content-Length' cannot be set as a header"),
        ({"url": "http://h", "secret_headers": {"Date": "${env:A}"}}, "'Date' cannot be set as a header"),
        (
            {"url": "http://h", "headers": {"a": "1"}, "secret_headers": {"A": "${env:A}"}},
            "the header 'a' is set twice",
        ),
        ({"url": "http://h", "headers": {"Authorization": "Bearer x"}}, "headers.Authorization holds a secret"),
        ({"url": "http://h", "headers": {"X": "a${env:A}"}}, "headers.X holds a secret"),
        ({"url": "http://h", "headers": {"X": "Bearer abc"}}, "headers.X holds a secret"),
        ({"url": "http://h", "headers": {"X": "a\r\nB: c"}}, "headers.X has characters that no header can carry"),
        ({"url": "http://h", "headers": {"Content-Type": "json"}}, "headers.Content-Type is not a media type"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(more, words):
    """The message names both."""
    with pytest.raises(ValidationError, match=words):
        EndpointConfig.model_validate(more)


@pytest.mark.parametrize(
    ("url", "path", "of_feed", "address"),
    [
        ("http://h/in", "{feed}", None, "http://h/in/orders"),
        ("http://h/in/", "{feed}", None, "http://h/in/orders"),
        ("http://h", "/v1/{partner}/{feed}.json", None, "http://h/v1/AA/orders.json"),
        ("http://h/in/", "", None, "http://h/in/"),
        ("http://h/in", "{feed}", "v2/import", "http://h/in/v2/import"),
        ("http://h/in", "{feed}", "", "http://h/in"),
    ],
)
def test_the_address_of_a_feed_ends_with_its_path(url, path, of_feed, address):
    """By default, that is the name of the feed; a path of the feed goes before that of the endpoint."""
    endpoint = EndpointConfig.model_validate({"url": url, "path": path})
    assert endpoint.delivery_url("AA", "orders", of_feed) == address


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
