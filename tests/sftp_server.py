"""OpenSSH's server on loopback, as an ordinary process of the user with a configuration of its own."""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SFTP = Path("/usr/lib/openssh/sftp-server")

#: Subsystem that passes the unencrypted packets of SFTP on, and can cut the session at one of them.
RELAY = Path(__file__).parent / "sftp_relay.py"

CONFIGURATION = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
LogLevel ERROR
MaxStartups 100
Subsystem sftp {sftp}
"""


@dataclass
class SftpServer:
    """A running server, the files that sign in there, and the faults that its next sessions have."""

    port: int
    folder: Path
    files: Path
    user: str = field(default_factory=getpass.getuser)

    @property
    def url(self):
        """The address of the folder of its files."""
        return f"sftp://127.0.0.1:{self.port}{self.files}"

    @property
    def access(self):
        """The settings that sign in."""
        return {
            "user": self.user,
            "key": f"${{file:{self.folder / 'user_key'}}}",
            "known_hosts": str(self.folder / "known_hosts"),
        }

    def cut(self, *faults):
        """Let sessions end: `before-rename`, `after-rename` (done), `write N` after N bytes, `request` at once.

        Each fault befalls one session, in this order.
        """
        faults_file = self.folder / "faults"
        pending = faults_file.with_suffix(".new")
        pending.write_text("".join(f"{fault}\n" for fault in faults))
        pending.replace(faults_file)


def make_key(path, *options):
    """Make a key pair."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", *options, "-f", path], check=True)


def free_port():
    """A port that nothing uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def running_sftp_server(folder, *, has_faults=True):
    """A server whose keys and files are in a folder, until the block ends; without faults, no relay slows it."""
    folder = Path(folder)
    files = folder / "files"
    files.mkdir(exist_ok=True)
    port = free_port()
    for name in ("host_key", "user_key"):
        make_key(folder / name)
    host_key = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    (folder / "faults").write_text("")
    settings = folder / "sshd_config"
    sftp = f"{sys.executable} -IS {RELAY} {folder}/faults {SFTP}" if has_faults else SFTP
    settings.write_text(CONFIGURATION.format(port=port, folder=folder, sftp=sftp))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", settings], stdin=subprocess.DEVNULL, stderr=log)
    try:
        wait_for_banner(port, server, folder / "sshd.log")
        yield SftpServer(port, folder, files)
    finally:
        server.terminate()
        server.wait()


def wait_for_banner(port, server, log):
    """Wait until the server answers."""
    limit = time.monotonic() + 60
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            pass
        if server.poll() is not None or time.monotonic() > limit:
            raise RuntimeError(f"sshd did not start: {log.read_text()}")
        time.sleep(0.02)


@pytest.fixture(scope="module")
def sftp_server(tmp_path_factory):
    """OpenSSH's server; a test that needs it is skipped where it is not installed, and fails in CI."""
    if SSHD is None or not SFTP.exists():
        reason = "no OpenSSH server: the Debian package openssh-server"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with running_sftp_server(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def sftp(sftp_server, tmp_path):
    """The server with a new folder of files for one test, and no faults."""
    sftp_server.cut()
    return SftpServer(sftp_server.port, sftp_server.folder, tmp_path)
