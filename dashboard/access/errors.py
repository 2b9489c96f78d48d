"""Errors of accounts and tokens, named by what the caller does next."""

from __future__ import annotations


class AccessUnusable(Exception):
    """The database of accounts cannot be used; restore a copy of it, or move it away."""

    exit_code = 2


class AccessRefused(Exception):
    """An account, password, role or token that cannot be made or changed so; the message names the choices."""

    exit_code = 2


class ProviderFailed(Exception):
    """The provider by which people sign in cannot be reached, or what it says is not valid; try again, or tell it."""

    exit_code = 4
