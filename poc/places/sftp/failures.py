"""What went wrong at an SFTP server, as the errors of places: the message says what would be right."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import asyncssh

from poc.errors import PlaceRefused, PlaceUnavailable
from poc.places.sftp.access import how_to_trust

if TYPE_CHECKING:
    from poc.places.sftp.access import SftpAccess

#: Errors of a connection, or of a step on it.
FAILURES = (OSError, asyncssh.Error, asyncssh.ChannelOpenError)

#: Errors that say that there is no such file or folder.
MISSING = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)

#: Errors that say that the connection is no more.
LOST = (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost, asyncssh.ConnectionLost)

#: What kinds of errors mean: code, text, and whether the step may have had its effect. The first that fits counts.
MEANINGS: tuple[tuple[tuple[type[Exception], ...], str, str, bool], ...] = (
    ((TimeoutError,), "timeout", "no answer in {limit_s:g} s", True),
    ((socket.gaierror,), "host", "the name of the host is unknown: {reason}", False),
    (MISSING, "folder", "no such file or folder; create it, or correct the path", False),
    (
        (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded),
        "disk-full",
        "no room at the server: {reason}",
        False,
    ),
    (LOST, "connection", "the connection was lost: {reason}", True),
    ((asyncssh.SFTPError,), "server", "the server refuses: {reason}", False),
    ((ConnectionRefusedError,), "connection", "nothing listens there (connection refused); check the port", False),
)


def step_failure(address: str, error: Exception, limit_s: float) -> PlaceUnavailable | PlaceRefused:
    """Return the error for what broke a connection, or a step on it."""
    reason = getattr(error, "reason", "") or getattr(error, "strerror", "") or str(error) or type(error).__name__
    if isinstance(error, (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect)):
        return PlaceRefused("rights", f"{address}: the server does not permit it: {reason}")
    for kinds, code, text, unknown in MEANINGS:
        if isinstance(error, kinds):
            return PlaceUnavailable(code, f"{address}: {text.format(limit_s=limit_s, reason=reason)}", unknown=unknown)
    return PlaceUnavailable("connection", f"{address}: {reason}", unknown=True)


def host_key_failure(access: SftpAccess, shown: asyncssh.SSHKey | None, reason: str) -> PlaceRefused:
    """Return the error for a key that is not trusted, with the fingerprints of both."""
    shows = "another key" if shown is None else _fingerprint(shown)
    trusted = access.trusted_keys()
    if not trusted:
        text = (
            f"{access.server}: {access.known_hosts} has no line for {access.known_as}; the server shows {shows}; if "
            f"the partner confirms that it is theirs, {how_to_trust(access.host, access.port)}"
        )
    elif shown is not None and shown in trusted:
        text = f"{access.server}: its key {shows} is not accepted: {reason}; see {access.known_hosts}"
    else:
        known = " or ".join(_fingerprint(key) for key in trusted)
        text = (
            f"{access.server}: the host key has changed: {access.known_hosts} has {known}, the server shows {shows}; "
            "nothing was sent. Ask the partner whether they changed it: if so, replace the line of "
            f"{access.known_as}; if not, somebody else answers in the server's name"
        )
    return PlaceRefused("host-key", text)


def _fingerprint(key: asyncssh.SSHKey) -> str:
    return f"{key.get_fingerprint()} ({key.get_algorithm()})"
