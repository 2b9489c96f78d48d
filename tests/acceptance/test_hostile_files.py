"""Hostile files, full disks and broken places: each is told in one line with its exit code, and nothing is lost."""

import gzip
import io
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from metrics.events import NullRecorder
from milepost.cli import main
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.formats.record_splitter import Sizes
from poc.ledger.schema import VERSION
from poc.service.runner import run_inbox

NOW = datetime(2026, 1, 5, 6, tzinfo=UTC)

#: The command line in a process of its own, whose files may have so many bytes.
SMALL_DISK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
from milepost.cli import main
main(sys.argv[2:])
"""

#: The command line in a process of its own, to which permissions apply even where root runs the tests.
NO_POWERS = """
import ctypes, sys
ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())
from milepost.cli import main
main(sys.argv[1:])
"""

#: A run that is under way until it is killed.
HOLDS_LOCK = """
import sys, time
from pathlib import Path
from poc.config.workspace import load_workspace
from poc.transports.inbox import workspace_lock
with workspace_lock(load_workspace(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""


class House:
    """A workspace with one partner and an empty inbox."""

    def __init__(self, root, place):
        self.root = root
        self.inbox = root / "var" / "inbox" / "UA" / "flights"
        create_workspace(root, "hostile", "live", {"UA": AIRLINES["UA"]}, "")
        self.settings = root / "partners" / "UA.toml"
        head, _, tail = self.settings.read_text().partition("[endpoint]\n")
        feed = tail[tail.index("[feed.flights]") :].replace("settle_s = 2.0 ", "settle_s = 0 ")
        self.settings.write_text(f"{head}[endpoint]\n{place}\n\n{feed}")

    def feed(self, line):
        """Set something of the feed."""
        self.settings.write_text(self.settings.read_text().replace("[feed.flights]\n", f"[feed.flights]\n{line}\n"))

    def put(self, name, data):
        """Hand in a file."""
        path = self.inbox / name
        path.write_bytes(data)
        os.utime(path, (0, 0))
        return path

    def milepost(self, *arguments):
        """A command in this process; that it ended without a traceback is part of every promise here."""
        done = CliRunner().invoke(main, ["-w", str(self.root), *map(str, arguments)])
        assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
        return done

    def apart(self, code, *arguments, **environ):
        """A command in a process of its own, prepared by `code`."""
        before = [] if code is SMALL_DISK else ["-w", str(self.root)]
        done = subprocess.run(
            [sys.executable, "-c", code, *before, *map(str, arguments)],
            check=False, capture_output=True, timeout=60, env={**os.environ, **environ},
        )  # fmt: skip
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")

    def on_small_disk(self, size_bytes, *arguments):
        """A command on a disk where no file grows beyond a size."""
        return self.apart(SMALL_DISK, size_bytes, "-w", self.root, *arguments)


@pytest.fixture
def partner(start_partner):
    """A partner that behaves."""
    return start_partner()


@pytest.fixture
def house(tmp_path, partner):
    """A workspace whose partner takes requests with keys."""
    return House(tmp_path / "w", f'url = "{partner.url}/live/UA"\nhonours_keys = true')


@pytest.fixture
def csv(good_csv, tmp_path):
    """A function that gives the bytes of a file of good flights."""
    return lambda rows, first=1: good_csv(tmp_path / "made.csv", rows, first).read_bytes()


def flights(partner):
    """The flights that the partner holds."""
    return [record["flight"] for record in partner.held("live")]


def numbered(first, last):
    """The flights from one number to another."""
    return [f"UA{n}" for n in range(first, last + 1)]


def zipped(*members, mode=0o644):
    """A zip archive of named members."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return made.getvalue()


def encrypted(archive):
    """The archive with the sign of a password in both of its heads."""
    data = bytearray(archive)
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


BOMB = b"0" * 300_000


@pytest.mark.parametrize("level", [1, 4])
def test_a_bad_gzip_is_refused_whole_and_its_neighbours_are_not(house, partner, csv, level):
    """Bombs, cut-off and damaged files are each refused with the reason; the good file beside them is delivered."""
    house.feed('files = "*.gz"\ncompression = "gzip"\nmax_ratio = 100\nmax_size_bytes = 200000')
    house.settings.write_text(house.settings.read_text().replace('files = "*.csv"', "#"))
    good = csv(20)
    house.put("a-ratio.gz", gzip.compress(BOMB[:150_000]))
    house.put("b-size.gz", gzip.compress(os.urandom(250_000)))
    house.put("c-cut.gz", gzip.compress(good)[:-20])
    house.put("d-other.gz", good)
    house.put("e-behind.gz", gzip.compress(good) + b"more")
    house.put("z-good.gz", gzip.compress(good))
    done = house.milepost("run", "--level", level)
    assert (done.exit_code, done.stderr) == (3, ""), done.output
    told = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]
    assert len(told) == 5
    for line, reason in zip(
        told, ["max_ratio = 100 times", "max_size_bytes = 200000", "cut off", "not a whole gzip", "other bytes"],
        strict=True,
    ):  # fmt: skip
        assert reason in line
    assert flights(partner) == numbered(1, 20)
    assert len(list((house.root / "var/refused/UA/flights").iterdir())) == 5
    assert list(house.inbox.iterdir()) == []


@pytest.mark.parametrize("level", [1, 4])
def test_a_bad_zip_is_refused_whole_and_writes_nothing_anywhere(house, partner, csv, tmp_path, level):
    """Bombs, names that lead elsewhere, links, passwords and second members are refused; no member becomes a file."""
    house.feed('files = "*.zip"\ncompression = "zip"\nmax_ratio = 100')
    house.settings.write_text(house.settings.read_text().replace('files = "*.csv"', "#"))
    good = csv(20)
    cases = {
        "a.zip": (zipped(("a.csv", BOMB)), "max_ratio = 100 times"),
        "b.zip": (zipped(("../evil.csv", good)), "'../evil.csv'"),
        "c.zip": (zipped((str(tmp_path / "evil.csv"), good)), "a name must be plain"),
        "d.zip": (zipped(("C:\\evil.csv", good)), "a name must be plain"),
        "e.zip": (zipped(("evil.csv", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777), "is a link, not a file"),
        "f.zip": (encrypted(zipped(("evil.csv", good))), "is encrypted; send it without a password"),
        "g.zip": (zipped(("evil.csv", good), ("two.csv", good)), "this one holds 2: 'evil.csv', 'two.csv'"),
        "h.zip": (zipped(("evil.csv", good))[:-30], "not a whole zip archive"),
        "i.zip": (b"", "the file is empty"),
    }
    for name, (data, _) in cases.items():
        house.put(name, data)
    house.put("z.zip", zipped(("good.csv", good)))
    done = house.milepost("run", "--level", level)
    assert (done.exit_code, done.stderr) == (3, ""), done.output
    told = [line for line in done.stdout.splitlines() if line.startswith("  ")]
    assert [reason in line for (_, reason), line in zip(cases.values(), told, strict=True)] == [True] * len(cases)
    assert flights(partner) == numbered(1, 20)
    assert not [path for path in tmp_path.rglob("*") if path.name in {"evil.csv", "two.csv", "good.csv"}]


def test_a_link_in_the_inbox_is_shown_and_never_followed(house, partner, csv, tmp_path):
    """A link to a good file elsewhere is not read, not sent and not moved; `status` and `run` tell of it."""
    outside = tmp_path / "outside.csv"
    outside.write_bytes(csv(3))
    os.utime(outside, (0, 0))
    (house.inbox / "a.csv").symlink_to(outside)
    house.put("b.csv", csv(2, first=10))
    done = house.milepost("run")
    assert (done.exit_code, len(done.stderr.splitlines())) == (0, 1)
    assert str(house.inbox / "a.csv") in done.stderr
    assert flights(partner) == numbered(10, 11)
    assert (house.inbox / "a.csv").is_symlink()
    assert outside.exists()
    told = f"a symbolic link, which is never followed: {house.inbox / 'a.csv'}"
    assert told in house.milepost("status").stdout.splitlines()


class Meanwhile(NullRecorder):
    """Does something once, when the first exchange begins: its file has been opened, and no row was read."""

    def __init__(self, what):
        self._what = [what]

    def record(self, event, *, started=False):
        """An exchange begins, or has ended."""
        if started and self._what:
            self._what.pop()()


@pytest.fixture(params=["requests", "folder"])
def place(request, tmp_path, partner):
    """A workspace whose partner takes requests or files, and what gives the flights it holds."""
    if request.param == "requests":
        house = House(tmp_path / "w", f'url = "{partner.url}/live/UA"\nhonours_keys = true')
        return house, lambda: flights(partner)
    folder = tmp_path / "partner"
    folder.mkdir()
    house = House(tmp_path / "w", f'folder = "{folder}"')

    def held():
        texts = [path.read_text() for path in sorted(folder.rglob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)]
        return [json.loads(line)["flight"] for text in texts for line in text.splitlines()]

    return house, held


def ran(house, level, recorder=None):
    """A run of the inbox: outcome or error of each exchange."""
    recorder = recorder or NullRecorder()
    found = run_inbox(load_workspace(house.root), None, level, lambda: NOW, recorder, "0")
    return [one.receipt.outcome if one.receipt else one.error for one in found]


@pytest.mark.parametrize("level", [2, 4])
def test_a_file_that_takes_the_name_of_one_being_read_waits_its_turn(place, csv, level):
    """What was opened is delivered; the new file is neither put away as if it were the old one nor sent twice."""
    house, held = place
    path = house.put("a.csv", csv(30))
    new = house.put("new.part", csv(20, first=101))
    assert ran(house, level, Meanwhile(lambda: new.rename(path))) == ["done"]
    assert held() == numbered(1, 30)
    assert path.exists()
    assert ran(house, level) == ["done"]
    assert held() == [*numbered(1, 30), *numbered(101, 120)]
    assert list(house.inbox.iterdir()) == []


@pytest.mark.parametrize("level", [2, 4])
def test_a_file_that_grows_while_it_is_read_is_left_for_the_next_run(place, csv, level):
    """Nothing of a file that somebody still writes to is sent; once it is whole every row is delivered once."""
    house, held = place
    whole = csv(50)
    path = house.put("a.csv", whole[: whole.index(b"UA,31,")])

    def grow():
        with path.open("ab") as file:
            file.write(whole[path.stat().st_size :])

    (error,) = ran(house, level, Meanwhile(grow))
    assert (error.exit_code, str(error)) == (
        75, f"{path}: changed while it was read; nothing was sent, it is left for the next run",
    )  # fmt: skip
    assert held() == []
    os.utime(path, (0, 0))
    assert ran(house, level) == ["done"]
    assert held() == numbered(1, 50)
    assert list(house.inbox.iterdir()) == []


def test_what_an_early_delivery_reserved_outlives_a_file_that_grows(tmp_path, start_partner, csv, monkeypatch):
    """Requests that could not be sent yet stay where they were reserved; the same bytes again are sent once."""
    monkeypatch.setattr("poc.formats.table_reader.Sizes", lambda: Sizes(block_bytes=20_000))
    monkeypatch.setattr("poc.delivery.outbox.INLINE_BYTES", 10_000)
    partner = start_partner({"faults": {"UA/flights/a.csv": {"0": {"1": "unavailable"}}}})
    house = House(tmp_path / "w", f'url = "{partner.url}/live/UA"\nhonours_keys = true')
    house.feed('deliver = "early"')
    house.settings.write_text(house.settings.read_text().replace("request_rows = 500", "request_rows = 100"))
    whole = csv(1700)
    path = house.put("a.csv", whole)
    (error,) = ran(house, 4, Meanwhile(lambda: path.write_bytes(whole + b"more")))
    assert error.exit_code == 75
    (waiting,) = (house.root / "var" / "outbox").iterdir()
    assert waiting.stat().st_size > 10_000
    path.unlink()
    house.put("b.csv", whole)
    assert ran(house, 4) == ["done"]
    assert flights(partner) == numbered(1, 1700)


@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize("fault", ["unavailable", "gone"])
def test_a_file_refused_after_an_early_delivery_failed_holds_up_nobody(
    tmp_path, start_partner, csv, monkeypatch, level, fault
):
    """What left early and what was refused are counted to the row, and the next run goes on with the rest."""
    monkeypatch.setattr("poc.formats.table_reader.Sizes", lambda: Sizes(block_bytes=20_000))
    partner = start_partner({"faults": {"UA/flights/a.csv": {"1": {"1": fault}}}})
    house = House(tmp_path / "w", f'url = "{partner.url}/live/UA"\nhonours_keys = true\n[retry]\nscale = 0.000001')
    house.feed('deliver = "early"\nbudget = { share = 0, rows = 2 }')
    good, bad = csv(2500), csv(500, first=2501).partition(b"\n")[2]
    house.put("a.csv", good + bad.replace(b"2013,1,1", b"2013,99,1"))
    first = house.milepost("run", "--level", level, "--json")
    rows = json.loads(first.stdout)["rows"]
    assert first.exit_code == 4
    assert (rows["in"], rows["delivered"]) == (3000, 500)
    house.put("b.csv", csv(5, first=9001))
    house.milepost("run", "--level", level)
    assert set(numbered(9001, 9005)) <= set(flights(partner))
    if level > 2:
        assert len(flights(partner)) == len(set(flights(partner)))


@pytest.mark.parametrize(
    ("rows", "size_bytes", "request_rows"),
    [(1200, 0, 500), (1200, 20_000, 500), (1200, 150_000, 500), (9000, 300_000, 500), (9000, 1_200_000, 20)],
)
def test_a_disk_too_full_for_ledger_or_outbox_loses_nothing(house, partner, csv, rows, size_bytes, request_rows):
    """What cannot be written is named in one line with exit 75; with room again, every row is delivered once."""
    house.settings.write_text(house.settings.read_text().replace("rows = 500", f"rows = {request_rows}"))
    house.put("a.csv", csv(rows))
    code, out, err = house.on_small_disk(size_bytes, "run")
    assert (code, len(err.splitlines())) == (75, 1), out + err
    assert err.startswith(f"milepost: {house.root}/var/")
    assert "cannot be written" in err
    assert "make room and try again" in err
    assert (house.inbox / "a.csv").exists()
    done = house.milepost("run")
    assert done.exit_code == 0, done.output
    assert sorted(flights(partner)) == sorted(numbered(1, rows))
    assert list(house.inbox.iterdir()) == []
    assert not list((house.root / "var").glob("outbox/*"))


@pytest.mark.parametrize("level", [1, 2])
def test_a_disk_too_full_for_what_waits_loses_nothing(house, partner, csv, level):
    """Before there is an outbox requests wait in a temporary file; no room for it is told, and nothing was sent."""
    house.put("a.csv", csv(40_000))
    code, out, err = house.on_small_disk(1_000_000, "run", "--level", level)
    assert (code, len(err.splitlines())) == (75, 1), out + err
    assert "make room and try again" in err
    assert flights(partner) == []
    assert house.milepost("run", "--level", level).exit_code == 0
    assert flights(partner) == numbered(1, 40_000)


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_a_partners_folder_on_a_full_disk_gets_the_file_later(tmp_path, csv, level):
    """A file that finds no room is thrown away and told with exit 4; with room again the whole file is there once."""
    folder = tmp_path / "partner"
    folder.mkdir()
    house = House(tmp_path / "w", f'folder = "{folder}"\n[retry]\nscale = 0.0001')
    house.put("a.csv", csv(4000))
    code, out, err = house.on_small_disk(300_000, "run", "--level", level)
    assert (code, err) == (4, ""), out + err
    assert "the file grew too large" in out
    assert list(folder.rglob("*.*")) == []
    assert house.milepost("run", "--level", level).exit_code == 0
    (file,) = folder.rglob("*.*")
    assert file.read_bytes().count(b"\n") == 4000
    assert list(house.inbox.iterdir()) == []


def test_a_locked_ledger_is_for_later(house, partner, csv, monkeypatch):
    """Another program that holds the ledger costs exit 75; once it lets go the file is delivered."""
    monkeypatch.setattr("poc.ledger.ledger.LOCK_TIMEOUT_S", 0.1)
    house.milepost("run")
    house.put("a.csv", csv(3))
    with closing(sqlite3.connect(house.root / "var/ledger.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        done = house.milepost("run")
    assert (done.exit_code, done.stdout) == (75, "")
    assert done.stderr == f"milepost: {house.root}/var/ledger.db: database is locked; try again later\n"
    assert flights(partner) == []
    assert house.milepost("run").exit_code == 0
    assert flights(partner) == numbered(1, 3)


def newer(path):
    """Make a ledger one of a newer release."""
    with closing(sqlite3.connect(path)) as ledger:
        ledger.execute(f"PRAGMA user_version = {VERSION + 1}")


def overwritten(path):
    """Write over the pages of a ledger."""
    with closing(sqlite3.connect(path)) as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))


@pytest.mark.parametrize(
    ("spoil", "said"), [(newer, f"version {VERSION + 1}, made by a newer release"), (overwritten, "malformed")]
)
@pytest.mark.parametrize(
    "command",
    [["run"], ["status"], ["quarantine", "ls"], ["outbox", "ls"], ["quarantine", "discard", "1", "--why", "x"]],
)
def test_a_ledger_that_cannot_be_used_is_left_as_it_is(house, partner, csv, spoil, said, command):
    """A ledger of a newer release, or a damaged one, costs exit 2 and one line; nothing is sent, nothing changed."""
    house.put("a.csv", csv(3))
    assert house.milepost("run").exit_code == 0
    spoil(house.root / "var/ledger.db")
    before = (house.root / "var/ledger.db").read_bytes()
    house.put("b.csv", csv(3, first=10))
    done = house.milepost(*command)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1), done.output
    assert said in done.stderr
    assert f"{house.root}/var/ledger.db" in done.stderr
    assert (house.root / "var/ledger.db").read_bytes() == before
    assert (house.inbox / "b.csv").exists()
    assert flights(partner) == numbered(1, 3)


@pytest.fixture
def read_only():
    """A function that takes the right to write from a folder and all below it; it comes back with the test's end."""
    taken = []

    def take(folder):
        for path in (folder, *folder.rglob("*")):
            mode = path.stat().st_mode
            taken.append((path, mode))
            path.chmod(mode & ~0o222)

    def give():
        while taken:
            path, mode = taken.pop()
            path.chmod(mode)

    yield take, give
    give()


@pytest.mark.skipif(sys.platform != "linux", reason="to leave root's powers is done the Linux way")
@pytest.mark.parametrize("command", [["run"], ["quarantine", "discard", "1", "--why", "x"]])
@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "used"])
def test_a_workspace_that_cannot_be_written_is_told(house, partner, csv, read_only, command, fresh):
    """Without the right to write nothing is sent, the place is named with exit 2; with it, all goes on."""
    take, give = read_only
    if not fresh:
        house.milepost("run")
    house.put("a.csv", csv(3))
    take(house.root)
    code, out, err = house.apart(NO_POWERS, *command)
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert err.startswith(f"milepost: {house.root}/var")
    assert "ermission denied" in err
    give()
    assert house.milepost("run").exit_code == 0
    assert flights(partner) == numbered(1, 3)


