"""The account of an exchange."""

import pytest

from poc.batch import Account, RowOutcome
from poc.errors import Unbalanced


def test_account_adds_up_outcomes():
    """Every outcome has its count; outcomes without rows count 0."""
    account = Account.close(
        5, [RowOutcome("delivered", 3), RowOutcome("failed", 1, "time-out"), RowOutcome("failed", 1)]
    )
    assert account.as_dict() == {
        "in": 5, "delivered": 3, "quarantined": 0, "filtered": 0, "duplicate": 0, "refused": 0, "failed": 2, "due": 0,
        "ambiguous": 0,
    }  # fmt: skip


def test_account_that_does_not_balance_is_an_error():
    """A row without an outcome is an error whose message has both sides of the sum."""
    with pytest.raises(Unbalanced, match=r"5 rows came in, but 4 delivered came out"):
        Account.close(5, [RowOutcome("delivered", 4)])


def test_an_unknown_outcome_is_an_error():
    """A stage cannot invent an outcome to balance the account."""
    with pytest.raises(KeyError):
        Account.close(1, [RowOutcome("forgotten", 1)])
