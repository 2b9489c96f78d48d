"""A feed is prepared with everything that its partner file says about the endpoint."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from poc.config.map_field import MapField
from poc.config.partner import Feed
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.errors import BadInput, DeliveryFailed
from poc.pipeline.prepared_feed import prepare_feed, settings_digest
from poc.transports.http import new_session

NOW = datetime(2013, 3, 5, 6, tzinfo=UTC)

ENDPOINT = """\
[endpoint]
url = "{url}"
ca_file = "tls/ca.pem"
client_cert = "tls/client.pem"
client_key = "tls/client.key"

[endpoint.success]
json = "/ok"
equals = true

"""


#: An endpoint that takes one row in a request, with headers of its own.
ENDPOINT_OF_ITS_OWN = """\
[endpoint]
url = "{url}"
body = "row"

[endpoint.headers]
X-Version = "v2"
X-Api-Key = "${{env:UA_KEY}}"
content-type = "application/vnd.a+json"

"""


@pytest.fixture
def workspace(tmp_path):
    """A function that makes a workspace whose partner UA has this endpoint."""

    def make(url):
        root = tmp_path / "w"
        create_workspace(root, "test", "live", {"UA": AIRLINES["UA"]}, "")
        path = root / "partners" / "UA.toml"
        head, _, tail = path.read_text().partition("[endpoint]\n")
        path.write_text(head + ENDPOINT.format(url=url) + tail[tail.index("[feed.flights]") :])
        return root

    return make


def test_certificates_are_files_of_the_workspace_and_success_is_as_described(scripted, certificates, workspace):
    """The partner gets our certificate, its own is checked, and so is what it answers; a missing file is named."""
    answers = [b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"ok": %s}' % value for value in (b" true", b"false")]
    server = scripted(
        [scripted.READ, answers[0], scripted.READ, answers[1]], tls=certificates.server(asks_for_client=True)
    )
    root = workspace(server.url.replace("https", "HTTPS"))
    with new_session() as session:
        with pytest.raises(BadInput, match=r"w/tls/ca\.pem: no certificates can be read from it: No such file"):
            prepare_feed(load_workspace(root), "UA", "flights", 4, session)
        (root / "tls").mkdir()
        for name in ("ca.pem", "client.pem", "client.key"):
            (root / "tls" / name).write_bytes(certificates[name].read_bytes())
        endpoint = prepare_feed(load_workspace(root), "UA", "flights", 4, session).endpoint
        endpoint.post(b"{}\n", {}, NOW)
        with pytest.raises(DeliveryFailed, match=r"answered 200, but /ok is not true"):
            endpoint.post(b"{}\n", {}, NOW)
    assert server.requests[0].startswith(b"POST /p/flights/flights HTTP/1.1\r\n")


def test_path_headers_and_body_are_those_of_the_partner_file(scripted, workspace):
    """The address ends with the feed's own path, plain headers are sent, and a secret among them is masked."""
    answer = b"HTTP/1.1 422 No\r\nContent-Length: 13\r\n\r\nhunter2 v2 no"
    server = scripted([scripted.READ, answer])
    root = workspace("http://h/")
    path = root / "partners" / "UA.toml"
    text = re.sub(
        r"\[endpoint\].*?(?=\[feed)", ENDPOINT_OF_ITS_OWN.format(url=server.url), path.read_text(), flags=re.DOTALL
    )
    path.write_text(text.replace("request_rows = 500", 'path = "/v2/{partner}/{feed}.json"'))
    with new_session() as session:
        prepared = prepare_feed(load_workspace(root), "UA", "flights", 4, session, environ={"UA_KEY": "hunter2"})
        with pytest.raises(DeliveryFailed, match=r"\*\*\* v2 no"):
            prepared.endpoint.post(b"{}\n", {}, NOW)
    assert prepared.feed.request_rows == 1
    head = server.requests[0].split(b"\r\n\r\n")[0].decode().split("\r\n")
    assert head[0] == "POST /p/flights/v2/UA/flights.json HTTP/1.1"
    wanted = {"X-Version: v2", "X-Api-Key: hunter2", "content-type: application/vnd.a+json", "User-Agent: milepost"}
    assert wanted <= set(head)
    assert not any(line.startswith("Content-Type") for line in head)


@pytest.mark.parametrize(
    ("times", "digest"), [("1.609344", "69992f4449dc"), ("2", "67bf895413f4"), ("0.0000001", "1d4997d109e4")]
)
def test_unchanged_settings_have_the_digest_of_earlier_releases(tmp_path, times, digest):
    """An exchange that was begun before an upgrade goes on: a number counts as it did when it was a float."""
    (tmp_path / "contract.json").write_bytes(b"{}")
    field = MapField.model_validate({"to": "km", "from": "miles", "times": Decimal(times)})
    feed = Feed(contract="contract.json", map=(field,))
    assert settings_digest(feed, tmp_path / "contract.json") == digest


def test_numbers_that_no_float_tells_apart_have_different_digests(tmp_path):
    """A change of a digit that only an exact number has is a change of the settings."""
    (tmp_path / "contract.json").write_bytes(b"{}")
    digests = set()
    for times in ("1", "1.00000000000000000001"):
        field = MapField.model_validate({"to": "km", "from": "miles", "times": Decimal(times)})
        digests.add(settings_digest(Feed(contract="contract.json", map=(field,)), tmp_path / "contract.json"))
    assert len(digests) == 2


def test_another_body_is_a_change_of_the_settings(tmp_path):
    """Requests that were reserved before it hold other bytes; JSON Lines have the digest of earlier releases."""
    (tmp_path / "contract.json").write_bytes(b"{}")
    feed = Feed(contract="contract.json", map=(MapField.model_validate({"to": "x", "from": "a"}),), path="x")
    digests = {settings_digest(feed, tmp_path / "contract.json", {}, body) for body in ("jsonl", "json", "row")}
    before = settings_digest(feed.model_copy(update={"path": None}), tmp_path / "contract.json")
    assert len(digests) == 3
    assert before in digests


def test_a_changed_look_up_is_a_change_of_the_settings(tmp_path):
    """Requests that were reserved before it hold other bytes."""
    (tmp_path / "contract.json").write_bytes(b"{}")
    field = MapField.model_validate({"to": "x", "from": "a", "lookup_file": "x.csv"})
    feed = Feed(contract="contract.json", map=(field,))
    contents = (b"a,b\n1,2\n", b"a,b\n1,3\n")
    digests = {settings_digest(feed, tmp_path / "contract.json", {"x.csv": content}) for content in contents}
    assert len(digests) == 2
