"""Passwords: what signs in, and what never does."""

from dashboard.access.passwords import _other_hash, hash_password, is_password


def test_an_account_without_a_hash_has_no_password():
    """An account of a provider has an empty hash: no password fits, not even that of the hash which takes the time."""
    assert is_password("correct horse battery", hash_password("correct horse battery"))
    for password in ("", "correct horse battery", "a password of no account"):
        assert not is_password(password, "")
        assert not is_password(password, None)


def test_the_hash_that_takes_the_time_is_of_no_known_password():
    """It differs from process to process, so that no text in the source fits it."""
    before = _other_hash()
    _other_hash.cache_clear()
    assert not any(is_password("a password of no account", hashed) for hashed in (before, _other_hash()))
