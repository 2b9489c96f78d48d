"""Rows that come broken, and how they are taken out again."""

import pytest

from metrics.replay.broken_rows import DEFECTS, break_rows, corrupt, remove_rows
from poc.monolith.exchange import check
from poc.monolith.flights import COLUMNS

HEADER = ",".join(COLUMNS).encode()
LINES = [
    b"2013,1,1,517,515,2,830,819,11,UA,%d,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z" % n for n in range(40)
]


def put(path, lines):
    """A file of these rows."""
    path.write_bytes(b"".join(line + b"\n" for line in (HEADER, *lines)))
    return path


@pytest.mark.parametrize("kind", DEFECTS)
@pytest.mark.parametrize("lot", [0.0, 0.3, 0.6, 0.999])
def test_every_kind_is_bad_wherever_it_strikes(kind, lot, tmp_path):
    """A broken row in the middle of good ones is the one row that a check names."""
    broken = corrupt(LINES[7], kind, lot, like=LINES[2])
    assert broken != LINES[7]
    assert check(put(tmp_path / "a.csv", [*LINES[:7], broken, *LINES[8:]])) == [8]


def test_lots_belong_to_the_file_and_the_row():
    """The same name breaks the same rows in the same way; another name breaks others."""
    first, again, other = (break_rows(LINES, 0.2, 2013, "AA", name) for name in ("a.csv", "a.csv", "b.csv"))
    assert first == again
    assert first != other
    assert [n for n, (was, line) in enumerate(zip(LINES, first[0], strict=True), 1) if was != line] == list(first[1])


def test_kinds_come_in_equal_shares():
    """Over many rows each of the six is about as frequent as the others."""
    found = dict.fromkeys(("extra", "missing", "quote", "other"), 0)
    lines, broken = break_rows(LINES * 100, 1.0, "shares")
    assert len(broken) == 4_000
    for line in lines:
        cells = line.count(b",") + 1
        found[{20: "extra", 18: "missing"}.get(cells, "quote" if b'"' in line else "other")] += 1
    # every row is broken, so none has a good one before it whose key it could take: five kinds are left
    assert all(abs(found[kind] - 800) < 4 * 800**0.5 for kind in ("extra", "missing", "quote"))


def test_the_row_whose_key_is_taken_stays_good(tmp_path):
    """A file of one row is broken in another way than by a key of an earlier row."""
    for n in range(50):
        lines, broken = break_rows(LINES[:1], 1.0, n)
        assert broken == (1,)
        assert check(put(tmp_path / "a.csv", lines)) == [1]


def test_however_many_rows_are_broken_a_check_names_them_and_no_other(tmp_path):
    """Half of the rows broken, stray quotes among them that end one another: still exactly those."""
    for n in range(60):
        lines, broken = break_rows(LINES, 0.5, "half", n)
        assert tuple(check(put(tmp_path / "a.csv", lines))) == broken


def test_mending_takes_out_the_named_lines_and_nothing_else():
    """The rows left are the bytes they were, with the numbers they had; with all of them named the header is left."""
    data = b"h\na\nb\nc\n"
    assert remove_rows(data, [2]) == (b"h\na\nc\n", (1, 3))
    assert remove_rows(data, []) == (data, (1, 2, 3))
    assert remove_rows(data, [1, 2, 3]) == (b"h\n", ())