@pytest.mark.skipif(sys.platform != "linux", reason="to leave root's powers is done the Linux way")
def test_a_read_only_ledger_is_told_as_that(house, csv, read_only):
    """A ledger that may not be written is told as that, and nobody is asked to move it away."""
    take, give = read_only
    house.milepost("run")
    take(house.root)
    code, out, err = house.apart(NO_POWERS, "quarantine", "ls")
    give()
    assert (code, out, len(err.splitlines())) == (2, "", 1), out + err
    assert err.startswith(f"milepost: {house.root}/var/ledger.db: cannot be used: ")
    assert "move it away" not in err


@pytest.mark.skipif(sys.platform != "linux", reason="to leave root's powers is done the Linux way")
def test_an_archive_that_cannot_be_written_holds_up_no_other_feed(house, partner, csv, read_only):
    """Where a delivered file cannot be put away that is told, it is not sent again, and later files are delivered."""
    take, give = read_only
    archive = house.root / "var/archive/UA/flights"
    archive.mkdir(parents=True)
    house.put("a.csv", csv(3))
    house.put("b.csv", csv(3, first=10))
    take(archive)
    for _ in range(2):
        code, out, err = house.apart(NO_POWERS, "run")
        assert (code, len(err.splitlines())) == (2, 2), out + err
        assert flights(partner) == [*numbered(1, 3), *numbered(10, 12)]
    give()
    assert house.milepost("run").exit_code == 0
    assert list(house.inbox.iterdir()) == []
    assert len(flights(partner)) == 6


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_text_is_told_and_holds_up_nobody(house, partner, csv):
    """A file, a stray and a link whose names are not UTF-8 are each shown as they are; good files are delivered."""
    good = csv(3)
    bad = Path(os.fsdecode(os.fsencode(house.inbox) + b"/gr\xfcn.csv"))
    bad.write_bytes(good)
    os.utime(bad, (0, 0))
    link, stray = bad.with_name("\udcff.csv"), house.inbox.parent / "\udcfe.csv"
    link.symlink_to(bad)
    stray.write_bytes(good)
    house.put("z.csv", csv(2, first=10))
    code = "from milepost.cli import main; main()"
    returned, out, err = house.apart(code, "run", PYTHONIOENCODING="utf-8:strict")
    assert (returned, len(err.splitlines())) == (2, 2), out + err
    assert r"the file name 'gr\udcfcn.csv' is not UTF-8; rename it" in err
    assert flights(partner) == numbered(10, 11)
    returned, out, err = house.apart(code, "status", PYTHONIOENCODING="utf-8:strict")
    assert (returned, err) == (0, "")
    assert r"\udcff.csv" in out
    assert r"\udcfe.csv" in out
    assert bad.exists()


