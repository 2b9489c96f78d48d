"""Access to an SFTP server: where it is, which keys it may show, and how to sign in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncssh

from poc.errors import BadInput, PlaceRefused
from poc.transports.secrets import resolve_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from poc.config.place import PlaceConfig
    from poc.transports.secrets import Secret

#: The port of SSH.
SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class SftpAccess:
    """Where an SFTP server is, which keys it may show, and how to sign in."""

    host: str
    port: int
    user: str
    known_hosts: Path
    trusted: asyncssh.SSHKnownHosts
    password: Secret | None
    key: asyncssh.SSHKey | None

    @property
    def server(self) -> str:
        """The server as messages show it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sftp://{host}" if self.port == SSH_PORT else f"sftp://{host}:{self.port}"

    @property
    def known_as(self) -> str:
        """The server as a line of `known_hosts` begins."""
        return self.host if self.port == SSH_PORT else f"[{self.host}]:{self.port}"

    def trusted_keys(self) -> list[asyncssh.SSHKey]:
        """Return the keys of the server by its name in `known_hosts`, also those of authorities."""
        port = None if self.port == SSH_PORT else self.port
        keys, authorities, *_ = self.trusted.match(self.host, "", port)
        return [*keys, *authorities]


def read_access(settings: PlaceConfig, environ: Mapping[str, str], root: Path) -> SftpAccess:
    """Read the files and secrets of a place's settings. Raises BadInput where one is missing or cannot be used."""
    known_hosts = root / settings.known_hosts
    try:
        trusted = asyncssh.import_known_hosts(known_hosts.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        text = f"{known_hosts}: the server's key cannot be read: {reason}; {how_to_trust(settings.host, settings.port)}"
        try:
            _read_secrets(settings, environ, root)
        except BadInput as other:  # a new partner lacks both: one message names them
            text = f"{text}; and {other}"
        raise PlaceRefused("host-key", text) from error
    except ValueError as error:
        raise PlaceRefused("host-key", f"{known_hosts}: not in the format of `ssh-keyscan`: {error}") from error
    secrets = _read_secrets(settings, environ, root)
    key = _private_key(secrets["key"], secrets["key_passphrase"], settings.key)
    port = settings.port or SSH_PORT
    return SftpAccess(settings.host, port, settings.user, known_hosts, trusted, secrets["password"], key)


def how_to_trust(host: str, port: int | None) -> str:
    """Return what a person does so that a server's key is known."""
    option = f"-p {port} " if port and port != SSH_PORT else ""
    return f"write it by `ssh-keyscan {option}{host}`, and compare its fingerprint with what the partner tells you"


def _read_secrets(settings: PlaceConfig, environ: Mapping[str, str], root: Path) -> dict[str, Secret | None]:
    """Return the secrets by which to sign in. Raises BadInput where one is missing."""
    return {
        name: resolve_text(text, environ, root) if (text := getattr(settings, name)) else None
        for name in ("password", "key", "key_passphrase")
    }


def _private_key(text: Secret | None, passphrase: Secret | None, reference: str) -> asyncssh.SSHKey | None:
    """Return a private key. Raises PlaceRefused, with no word of the key."""
    if text is None:
        return None
    try:
        return asyncssh.import_private_key(text.reveal(), passphrase.reveal() if passphrase else None)
    except asyncssh.KeyEncryptionError as error:
        fault = "`key_passphrase` does not open it" if passphrase else "it is encrypted; name its `key_passphrase`"
        raise PlaceRefused("sign-in", f"the private key {reference} cannot be used: {fault}") from error
    except asyncssh.KeyImportError as error:
        needs = "passphrase" in str(error).lower() and passphrase is None
        fault = "it is encrypted; name its `key_passphrase`" if needs else "it is not a private key of OpenSSH or PEM"
        raise PlaceRefused("sign-in", f"the private key {reference} cannot be used: {fault}") from error
