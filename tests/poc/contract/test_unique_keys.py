"""Repeated keys in a file of any size, independent of the boundaries of its batches."""

import tempfile

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poc.batch import ROW, FileRejected
from poc.contract.hashed_keys import HashedKeys
from poc.contract.key_filter import KeyFilter
from poc.contract.unique_keys import UniqueKeyCheck

TWO = (("primary-key", ("a",)), ("unique-error", ("b", "c")))


def rejected_rows(rows, sizes, keys=TWO, **options):
    """The rejected rows of a file of (a, b, c) rows in batches of these sizes: by each batch, and at the end."""
    frame = pl.DataFrame(rows, schema={"a": pl.Int64, "b": pl.String, "c": pl.Float64}, orient="row")
    frame = frame.with_row_index(ROW, 1)
    by_batch, start = [], 0
    with UniqueKeyCheck(keys, **options) as check:
        for size in sizes:
            by_batch += check.add(frame[start : start + size])
            start += size
        by_batch += check.add(frame[start:])
        return {finding.row for finding in by_batch}, {finding.row for finding in check.at_end()}


def oracle(rows):
    """The rows that share a key with an earlier valid one, computed row by row."""
    known, rejected = set(), set()
    for row, (a, b, c) in enumerate(rows, 1):
        keys = {key for key in ((0, a), (1, b, c)) if None not in key}
        if keys & known:
            rejected.add(row)
        else:
            known |= keys
    return rejected


ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 12)),
        st.one_of(st.none(), st.sampled_from("xyz")),
        st.one_of(st.none(), st.sampled_from([0.0, -0.0, 0.5, 1.0])),
    ),
    max_size=30,
)
SIZES = st.lists(st.integers(0, 7), max_size=6)


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, sizes=SIZES, held=st.sampled_from([0, 10, 1000]))
def test_rows_that_repeat_a_key_of_an_earlier_valid_row_are_rejected(rows, sizes, held):
    """The boundaries of batches change when repeats are found, never which ones."""
    by_batch, at_end = rejected_rows(rows, sizes, held=held)
    assert (at_end or by_batch) == oracle(rows)


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, sizes=SIZES)
def test_at_once_finds_all_repeats_before_the_end(rows, sizes):
    """If each batch is compared with all rows before it, the same rows are rejected."""
    assert rejected_rows(rows, sizes, at_once=True) == (oracle(rows), set())


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, sizes=SIZES)
def test_without_the_rejected_rows_no_key_is_repeated(rows, sizes):
    """A second pass that leaves out the rejected rows finds no more."""
    rejected = oracle(rows)
    rest = [row for number, row in enumerate(rows, 1) if number not in rejected]
    assert rejected_rows(rest, sizes) == (set(), set())


def test_keys_are_looked_up_in_parts_if_the_filter_is_full():
    """A filter that suspects every key costs passes over the file, not memory; the same rows are found."""
    with tempfile.TemporaryFile() as file:
        key_filter = KeyFilter(file, word_bits=1, limit=100, held=0)
        rows = pl.DataFrame({ROW: range(1, 451), "a": [n % 430 for n in range(450)]})
        for start in range(0, 450, 50):
            key_filter.add(HashedKeys(rows[start : start + 50], ("a",)), set(), keep_rejected=True)
        assert not key_filter._suspects
        assert sorted(key_filter.repeated()["row"]) == [*range(1, 21), *range(431, 451)]


def test_more_repeats_than_the_limit_refuse_the_file():
    """A key that most rows share is no key, and the file is refused with that reason."""
    with pytest.raises(FileRejected, match=r"share a key \(a, \.\.\.\) with others; that is no key"):
        rejected_rows([(1, "x", float(n)) for n in range(200)], [50] * 4, limit=100)


@pytest.mark.parametrize(("held", "found_at_end"), [(100, False), (5, True)])
def test_repeats_in_the_first_batch_make_the_others_be_compared_with_all_rows_before(held, found_at_end):
    """So no row that repeats a key is passed on, unless there are more keys than may be held."""
    with UniqueKeyCheck([("primary-key", ("a",))], held=held) as check:
        batches = [(1, [5, 5]), (3, [6, 7]), (5, [7, 8]), (7, [9, 4]), (9, [8, 5])]
        at_once = [check.add(pl.DataFrame({ROW: [row, row + 1], "a": keys})) for row, keys in batches]
        at_end = check.at_end()
    rows = [[finding.row for finding in findings] for findings in at_once]
    assert (rows[:3], rows[4]) == ([[2], [], [5]], [] if found_at_end else [9, 10])
    assert [finding.row for finding in at_end] == ([2, 5, 9, 10] if found_at_end else [])
    notes = [finding.note for findings in [*at_once, at_end] for finding in findings if finding.row == 9]
    assert notes == ["the key (a) is already in row 6"]


def test_a_finding_names_the_row_that_has_the_key():
    """The note has the row of the key, and the code the kind of key."""
    with UniqueKeyCheck(TWO) as check:
        frame = pl.DataFrame({ROW: [7, 9], "a": [1, 2], "b": ["x", "x"], "c": [0.5, 0.5]})
        (finding,) = check.add(frame)
    assert (finding.row, finding.code, finding.field) == (9, "unique-error", "b, c")
    assert finding.note == "the key (b, c) is already in row 7"


def test_many_different_keys_are_all_valid():
    """Among a hundred thousand different keys in several batches, none is mistaken for another."""
    rows = [(n, "x", float(n)) for n in range(100_000)]
    assert rejected_rows(rows, [16_000] * 6) == (set(), set())
    assert rejected_rows(rows, [16_000] * 6, at_once=True) == (set(), set())
