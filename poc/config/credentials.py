"""Configuration of how a partner recognises us: signatures, OAuth2, and the header `Authorization`."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from poc.config.strict import Strict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

#: Reference to a secret: the name of its variable or file, never its value.
REFERENCE = re.compile(r"\$\{(env|file):[^}]+\}")

#: A text without control characters.
TEXT = r"^[^\x00-\x1f\x7f]+$"

#: An address without user, password or query, because messages show it.
HTTP_URL = r"^[Hh][Tt][Tt][Pp][Ss]?://(\[[0-9A-Fa-f:.]+\]|[^\s/@?#:\[\]]+)(:[0-9]+)?(/[^\s?#@]*)?$"

#: Headers of a signature (Standard Webhooks, version 1).
SIGNATURE_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")

Reference = Annotated[str, Field(min_length=1)]


class Credential(Strict):
    """Base of the tables with secrets."""

    @property
    def references(self) -> dict[str, str]:
        """The references to secrets, by the key of each."""
        return {key: value for key, value in self._values() if REFERENCE.fullmatch(value)}

    def _values(self) -> Iterator[tuple[str, str]]:
        for key in type(self).model_fields:
            value = getattr(self, key)
            if isinstance(value, tuple):
                yield from ((f"{key}.{number}", each) for number, each in enumerate(value))
            elif isinstance(value, str):
                yield key, value


class SignConfig(Credential):
    """The table `[endpoint.sign]`: each request is signed as Standard Webhooks v1 says, with HMAC-SHA256.

    The header `webhook-id` is the `Idempotency-Key` without its quotes, the same in each repetition of a request;
    `webhook-timestamp` is the time at which it is sent.
    """

    keys: tuple[Reference, ...] = Field(
        min_length=1,
        max_length=4,
        description="The keys, each by `${env:NAME}` or `${file:PATH}`: `whsec_` and Base64 of at least 24 bytes. With "
        "two keys each request has both signatures, so that the partner can change to the new key at any time.",
    )

    @field_validator("keys")
    @classmethod
    def _are_references(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for key in keys:
            check_reference(key)
        if len(set(keys)) < len(keys):
            raise ValueError("names the same key twice")
        return keys


class BasicConfig(Credential):
    """The table `[endpoint.basic]`: user and password in the header `Authorization` (RFC 7617)."""

    user: str = Field(pattern=TEXT, description="The user, or a reference to it by `${env:NAME}` or `${file:PATH}`.")
    password: Reference = Field(description="The password, by `${env:NAME}` or `${file:PATH}`.")

    @field_validator("user")
    @classmethod
    def _has_no_colon(cls, user: str) -> str:
        if ":" in user and not REFERENCE.fullmatch(user):
            raise ValueError("has a colon, which ends the user's name in this header (RFC 7617)")
        return check_text(user)

    @field_validator("password")
    @classmethod
    def _is_reference(cls, password: str) -> str:
        return check_reference(password)


class BearerConfig(Credential):
    """The table `[endpoint.bearer]`: a token in the header `Authorization` (RFC 6750)."""

    token: Reference = Field(
        description="The token, without `Bearer `, by `${env:NAME}` or `${file:PATH}`; a file is read again when it "
        "changes. The alert of credentials also covers the end of a token that is a JWT."
    )

    @field_validator("token")
    @classmethod
    def _is_reference(cls, token: str) -> str:
        return check_reference(token)


class OAuth2Config(Credential):
    """The table `[endpoint.oauth2]`: an access token from the partner's server, by client credentials (RFC 6749, 4.4).

    The token is kept until shortly before it expires, and all feeds of the partner share it. After a 401 it is fetched
    anew, once, and the request is repeated with the same key. The TLS settings of the endpoint apply to `token_url`.
    """

    token_url: str = Field(
        pattern=HTTP_URL, description="The address of the token server. No user, password or query; `https` is needed."
    )
    client_id: str = Field(
        pattern=TEXT, description="Our client id, or a reference to it by `${env:NAME}` or `${file:PATH}`."
    )
    client_secret: Reference = Field(description="Our client secret, by `${env:NAME}` or `${file:PATH}`.")
    scope: str = Field(
        default="",
        pattern=r"^([!#-\[\]-~]+( [!#-\[\]-~]+)*)?$",
        description="The scopes to ask for, separated by spaces.",
    )
    audience: str = Field(
        default="", pattern=r"^[^\x00-\x1f\x7f]*$", description="The `audience` to ask for, where the server wants one."
    )
    auth: Literal["basic", "post"] = Field(
        default="basic",
        description="How the client signs in: `basic` by the header `Authorization`, `post` in the form that is sent.",
    )
    timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="Seconds from the beginning of a token's request to the end of its answer.",
    )

    @property
    def longest_fetch_s(self) -> float:
        """The longest time to wait for a token: one request more, where the server closed a kept connection."""
        return 2 * self.timeout_s

    @field_validator("client_id")
    @classmethod
    def _is_text_or_reference(cls, client_id: str) -> str:
        return check_text(client_id)

    @field_validator("client_secret")
    @classmethod
    def _is_reference(cls, secret: str) -> str:
        return check_reference(secret)

    @field_validator("token_url")
    @classmethod
    def _is_secure(cls, token_url: str) -> str:
        if sends_in_clear(token_url):
            raise ValueError("sends the client secret in clear; write an `https` address")
        return token_url


def check_reference(text: str) -> str:
    """Return a reference to a secret. Raises ValueError for anything else, without showing it."""
    if not REFERENCE.fullmatch(text):
        raise ValueError("holds a secret; write `${env:NAME}` or `${file:PATH}`")
    return text


def check_text(text: str) -> str:
    """Return a text or a reference. Raises ValueError for what is only a part of one."""
    return check_reference(text) if "${" in text else text


def check_credentials(url: str | None, header_names: Collection[str], tables: Collection[str]) -> None:
    """Raise ValueError where the credentials of an endpoint do not go together.

    Args:
        url: where the requests are sent; None for a folder.
        header_names: the headers that the endpoint sets by itself.
        tables: which tables of credentials it has.
    """
    if tables and not str(url).lower().startswith(("http:", "https:")):
        raise ValueError(f"`{min(tables)}` goes with a `url` of `https` or `http`")
    names = {name.lower() for name in header_names}
    ways = [f"`{name}`" for name in ("basic", "bearer", "oauth2") if name in tables]
    for way in ways:
        if sends_in_clear(str(url)):
            raise ValueError(f"{way} sends credentials in clear to an `http` address; write an `https` address")
    if "authorization" in names:
        ways.append("the header `Authorization`")
    if len(ways) > 1:
        raise ValueError(f"{' and '.join(ways)} are two ways to sign in; keep one")
    if "sign" in tables and (taken := names.intersection(SIGNATURE_HEADERS)):
        raise ValueError(f"`sign` sets the header {min(taken)!r}; remove it")


def sends_in_clear(url: str) -> bool:
    """Return whether what is sent to an address can be read on the way: over `http`, and not to this machine itself."""
    parts = urlsplit(url)
    if parts.scheme.lower() != "http":
        return False
    host = parts.hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() != "localhost"
