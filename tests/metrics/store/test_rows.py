"""Events become rows of the store."""

import pytest

from metrics.store.rows import size_band


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (0, 0),
        (1, 0),
        (3, 0),
        (4, 1),
        (15, 1),
        (16, 2),
        (63, 2),
        (64, 3),
        (255, 3),
        (256, 4),
        (1023, 4),
        (1024, 5),
        (10**7, 5),
    ],
)
def test_size_bands_end_below_powers_of_four(records, expected):
    """The last band has no end."""
    assert size_band(records) == expected
