"""Whom an endpoint trusts is what its configuration says, and certificate trouble says why."""

import ssl
import time
from datetime import UTC, datetime

import pytest

from poc.errors import BadInput, DeliveryFailed
from poc.transports.http import HttpEndpoint, new_session
from poc.transports.http_connection import Peer, fetch_certificate
from poc.transports.tls import EXPIRED, NOT_YET_VALID, TlsFiles, explain_untrusted, make_tls_context

NOW = datetime(2013, 3, 5, 6, tzinfo=UTC)
TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.fixture
def session():
    """A session as the service creates it."""
    with new_session() as session:
        yield session


def deliver(session, url, files, timeout_s=60.0):
    """Deliver one body."""
    HttpEndpoint(session, url, timeout_s, {}, "application/jsonl", tls=files).post(b"{}\n", {}, NOW)


def fail(session, url, files, timeout_s=60.0):
    """The failure of a delivery."""
    with pytest.raises(DeliveryFailed) as caught:
        deliver(session, url, files, timeout_s)
    return caught.value


def test_an_own_authority_and_a_client_certificate_open_the_door(scripted, certificates, session):
    """The partner's certificate is checked against `ca_file`, and the partner checks ours; the connection is kept."""
    server = scripted([scripted.READ, TAKEN] * 2, tls=certificates.server(asks_for_client=True))
    files = TlsFiles(certificates["ca.pem"], certificates["client.pem"], certificates["client.key"])
    deliver(session, server.url, files)
    deliver(session, server.url, files)
    assert (server.connections, len(server.requests)) == (1, 2)


@pytest.mark.parametrize(
    ("name", "trusted", "words"),
    [
        ("expired", True, r"its certificate expired on 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"),
        (
            "other",
            True,
            r"the name 127\.0\.0\.1 does not match its certificate, which is for a\.example, \*\.b\.example, ::1",
        ),
        ("good", False, r"the issuer Test Authority of its certificate is unknown; name the certificate of its issuer"),
        ("ca", False, r"its certificate is signed by itself; name the certificate of its issuer as `ca_file`"),
    ],
)
def test_a_certificate_that_is_not_accepted_says_why(scripted, certificates, session, name, trusted, words):
    """The day, the names or the issuer are named; nothing was sent."""
    server = scripted([scripted.READ, TAKEN], tls=certificates.server(name))
    failed = fail(session, server.url, TlsFiles(certificates["ca.pem"] if trusted else None))
    assert (failed.code, failed.kind, failed.unknown) == ("certificate", "retry", False)
    assert server.requests == []
    with pytest.raises(DeliveryFailed, match=words):
        raise failed


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environment_adds_no_authority(scripted, certificates, session, monkeypatch, variable):
    """Only the configuration says whom to trust."""
    monkeypatch.setenv(variable, str(certificates["ca.pem"]))
    server = scripted([scripted.READ, TAKEN], tls=certificates.server())
    assert fail(session, server.url, TlsFiles()).code == "certificate"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_partner_that_misses_our_certificate_took_nothing(scripted, certificates, session, version):
    """With TLS 1.3 the refusal comes after the request, which the partner could not read."""
    server = scripted([scripted.READ, TAKEN], tls=certificates.server(asks_for_client=True, version=version))
    failed = fail(session, server.url, TlsFiles(certificates["ca.pem"]))
    assert (failed.code, failed.unknown) == ("certificate", False)
    assert "does not accept our certificate" in str(failed)
    assert server.requests == []


def test_a_partner_without_tls_took_nothing(scripted, session):
    """An `https` address of a server that speaks plain HTTP, or nothing, is no connection."""
    plain = scripted([b"HTTP/1.1 400 Bad Request\r\n\r\n"])
    assert "no connection with TLS" in str(fail(session, plain.url.replace("http:", "https:"), TlsFiles()))
    silent = scripted([scripted.READ])
    failed = fail(session, silent.url.replace("http:", "https:"), TlsFiles(), 0.3)
    assert (failed.code, failed.unknown) == ("time-out", False)


