"""Hostile and unusual files: each is reported in one line with its exit code, and the files beside it are delivered."""

import gzip
import io
import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest


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
    """The archive with the flag of a password in both of its heads."""
    data = bytearray(archive)
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


BOMB = b"0" * 150_000

#: Format -> (bytes of a bad archive, from a good file and a path outside the workspace; what the refusal says) of each.
BAD_ARCHIVES = {
    "gzip": [
        (lambda good, outside: gzip.compress(BOMB), "max_ratio = 100 times"),
        (lambda good, outside: gzip.compress(os.urandom(250_000)), "max_size_bytes = 200000"),
        (lambda good, outside: gzip.compress(good)[:-20], "cut off"),
        (lambda good, outside: good, "not a whole gzip"),
        (lambda good, outside: gzip.compress(good) + b"more", "other bytes"),
        (lambda good, outside: b"", "the file is empty"),
    ],
    "zip": [
        (lambda good, outside: zipped(("a.csv", BOMB)), "max_ratio = 100 times"),
        (lambda good, outside: zipped(("a.csv", os.urandom(250_000))), "max_size_bytes = 200000"),
        (lambda good, outside: zipped(("../evil.csv", good)), "'../evil.csv'"),
        (lambda good, outside: zipped((str(outside), good)), "a name must be plain"),
        (lambda good, outside: zipped(("C:\\evil.csv", good)), "a name must be plain"),
        (
            lambda good, outside: zipped(("evil.csv", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777),
            "is a link, not a file",
        ),
        (lambda good, outside: encrypted(zipped(("evil.csv", good))), "is encrypted; send it without a password"),
        (lambda good, outside: zipped(("evil.csv", good), ("two.csv", good)), "holds 2: 'evil.csv', 'two.csv'"),
        (lambda good, outside: zipped(("evil.csv", good))[:-30], "not a whole zip archive"),
        (lambda good, outside: b"", "the file is empty"),
    ],
}
GOOD_ARCHIVE = {"gzip": gzip.compress, "zip": lambda good: zipped(("good.csv", good))}


@pytest.mark.parametrize("level", [1, 4])
@pytest.mark.parametrize("compression", ["gzip", "zip"])
def test_a_bad_archive_is_refused_whole_and_its_neighbours_are_delivered(
    one_partner, csv, tmp_path, compression, level
):
    """Each is refused with its reason; no member becomes a file anywhere; the good archive beside them is delivered."""
    limits = ("max_ratio = 100", "max_size_bytes = 200000")
    one_partner.configure(f'compression = "{compression}"', *limits, files='"*.packed"')
    good, outside = csv(20), tmp_path / "evil.csv"
    for number, (make, _) in enumerate(BAD_ARCHIVES[compression], 10):
        one_partner.put(f"{number}.packed", make(good, outside))
    one_partner.put("99.packed", GOOD_ARCHIVE[compression](good))
    done = one_partner.milepost("run", "--level", level)
    assert (done.exit_code, done.stderr) == (3, ""), done.output
    reasons = [line for line in done.stdout.splitlines() if line.startswith("  ")]
    for (_, expected), reason in zip(BAD_ARCHIVES[compression], reasons, strict=True):
        assert expected in reason
    assert one_partner.delivered() == [*range(1, 21)]
    assert len(list((one_partner.root / "var/refused/UA/flights").iterdir())) == len(reasons)
    assert list(one_partner.inbox.iterdir()) == []
    assert not [path for path in tmp_path.rglob("*") if path.name in {"evil.csv", "two.csv", "good.csv"}]


def test_a_link_in_the_inbox_is_listed_and_never_followed(one_partner, csv, tmp_path):
    """A link to a good file elsewhere is not read, sent or moved; `status` and `run` report it."""
    outside = tmp_path / "outside.csv"
    outside.write_bytes(csv(3))
    os.utime(outside, (0, 0))
    link = one_partner.inbox / "a.csv"
    link.symlink_to(outside)
    one_partner.put("b.csv", csv(2, first=10))
    done = one_partner.milepost("run")
    assert (done.exit_code, len(done.stderr.splitlines())) == (0, 1)
    assert str(link) in done.stderr
    assert one_partner.delivered() == [10, 11]
    assert link.is_symlink()
    assert outside.exists()
    listed = one_partner.milepost("status").stdout.splitlines()
    assert f"a symbolic link, which is never followed: {link}" in listed


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_not_utf8_is_reported_and_blocks_no_other_file(one_partner, csv):
    """A file, an unclaimed file and a link with such names are listed; good files are delivered."""
    good = csv(3)
    bad = Path(os.fsdecode(os.fsencode(one_partner.inbox) + b"/gr\xfcn.csv"))
    bad.write_bytes(good)
    os.utime(bad, (0, 0))
    link, unclaimed = bad.with_name("\udcff.csv"), one_partner.inbox.parent / "\udcfe.csv"
    link.symlink_to(bad)
    unclaimed.write_bytes(good)
    one_partner.put("z.csv", csv(2, first=10))

    def milepost(command):
        code = "from milepost.cli import main; main()"
        return one_partner.in_process(code, "-w", one_partner.root, command, PYTHONIOENCODING="utf-8:strict")

    code, out, err = milepost("run")
    assert (code, len(err.splitlines())) == (2, 2), out + err
    assert r"the file name 'gr\udcfcn.csv' is not UTF-8; rename it" in err
    assert one_partner.delivered() == [10, 11]
    code, out, err = milepost("status")
    assert (code, err) == (0, "")
    assert r"\udcff.csv" in out
    assert r"\udcfe.csv" in out
    assert bad.exists()


def in_latin_1(data):
    """The file with a destination in latin-1 in its second row."""
    return data.replace(b"UA,2,N14228,EWR,IAH", b"UA,2,N14228,EWR,\xe9")


@pytest.mark.parametrize(
    ("change", "settings", "delivered", "said"),
    [
        (lambda data: b"\xef\xbb\xbf" + data, [], [1, 2, 3], ["3 rows in: 3 delivered"]),
        (lambda data: data.replace(b"\n", b"\r\n"), [], [1, 2, 3], ["3 rows in: 3 delivered"]),
        (in_latin_1, [], [1, 3], ["row 2: encoding-error: not utf-8: byte 0xe9"]),
        (in_latin_1, ['dialect = { encoding = "latin-1" }'], [1, 2, 3], ["3 rows in: 3 delivered"]),
        (
            lambda data: data.replace(b"2013,1,1,517,", b"2013,1,1,9223372036854775808,", 1), [], [2, 3],
            ["3 rows in: 2 delivered, 1 quarantined", "row 1: type-error in dep_time: ", "9223372036854775808"],
        ),
    ],
    ids=["byte order mark", "CRLF", "latin-1 not declared", "latin-1 declared", "integer beyond 64 bits"],
)  # fmt: skip
def test_rows_written_as_declared_are_delivered_and_others_quarantined(
    one_partner, csv, change, settings, delivered, said
):
    """An undeclared encoding and an integer that no column can hold cost their row, not the file."""
    one_partner.configure(*settings)
    one_partner.put("a.csv", change(csv(3)))
    done = one_partner.milepost("run")
    assert done.exit_code == 0, done.output
    assert [text for text in said if text not in done.stdout] == []
    assert one_partner.delivered() == delivered
    if settings:
        assert [record["to"] for record in one_partner.partner.held("live")] == ["IAH", "\xe9", "IAH"]


def test_the_same_bytes_under_a_new_name_are_sent_once(one_partner, csv):
    """A file that was exchanged under another name is reported as already received and archived; nothing is sent."""
    for name in ("a.csv", "b.csv"):
        one_partner.put(name, csv(3))
    done = one_partner.milepost("run")
    assert done.exit_code == 0
    assert "UA/flights b.csv: already received" in done.stdout
    assert "the same bytes were exchanged as a.csv" in done.stdout
    assert one_partner.delivered() == [1, 2, 3]
    archive = one_partner.root / "var/archive/UA/flights"
    assert sorted(path.name for path in archive.iterdir()) == ["a.csv", "b.csv"]


def test_new_bytes_under_the_same_name_are_another_file(one_partner, csv):
    """A name that returns with other rows is exchanged, and neither file is overwritten in the archive."""
    for first in (1, 101):
        one_partner.put("a.csv", csv(3, first=first))
        assert one_partner.milepost("run").exit_code == 0
    assert one_partner.delivered() == [1, 2, 3, 101, 102, 103]
    archived = [path.read_bytes() for path in (one_partner.root / "var/archive/UA/flights").iterdir()]
    assert sorted(archived) == sorted([csv(3), csv(3, first=101)])


def test_an_unknown_partner_is_an_error_that_names_the_partners(one_partner, csv):
    """It costs one line and exit 2, and files of unknown partners are listed."""
    done = one_partner.milepost("run", "ZZ")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "unknown partner 'ZZ'" in done.stderr
    assert done.stderr.endswith(": UA\n")
    unclaimed = one_partner.root / "var/inbox/ZZ/flights/a.csv"
    unclaimed.parent.mkdir(parents=True)
    unclaimed.write_bytes(csv(1))
    assert f"belongs to no feed: {unclaimed}" in one_partner.milepost("status").stdout
