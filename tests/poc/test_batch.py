"""Accounts."""

import pytest

from poc.batch import Account, RowOutcome
from poc.errors import Unbalanced


def test_account_adds_up_outcomes():
    """Rows that ended in several outcomes are told by each of them, and the others are 0."""
    account = Account.close(
        5, [RowOutcome("delivered", 3), RowOutcome("failed", 1, "time-out"), RowOutcome("failed", 1)]
    )
    assert account.as_dict() == {
        "in": 5, "delivered": 3, "quarantined": 0, "filtered": 0, "duplicate": 0, "refused": 0, "failed": 2, "due": 0,
        "ambiguous": 0,
    }  # fmt: skip


def test_account_that_does_not_balance_is_an_error():
    """A row that came in and never ended fails the run, and the message says both sides of the sum."""
    with pytest.raises(Unbalanced, match=r"5 rows came in, but 4 delivered came out"):
        Account.close(5, [RowOutcome("delivered", 4)])


def test_an_outcome_that_is_none_of_ours_is_an_error():
    """A stage cannot make up an outcome to make the sum come out."""
    with pytest.raises(KeyError):
        Account.close(1, [RowOutcome("forgotten", 1)])
