"""Passwords of local accounts, kept as argon2id hashes (RFC 9106)."""

from __future__ import annotations

import secrets
from functools import cache
from typing import TYPE_CHECKING

from dashboard.access.errors import AccessRefused

if TYPE_CHECKING:
    from argon2 import PasswordHasher

#: Shorter passwords are refused, and longer ones would only cost time.
MIN_CHARACTERS, MAX_CHARACTERS = 12, 1024


def hash_password(password: str) -> str:
    """Return the hash of a new password, with its salt and its cost. Raises AccessRefused for one that is too short."""
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise AccessRefused(f"the password has {len(password)} characters; use {MIN_CHARACTERS} to {MAX_CHARACTERS}")
    return _hasher().hash(password)


def is_password(password: str, hashed: str | None) -> bool:
    """Return whether a password is that of a hash. Without a hash it takes the same time, and is not."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        _hasher().verify(hashed or _other_hash(), password[:MAX_CHARACTERS])
    except (VerificationError, InvalidHashError):
        return False
    return bool(hashed)  # an account of a provider has an empty one


@cache
def _other_hash() -> str:
    """Return a hash that no account has; checking it costs what checking that of an account costs."""
    return _hasher().hash(secrets.token_urlsafe(32))


@cache
def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ImportError as error:
        raise AccessRefused("accounts need the extra `access`: pip install 'milepost[access]'") from error
    return PasswordHasher()
