"""The URL of a ledger with its secrets, and what the errors of PostgreSQL mean to the caller."""

from pathlib import Path

import psycopg
import pytest

from poc.errors import BadInput, LedgerDamaged, TryLater
from poc.ledger.postgres.connection import full_url, new_engine, translate_database_errors
from poc.ledger_address import PostgresAddress


def address(url, root=Path()):
    """A ledger at a URL."""
    return PostgresAddress(url, root / "var", root)


def test_a_password_by_reference_may_have_any_character(tmp_path):
    """It is read from the environment or a file when a connection is made, and neither shown nor divided."""
    (tmp_path / "secret").write_text("p@ss:w/rd%?#\n")
    for reference in ("${env:LEDGER_PASSWORD}", "${file:secret}"):
        place = address(f"postgresql+psycopg://shop:{reference}@db:5433/ledger?sslmode=require", tmp_path)
        url = full_url(place, {"LEDGER_PASSWORD": "p@ss:w/rd%?#"})
        assert (url.username, url.password, url.host, url.port, url.database) == (
            "shop", "p@ss:w/rd%?#", "db", 5433, "ledger",
        )  # fmt: skip
        assert str(place) == "postgresql://db:5433/ledger"


def test_all_of_the_url_may_be_a_secret():
    """It is taken as it is."""
    url = full_url(address("${env:URL}"), {"URL": "postgresql://u:a%40b@h/d"})
    assert (url.password, url.host) == ("a@b", "h")


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("${env:NONE}", "variable NONE"),
        ("${file:none}", "file .*none"),
        ("${env:BAD}", "scheme"),
        ("${env:CUT}", "no URL"),
    ],
)
def test_a_secret_that_cannot_be_used_is_named_and_not_shown(url, match):
    """The message names the variable or file."""
    with pytest.raises(BadInput, match=match) as caught:
        full_url(address(url), {"BAD": "mysql://u:hidden@h/d", "CUT": "postgresql://h:hidden/d"})
    assert "hidden" not in str(caught.value)


def test_parameters_of_the_url_are_used_beside_those_of_the_ledger(postgres, tmp_path):
    """Tables may be in a schema of their own, and the time for connecting may be another."""
    place = address(f"{postgres.new_database()}&options=-csearch_path%3Dshop&application_name=shop", tmp_path)
    with new_engine(place, 7.0).connect() as connection:
        names = ("search_path", "application_name", "lock_timeout")
        values = [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]
    assert values == ["shop", "shop", "7s"]


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("40001", TryLater), ("40P01", TryLater), ("55P03", TryLater), ("57P01", TryLater), ("57P03", TryLater),
        ("53100", TryLater), ("53300", TryLater), ("08006", TryLater), ("42501", LedgerDamaged),
        ("42P01", LedgerDamaged), ("22P02", LedgerDamaged), ("XX001", LedgerDamaged),
    ],
)  # fmt: skip
def test_an_error_of_the_database_says_whether_to_try_again(state, error):
    """Conflicts, a full disk, a stopping server and lost connections pass; missing rights and damage do not."""
    with pytest.raises(error, match="db: reason"), translate_database_errors("db"):
        raise psycopg.errors.lookup(state)("reason\nDETAIL: row 7")


def test_a_server_that_cannot_be_reached_is_tried_later():
    """Such an error has no SQLSTATE."""
    with pytest.raises(TryLater), translate_database_errors("db"):
        psycopg.connect("host=/nowhere dbname=d")
