"""A partner's SFTP server on loopback, in a thread of this process, with keys that are made for it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Self

import asyncssh

from milepost.errors import CommandError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

#: The name that signs in.
USER = "milepost"

#: Seconds that the server may take to start or to end.
PATIENCE_S = 30.0


class SftpServer:
    """A server of the files in a folder. Use it with `with`; `port` is known then.

    Args:
        files: the folder; it is the root of what a client sees.
        secrets: where the client's key and the server's public key are written, as `NAME.key` and `NAME.known_hosts`.
        name: of these files.
    """

    def __init__(self, files: Path, secrets: Path, name: str) -> None:
        self.port = 0
        self._files, self._secrets, self._name = files, secrets, name
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="sftp-partner", daemon=True)

    @property
    def url(self) -> str:
        """The address of the server, without a path."""
        return f"sftp://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(PATIENCE_S) or self._error is not None:
            raise CommandError(f"the demo's SFTP server did not start: {self._error or 'no answer'}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 (told to the thread that waits)
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        host_key, client_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
        root = str(self._files).encode()
        server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(client_key.export_public_key().decode()),
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=root),
            allow_scp=False,
        )
        async with server:
            self.port = server.get_port()
            write_secret(self._secrets / f"{self._name}.key", client_key.export_private_key())
            known = f"[127.0.0.1]:{self.port} ".encode() + host_key.export_public_key()
            write_secret(self._secrets / f"{self._name}.known_hosts", known)
            self._ready.set()
            await self._stop.wait()


def write_secret(path: Path, text: bytes) -> None:
    """Write a file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_bytes(text)
