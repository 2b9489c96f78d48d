"""Sessions with an SFTP server that is not OpenSSH's, which takes passwords."""

import asyncio
import threading
from io import BytesIO
from pathlib import Path

import asyncssh
import pytest

from poc.config.place import PlaceConfig
from poc.errors import PlaceRefused, PlaceUnavailable
from poc.places.registry import open_place
from poc.places.sftp.access import read_access
from poc.places.sftp.session import SftpSession


class PasswordServer(asyncssh.SSHServer):
    """A server that lets `ann` in by a password with letters beyond ASCII."""

    def password_auth_supported(self):
        """Take passwords."""
        return True

    def validate_password(self, username, password):
        """Whether the password is right."""
        return (username, password) == ("ann", "päss word")


@pytest.fixture
def server(tmp_path):
    """The server's settings of a place, whose folder is the test's."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    loop, ready, ports = asyncio.new_event_loop(), threading.Event(), []

    async def listen():
        listener = await asyncssh.listen(
            "127.0.0.1", 0, server_factory=PasswordServer, server_host_keys=[key], sftp_factory=True
        )
        ports.append(listener.get_port())
        ready.set()
        await ended.wait()
        listener.close()
        await listener.wait_closed()

    ended = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(listen(),))
    thread.start()
    assert ready.wait(60)
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{ports[0]} {key.export_public_key().decode()}")
    (tmp_path / "files").mkdir()
    yield PlaceConfig(
        url=f"sftp://127.0.0.1:{ports[0]}{tmp_path}/files",
        user="ann",
        password="${env:SECRET}",
        known_hosts="known_hosts",
    )
    loop.call_soon_threadsafe(ended.set)
    thread.join(60)
    loop.close()


def test_a_password_lets_in(server, tmp_path):
    """A password of any letters, from the environment; a file is put there and read back."""
    with open_place(server, {"SECRET": "päss word"}, tmp_path) as place:
        assert place.put_new("a.csv", BytesIO(b"one")) == "made"
        assert b"".join(place.read(place.found("a.csv"))) == b"one"
    assert (tmp_path / "files" / "a.csv").read_bytes() == b"one"


def test_a_wrong_password_is_not_shown(server, tmp_path):
    """The message names the user and the way, never the password."""
    with open_place(server, {"SECRET": "guess-1234"}, Path(tmp_path)) as place, pytest.raises(PlaceRefused) as refused:
        place.look()
    assert "does not let user 'ann' in by password" in str(refused.value)
    assert "guess" not in str(refused.value)


def test_a_step_that_waits_for_the_server_also_at_its_end_is_cut_at_the_deadline(server, tmp_path):
    """A server that hangs within a list of files does not answer to the close of the folder, either."""
    waited = []

    async def step(_):
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(60)
            waited.append("for the close")

    session = SftpSession(read_access(server, {"SECRET": "päss word"}, tmp_path), "sftp://host", timeout_s=1)
    with pytest.raises(PlaceUnavailable, match="no answer in 1 s"):
        session.run(step)
    session.close()
    assert waited == []
