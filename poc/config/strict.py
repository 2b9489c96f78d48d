"""The base of all configuration models, and which of their values no message shows."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Frozen model that rejects unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


#: Keys of places whose values are or hold secrets, if a person writes them by mistake instead of a reference.
SECRETS = ("url", "password", "key", "key_passphrase", "access_key_id", "secret_access_key", "session_token")


def may_be_secret(place: tuple[int | str, ...]) -> bool:
    """Return whether a value of a file may contain a password or token by mistake, as addresses do."""
    if place[:1] == ("notify",):
        return place[2:] not in {("name",), ("digest",), ("zone",), ("min_severity",)} and place[2:3] != ("kinds",)
    if place in {("endpoint",), ("ledger",)} or place[-1:] in {(name,) for name in SECRETS}:
        return True
    if not {"secret_headers", "files"}.isdisjoint(place[:-1]):  # of a pick-up, where a query may hold a token
        return True
    keys = ("url", "headers", "secret_headers", "sign", "basic", "bearer", "oauth2")
    return place[:2] in {("endpoint", key) for key in keys}
