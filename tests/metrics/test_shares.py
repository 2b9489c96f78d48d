"""Shares of a whole by rows."""

import pytest

from metrics.shares import share


@pytest.mark.parametrize(
    ("total", "rows", "shares"),
    [
        (100, [60, 30, 10], [60, 30, 10]),
        (10, [1, 1, 1], [3, 3, 4]),
        (8, [7, 0], [7, 1]),
        (0, [5, 5], [0, 0]),
        (1, [0, 0], [0, 1]),
        (7, [4], [7]),
    ],
)
def test_shares_are_whole_and_their_sum_is_the_whole(total, rows, shares):
    """Shares go by rows, and a file without rows counts as one."""
    assert share(total, rows) == shares
    assert sum(shares) == total
