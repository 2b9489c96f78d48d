"""Facts of a certificate are read from its encoding, and bytes that are no certificate give none."""

import ssl
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poc.transports.certificate import CertificateFacts, parse_time, read_certificate


def der(path):
    """The bytes of a certificate file."""
    return ssl.PEM_cert_to_DER_cert(path.read_text())


def test_names_issuer_and_dates_are_read(certificates):
    """As `openssl` wrote them."""
    facts = read_certificate(der(certificates["other.pem"]))
    assert facts is not None
    assert (facts.names, facts.issuer) == (("a.example", "*.b.example", "::1"), "Test Authority")
    assert facts.not_before == certificates.now - timedelta(days=1)
    assert facts.not_after == certificates.now + timedelta(days=30)
    assert read_certificate(der(certificates["ca.pem"])).names == ("Test Authority",)


@pytest.mark.parametrize(
    ("tag", "text", "year"),
    [(0x17, b"491231235959Z", 2049), (0x17, b"500101000000Z", 1950), (0x18, b"20500101000000Z", 2050)],
)
def test_both_forms_of_a_time_are_read(tag, text, year):
    """Two digits of the year mean 1950 to 2049 (RFC 5280, 4.1.2.5)."""
    assert parse_time(tag, text).year == year


@given(data=st.data())
def test_any_bytes_give_facts_or_none(certificates, data):
    """A certificate with bytes changed or cut off does no harm."""
    whole = bytearray(der(certificates["other.pem"]))
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=4)):
        whole[at] = data.draw(st.integers(0, 255))
    facts = read_certificate(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    assert facts is None or isinstance(facts, CertificateFacts)