def test_an_integer_beyond_64_bits_is_set_aside_alone(house, partner, csv):
    """A number that no integer column holds is a bad row, not a wrapped number and not a bad file."""
    data = csv(4).replace(b"2013,1,1,517,", b"2013,1,1,9223372036854775808,", 1)
    house.put("a.csv", data)
    done = house.milepost("run")
    assert done.exit_code == 0, done.output
    assert "4 rows in: 3 delivered, 1 quarantined" in done.stdout
    assert "row 1: type-error in dep_time: " in done.stdout
    assert "9223372036854775808" in done.stdout
    assert flights(partner) == numbered(2, 4)


@pytest.mark.parametrize(
    ("dressed", "settings", "delivered", "said"),
    [
        (lambda data: b"\xef\xbb\xbf" + data, "", numbered(1, 3), "3 rows in: 3 delivered"),
        (lambda data: data.replace(b"\n", b"\r\n"), "", numbered(1, 3), "3 rows in: 3 delivered"),
        (
            lambda data: data.replace(b"UA,2,N14228,EWR,IAH", b"UA,2,N14228,EWR,\xe9"), "", ["UA1", "UA3"],
            "row 2: encoding-error: not utf-8: byte 0xe9",
        ),
        (
            lambda data: data.replace(b"UA,2,N14228,EWR,IAH", b"UA,2,N14228,EWR,\xe9"),
            'dialect = { encoding = "latin-1" }', numbered(1, 3), "3 rows in: 3 delivered",
        ),
    ],
    ids=["byte order mark", "CRLF", "latin-1 unannounced", "latin-1 declared"],
)  # fmt: skip
def test_other_ways_to_write_a_file(house, partner, csv, dressed, settings, delivered, said):
    """What is written as declared is delivered; a letter that is not in the declared encoding costs its row alone."""
    house.feed(settings)
    house.put("a.csv", dressed(csv(3)))
    done = house.milepost("run")
    assert done.exit_code == 0, done.output
    assert said in done.stdout
    assert flights(partner) == delivered
    if settings:
        assert [record["to"] for record in partner.held("live")] == ["IAH", "\xe9", "IAH"]


