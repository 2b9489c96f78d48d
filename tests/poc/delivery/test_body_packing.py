"""Bodies that wait in the ledger take less room there, and come out as they were."""

import pytest

from poc.delivery.body_packing import MIN_BYTES, pack, unpack

LINE = b'{"flight":"UA1545","tail":"N14228","departure_delay_min":2}\n'


@pytest.mark.parametrize("body", [b"", LINE, LINE * 400, bytes(range(256)) * 16, b"x" * MIN_BYTES])
def test_a_body_comes_out_as_it_was(body):
    """Short or long, and whether or not it can be compressed."""
    stored = pack(body)
    assert len(stored) <= len(body)
    assert unpack(stored, len(body)) == body


def test_rows_are_stored_in_a_third_of_their_size():
    """The lines of a request are much alike."""
    assert len(pack(LINE * 400)) < len(LINE * 400) / 3


def test_a_body_of_an_older_release_is_read_as_it_is():
    """It was stored at its size."""
    assert unpack(LINE * 400, len(LINE * 400)) == LINE * 400
