"""Fixtures of the tests in this folder."""

import pytest

from tests.poc.quarantine.broken_flights import spoil


@pytest.fixture
def broken(good_csv, tmp_path):
    """Forty flights with three invalid rows: 5 in two ways, 7 too short, 9 with the key of row 8."""
    path = good_csv(tmp_path / "a.csv", 40)
    return spoil(
        path,
        ("2013,1,1,517,515,2,830,819,11,UA,5,", "2013,13,x,517,515,2,830,819,11,UA,5,"),
        ("UA,7,N14228,EWR,IAH,227,", "UA,7,N14228,EWR,IAH,"),
        ("UA,9,", "UA,8,"),
    )