def test_the_same_bytes_under_a_new_name_are_sent_once(house, partner, csv):
    """Whatever its name, a file that was exchanged is told as already received and put away; nothing is sent."""
    for name in ("a.csv", "b.csv"):
        house.put(name, csv(3))
    done = house.milepost("run")
    assert done.exit_code == 0
    assert "UA/flights b.csv: already received" in done.stdout
    assert "the same bytes were exchanged as a.csv" in done.stdout
    assert flights(partner) == numbered(1, 3)
    archive = house.root / "var/archive/UA/flights"
    assert sorted(path.name for path in archive.iterdir()) == ["a.csv", "b.csv"]


def test_new_bytes_under_the_same_name_are_another_file(house, partner, csv):
    """A name that comes again with other rows is exchanged, and neither file is overwritten in the archive."""
    for first in (1, 101):
        house.put("a.csv", csv(3, first=first))
        assert house.milepost("run").exit_code == 0
    assert flights(partner) == [*numbered(1, 3), *numbered(101, 103)]
    archived = [path.read_bytes() for path in (house.root / "var/archive/UA/flights").iterdir()]
    assert sorted(archived) == sorted([csv(3), csv(3, first=101)])


def test_an_unknown_partner_is_named_with_the_known(house, csv):
    """A partner that nobody has agreed anything with gets one line and exit 2, and its files are shown."""
    done = house.milepost("run", "ZZ")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "unknown partner 'ZZ'" in done.stderr
    assert done.stderr.endswith(": UA\n")
    stray = house.root / "var/inbox/ZZ/flights/a.csv"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(csv(1))
    assert f"belongs to no feed: {stray}" in house.milepost("status").stdout


def test_the_lock_of_a_dead_run_holds_up_nobody(house, partner, csv):
    """A run under way is waited for with exit 75; one that was killed leaves its lock file and no lock."""
    house.put("a.csv", csv(3))
    with subprocess.Popen([sys.executable, "-c", HOLDS_LOCK, str(house.root)], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        done = house.milepost("run")
        assert (done.exit_code, done.stderr.count("\n")) == (75, 1)
        assert "another run is under way" in done.stderr
        other.send_signal(signal.SIGKILL)
    assert (house.root / "var/run.lock").exists()
    assert house.milepost("run").exit_code == 0
    assert flights(partner) == numbered(1, 3)