@pytest.mark.parametrize("part", ["head", "body"])
def test_the_deadline_holds_with_tls(scripted, certificates, session, part):
    """An answer that trickles in records of one byte ends at the deadline, too."""
    begin = b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: 9000\r\n\r\n" if part == "body" else b"")
    server = scripted([scripted.READ, begin, *([b"x", 0.02] * 2000)], tls=certificates.server())
    failed = fail(session, server.url, TlsFiles(certificates["ca.pem"]), 3.0)
    assert (failed.code, failed.unknown) == ("time-out", True)
    server.stop()
    assert server.cut_short == 1


def test_an_end_without_the_end_of_tls_cuts_an_answer(scripted, certificates, session):
    """Without a length, only TLS's own end says that the answer is whole (RFC 9112, 9.8)."""
    server = scripted([scripted.READ, b"HTTP/1.1 200 OK\r\n\r\npart"], tls=certificates.server())
    assert fail(session, server.url, TlsFiles(certificates["ca.pem"])).code == "answer-cut"


def test_a_renewed_file_is_read_at_the_next_connection(scripted, certificates, session, tmp_path):
    """A session does not need a restart for a new authority, and says so while the file is gone."""
    server = scripted([scripted.READ, TAKEN], tls=certificates.server())
    authority = tmp_path / "ca.pem"
    authority.write_bytes(certificates["client.pem"].read_bytes())
    target = HttpEndpoint(session, server.url, 60.0, {}, "application/jsonl", tls=TlsFiles(authority))
    with pytest.raises(DeliveryFailed, match="is unknown"):
        target.post(b"{}\n", {}, NOW)
    authority.unlink()
    with pytest.raises(DeliveryFailed, match=r"ca\.pem: no certificates can be read from it: No such file"):
        target.post(b"{}\n", {}, NOW)
    authority.write_bytes(certificates["ca.pem"].read_bytes())
    target.post(b"{}\n", {}, NOW)


def test_files_that_cannot_be_used_are_named(certificates, tmp_path):
    """A missing file, one that holds something else, a key of another certificate, and an encrypted key."""
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    locked = tmp_path / "locked.key"
    certificates.openssl("ec", "-in", "client.key", "-aes256", "-passout", "pass:word", "-out", str(locked))
    ours = certificates["client.pem"]
    for files, words in (
        (TlsFiles(tmp_path / "none.pem"), "none.pem: no certificates can be read from it: No such file"),
        (TlsFiles(empty), "empty.pem: no certificates can be read from it"),
        (TlsFiles(None, empty), "empty.pem: not a client certificate"),
        (TlsFiles(None, ours), "client.pem: not a client certificate"),
        (
            TlsFiles(None, ours, certificates["good.key"]),
            "client.pem and .*good.key: not a client certificate: key values",
        ),
        (TlsFiles(None, ours, locked), "locked.key: not a client certificate: .*not encrypted"),
    ):
        with pytest.raises(BadInput, match=words):
            make_tls_context(files)


def test_the_certificate_of_a_peer_is_fetched_without_sending_anything(scripted, certificates):
    """It explains a refusal; where it cannot be fetched, OpenSSL's words are shown."""
    server = scripted([scripted.READ, TAKEN], tls=certificates.server())
    der = fetch_certificate(Peer("127.0.0.1", server.port, TlsFiles()), time.monotonic() + 60)
    assert der == ssl.PEM_cert_to_DER_cert(certificates["good.pem"].read_text())
    assert server.requests == []
    error = ssl.SSLCertVerificationError()
    for code, words in ((NOT_YET_VALID, "OpenSSL's"), (EXPIRED, "its certificate expired"), (1, "trusted: OpenSSL's")):
        error.verify_code, error.verify_message = code, "OpenSSL's"
        assert explain_untrusted(error, "127.0.0.1", b"").endswith(words)
