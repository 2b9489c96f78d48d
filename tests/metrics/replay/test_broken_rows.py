"""Rows are broken by plan, and removed again by an operator."""

import pytest

from metrics.replay.broken_rows import DEFECTS, break_rows, corrupt, remove_rows
from poc.monolith.exchange import check
from poc.monolith.flights import COLUMNS

HEADER = ",".join(COLUMNS).encode()
LINES = [
    b"2013,1,1,517,515,2,830,819,11,UA,%d,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z" % n for n in range(40)
]


def write(path, lines):
    """Write a file of these rows."""
    path.write_bytes(b"".join(line + b"\n" for line in (HEADER, *lines)))
    return path


@pytest.mark.parametrize("defect", DEFECTS)
@pytest.mark.parametrize("number", [0.0, 0.3, 0.6, 0.999])
def test_every_defect_is_found_in_any_cell(defect, number, tmp_path):
    """A check names the one broken row among good ones, and no other."""
    broken = corrupt(LINES[7], defect, number, like=LINES[2])
    assert broken != LINES[7]
    assert check(write(tmp_path / "a.csv", [*LINES[:7], broken, *LINES[8:]])) == [8]


def test_random_numbers_depend_on_the_file_and_the_row():
    """The same name breaks the same rows in the same way; another name breaks other rows."""
    first, again, other = (break_rows(LINES, 0.2, 2013, "AA", name) for name in ("a.csv", "a.csv", "b.csv"))
    assert first == again
    assert first != other
    assert [n for n, (was, line) in enumerate(zip(LINES, first[0], strict=True), 1) if was != line] == list(first[1])


def test_defects_are_equally_frequent():
    """Over many rows, each defect is about as frequent as the others."""
    counts = dict.fromkeys(("extra", "missing", "quote", "other"), 0)
    lines, broken = break_rows(LINES * 100, 1.0, "shares")
    assert len(broken) == 4_000
    for line in lines:
        cells = line.count(b",") + 1
        counts[{20: "extra", 18: "missing"}.get(cells, "quote" if b'"' in line else "other")] += 1
    # every row is broken, so no row can copy the key of an earlier good one: five defects are left
    assert all(abs(counts[defect] - 800) < 4 * 800**0.5 for defect in ("extra", "missing", "quote"))


def test_a_single_row_is_never_a_duplicate(tmp_path):
    """The only row of a file has another defect than the key of an earlier row."""
    for n in range(50):
        lines, broken = break_rows(LINES[:1], 1.0, n)
        assert broken == (1,)
        assert check(write(tmp_path / "a.csv", lines)) == [1]


def test_a_check_names_exactly_the_broken_rows_of_a_file(tmp_path):
    """Also with half of the rows broken, and stray quotes that close one another."""
    for n in range(60):
        lines, broken = break_rows(LINES, 0.5, "half", n)
        assert tuple(check(write(tmp_path / "a.csv", lines))) == broken


def test_removing_rows_leaves_all_other_lines_unchanged():
    """The remaining rows keep their bytes and numbers; if all rows are removed, the header stays."""
    data = b"h\na\nb\nc\n"
    assert remove_rows(data, [2]) == (b"h\na\nc\n", (1, 3))
    assert remove_rows(data, []) == (data, (1, 2, 3))
    assert remove_rows(data, [1, 2, 3]) == (b"h\n", ())
