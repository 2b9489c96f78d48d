"""Configuration of a place where a partner puts or takes files: its address, and how to sign in."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from poc.config.strict import Strict

#: Reference to a secret: the name of its variable or file, never its value.
REFERENCE = r"^(\$\{(env|file):[^}]+\})?$"

#: An address: its scheme, host and port, and path.
ADDRESS = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/@?#:\[\]]+)(?::(?P<port>[0-9]+))?(?P<path>/[^?#]*)?"
)

#: The highest TCP port.
MAX_PORT = 65535


class PlaceAccess(Strict):
    """How to sign in at a place; which keys a place needs depends on the scheme of its address."""

    user: str = Field(default="", pattern=r"^[^\x00-\x1f]*$", description="`sftp`: the name to sign in with.")
    password: str = Field(
        default="",
        pattern=REFERENCE,
        description="`sftp`: the password, by `${env:NAME}` or `${file:PATH}`. A literal one is an error.",
    )
    key: str = Field(
        default="",
        pattern=REFERENCE,
        description="`sftp`: the private key to sign in with, by `${file:PATH}` or `${env:NAME}`, in the format of "
        "OpenSSH or PEM.",
    )
    key_passphrase: str = Field(
        default="", pattern=REFERENCE, description="`sftp`: the pass phrase of `key`, referred to in the same way."
    )
    known_hosts: str = Field(
        default="",
        pattern=r"^[^\x00]*$",
        description="`sftp`: the file with the server's public key, one line as `ssh-keyscan` prints it. It is "
        "demanded: a server that shows another key gets nothing. Paths are relative to the workspace.",
    )


class PlaceConfig(PlaceAccess):
    """A place: a folder, or an address such as `sftp://host/folder`, and how to sign in there."""

    url: str = Field(
        min_length=1,
        pattern=r"^[^\x00-\x1f?#@]+$",
        description="`sftp://HOST/FOLDER`, or the path of a folder, relative to the workspace. It has no user and "
        "no password.",
    )
    timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Seconds that one step at the place may take, such as signing in or listing; a transfer may take a "
        "second more for each 64 KiB.",
    )

    @property
    def scheme(self) -> str:
        """The scheme of the address; empty for a folder."""
        return self.url.partition("://")[0] if "://" in self.url else ""

    @property
    def host(self) -> str:
        """The host of the address, without the brackets of IPv6; empty for a folder."""
        match = ADDRESS.fullmatch(self.url)
        return match["host"].strip("[]") if match else ""

    @property
    def port(self) -> int | None:
        """The port of the address, None where it names none."""
        match = ADDRESS.fullmatch(self.url)
        return int(match["port"]) if match and match["port"] else None

    @property
    def path(self) -> str:
        """The path of the address, from its `/` on, or of the folder."""
        match = ADDRESS.fullmatch(self.url)
        return (match["path"] or "/") if match else self.url

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        match = ADDRESS.fullmatch(url)
        if "://" in url and match is None:
            raise ValueError(f"{url!r} is not an address; write one like 'sftp://files.example.com/out'")
        if match and match["port"] and not 0 < int(match["port"]) <= MAX_PORT:
            raise ValueError(f"has port {match['port']}; a port is 1 to {MAX_PORT}")
        return url

    @model_validator(mode="after")
    def _can_sign_in(self) -> PlaceConfig:
        check_access(self.scheme, self)
        return self


def check_access(scheme: str, access: PlaceAccess) -> None:
    """Raise ValueError where a key is missing that a scheme needs, or one is set that it does not know."""
    if scheme == "sftp":
        for key in ("user", "known_hosts"):
            if not getattr(access, key):
                raise ValueError(f"an `sftp` address needs `{key}`")
        if not access.password and not access.key:
            raise ValueError("an `sftp` address needs a `key` or a `password`")
        if access.key_passphrase and not access.key:
            raise ValueError("`key_passphrase` goes with `key`")
        return
    for key in ("user", "password", "key", "key_passphrase", "known_hosts"):
        if getattr(access, key):
            raise ValueError(f"`{key}` goes with an `sftp` address")
