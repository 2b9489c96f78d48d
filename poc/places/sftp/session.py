"""A session with an SFTP server: it connects, signs in, and runs steps, each within its deadline.

The steps run in an event loop of the session's own thread, so that a caller may run an event loop itself, as a program
that calls `milepost.exchange_file` can.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import asyncssh

from poc.errors import ExchangeError, PlaceRefused
from poc.places.place import deadline_s
from poc.places.sftp.failures import FAILURES, LOST, host_key_failure, step_failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from poc.places.sftp.access import SftpAccess

T = TypeVar("T")

#: The ciphers that cost the least where the processor has AES, before the others.
CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"

#: Seconds that the end of a connection may take.
CLOSE_S = 2.0

#: Failures after which the connection is of no use.
BROKEN = frozenset({"connection", "timeout", "host"})


class Deadline:
    """The seconds that the steps of one verb may still take together; what the caller does between them is free."""

    def __init__(self, left_s: float) -> None:
        self.left_s = left_s


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sftp", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Wait for the result of a coroutine; where the wait is interrupted, cancel it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End the loop and its thread."""
        self.run(_end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class SftpSession:
    """A session that connects at its first step, and again after a connection was lost.

    Attributes:
        address: of the place, for messages.
    """

    def __init__(self, access: SftpAccess, address: str, timeout_s: float) -> None:
        self.address = address
        self._access = access
        self._timeout_s = timeout_s
        self._loop: LoopThread | None = None
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._client is not None

    def deadline(self, size_bytes: int) -> Deadline:
        """Return the deadline of a verb that transfers so many bytes."""
        return Deadline(deadline_s(self._timeout_s, size_bytes))

    def run(
        self,
        step: Callable[[asyncssh.SFTPClient], Awaitable[T]],
        size_bytes: int = 0,
        deadline: Deadline | None = None,
        *,
        repeats: bool = True,
    ) -> T:
        """Run one step, connected.

        Args:
            step: what to do with the client.
            size_bytes: the bytes that it transfers.
            deadline: of the whole verb, whose time the step uses up; by default the step has one of its own.
            repeats: whether the step may be run again where the server had closed the idle connection.

        Raises:
            PlaceUnavailable, PlaceRefused: as all verbs of a place.
        """
        limit_s = deadline_s(self._timeout_s, size_bytes)
        limit_s = limit_s if deadline is None else min(limit_s, deadline.left_s)
        if self._loop is None:
            self._loop = LoopThread()
        had_idled = self.is_connected
        started = time.monotonic()
        try:
            return self._loop.run(self._within(step, limit_s))
        except FAILURES as error:
            failure = step_failure(self.address, error, limit_s)
            if isinstance(failure, PlaceRefused) or failure.code not in BROKEN:
                raise failure from error
            self._cut()
            if not (had_idled and repeats and failure.code == "connection"):
                raise failure from error
        except ExchangeError:
            raise
        except BaseException:
            self._cut()  # interrupted: what the server answers now belongs to no step
            raise
        finally:
            if deadline is not None:
                deadline.left_s -= time.monotonic() - started
        return self.run(step, size_bytes, deadline, repeats=False)

    def close(self) -> None:
        """Say good-bye, and wait a moment for the end."""
        connection, self._connection, self._client = self._connection, None, None
        loop, self._loop = self._loop, None
        if loop is None:
            return
        try:
            if connection is not None:
                loop.run(_end(connection))
        finally:
            loop.close()

    async def _within(self, step: Callable[[asyncssh.SFTPClient], Awaitable[T]], limit_s: float) -> T:
        task = asyncio.ensure_future(self._connected(step))
        try:
            if (await asyncio.wait({task}, timeout=limit_s))[0]:
                return task.result()
        finally:
            if not task.done():
                if self._connection is not None:
                    self._connection.abort()  # first: a step that is cancelled still waits for answers, as to a close
                task.cancel()
                await asyncio.wait({task}, timeout=CLOSE_S)
                if task.done() and not task.cancelled():
                    task.exception()  # read, or else the loop writes it to the log
        raise TimeoutError

    async def _connected(self, step: Callable[[asyncssh.SFTPClient], Awaitable[T]]) -> T:
        if self._client is None:
            self._connection = await sign_in(self._access)
            self._client = await start_sftp(self._connection, self._access)
        return await step(self._client)

    def _cut(self) -> None:
        """Cut the connection; the next step makes a new one."""
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None and self._loop is not None:
            self._loop.run(_abort(connection))


async def sign_in(access: SftpAccess) -> asyncssh.SSHClientConnection:
    """Connect to a server and sign in. Raises PlaceRefused, and the library's errors."""
    note = KeyNote()
    try:
        return await asyncssh.connect(
            access.host,
            access.port,
            client_factory=lambda: note,
            username=access.user,
            known_hosts=access.trusted,
            password=access.password.reveal() if access.password else None,
            client_keys=[access.key] if access.key else None,
            agent_path=None,
            gss_host=None,
            config=None,
            x509_trusted_certs=None,
            encryption_algs=CIPHERS,
            compression_algs=["none"],
        )
    except asyncssh.HostKeyNotVerifiable as error:
        raise host_key_failure(access, note.shown, str(error)) from error
    except (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, ConnectionResetError) as error:
        # a server that has no key of a kind that is known may hang up before the client says so
        shown = await asyncssh.get_server_host_key(access.host, access.port, config=None)
        if shown is not None and shown not in access.trusted_keys():
            raise host_key_failure(access, shown, str(error)) from error
        if isinstance(error, asyncssh.KeyExchangeFailed):
            raise PlaceRefused("settings", f"{access.server}: has no algorithm in common with us: {error}") from error
        raise
    except asyncssh.PermissionDenied as error:
        ways = [name for name, value in (("key", access.key), ("password", access.password)) if value is not None]
        text = (
            f"{access.server}: does not let user {access.user!r} in by {' or '.join(ways)}; "
            "check `user`, and whether the partner knows our public key or this password"
        )
        raise PlaceRefused("sign-in", text) from error


async def start_sftp(connection: asyncssh.SSHClientConnection, access: SftpAccess) -> asyncssh.SFTPClient:
    """Start SFTP on a connection, which is cut where that fails. Raises PlaceRefused, and the library's errors."""
    try:
        return await connection.start_sftp_client(path_errors="surrogateescape")
    except (asyncssh.ChannelOpenError, asyncssh.SFTPError) as error:
        connection.abort()
        if isinstance(error, LOST):
            raise
        text = f"{access.server}: lets user {access.user!r} in, but starts no SFTP: {error}"
        raise PlaceRefused("rights", text) from error
    except BaseException:
        connection.abort()
        raise


class KeyNote(asyncssh.SSHClient):
    """A client that notes a server's key that is not trusted, and refuses it."""

    def __init__(self) -> None:
        self.shown: asyncssh.SSHKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """Note the key and refuse it: it is not in `known_hosts`."""
        self.shown = key
        return False


async def _end(connection: asyncssh.SSHClientConnection) -> None:
    connection.close()
    with suppress(*FAILURES):
        async with asyncio.timeout(CLOSE_S):
            await connection.wait_closed()
            return
    connection.abort()


async def _abort(connection: asyncssh.SSHClientConnection) -> None:
    connection.abort()
    await asyncio.sleep(0)  # the loop closes the socket in its next turn


async def _end_tasks() -> None:
    """Cancel what the library still has to do, and wait for its end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_default_executor()
