"""A PostgreSQL server of the tests' own: unprivileged, on a unix socket in a temporary folder, without fsync."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from poc.ledger_address import PostgresAddress

#: Where Debian keeps the server's programs, which are not on the path.
DEBIAN = "/usr/lib/postgresql"


def find_program(name):
    """The path of one of the server's programs; None where there is none."""
    newest = sorted(Path(DEBIAN).glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return str(newest[-1]) if newest else shutil.which(name)


class PostgresServer:
    """A server in a folder of its own; each database is new."""

    def __init__(self, *, fsync=False):
        self.folder = Path(tempfile.mkdtemp(prefix="milepost-pg-"))  # a short path: that of a socket is limited
        self.user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if self.user:
            os.chown(self.folder, pwd.getpwnam("postgres").pw_uid, -1)
        self.folder.chmod(0o755)
        self._options = (
            f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync={'on' if fsync else 'off'}"
        )
        self._databases, self._template = 0, ""
        self._run("initdb", "-D", str(self.folder / "data"), "-A", "trust", "-U", "milepost", "-E", "UTF8", "--no-sync")
        self.start()

    def _run(self, name, *arguments, **options):
        program = find_program(name)
        subprocess.run(
            [program, *arguments], cwd=self.folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            timeout=120, **(options or self.user),
        )  # fmt: skip

    def start(self):
        """Start the server, and wait until it answers."""
        self._run(
            "pg_ctl",
            "-D",
            str(self.folder / "data"),
            "-l",
            str(self.folder / "log"),
            "-w",
            "-o",
            self._options,
            "start",
        )

    def stop(self, mode="immediate"):
        """Stop the server; `immediate` is as a crash for those connected."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", mode, "-w", "stop")

    def new_database(self, template="template0"):
        """The URL of a new database."""
        import psycopg

        self._databases += 1
        name = f"d{self._databases}"
        with psycopg.connect(host=str(self.folder), user="milepost", dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"postgresql+psycopg://milepost@/{name}?host={self.folder}"

    def new_ledger(self, folder):
        """The address of a ledger without any exchange, with its files in a folder."""
        from poc.ledger.postgres.migrate import migrate_ledger

        if not self._template:
            url = self.new_database()
            migrate_ledger(PostgresAddress(url, folder, folder))
            self._template = f"d{self._databases}"
        return PostgresAddress(self.new_database(self._template), folder, folder)

    def close(self):
        """Stop the server, and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server for this process; without the program the test is skipped, and fails where `CI` is set."""
    if find_program("initdb") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no PostgreSQL server: apt-get install postgresql")
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_address(request, tmp_path):
    """Where a new ledger is, in each of the two databases."""
    if request.param == "sqlite":
        return tmp_path / "ledger.db"
    return request.getfixturevalue("postgres").new_ledger(tmp_path)
