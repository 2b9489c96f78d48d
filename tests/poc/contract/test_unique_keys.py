"""Keys that stand twice in a file, whatever its size and wherever its batches begin."""

import tempfile

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poc.batch import ROW, FileRejected
from poc.contract.unique_keys import HashedKeys, KeyFilter, UniqueKeyCheck

TWO = (("primary-key", ("a",)), ("unique-error", ("b", "c")))


def bad_rows(rows, sizes, keys=TWO, **options):
    """The rows found bad in a file of (a, b, c) rows cut into batches of these sizes: at once, and in the end."""
    frame = pl.DataFrame(rows, schema={"a": pl.Int64, "b": pl.String, "c": pl.Float64}, orient="row")
    frame = frame.with_row_index(ROW, 1)
    at_once, start = [], 0
    with UniqueKeyCheck(keys, **options) as memory:
        for size in sizes:
            at_once += memory.add(frame[start : start + size])
            start += size
        at_once += memory.add(frame[start:])
        return {finding.row for finding in at_once}, {finding.row for finding in memory.later()}


def oracle(rows):
    """The rows that share a key with an earlier good one, row after row."""
    seen, bad = set(), set()
    for row, (a, b, c) in enumerate(rows, 1):
        keys = {key for key in ((0, a), (1, b, c)) if None not in key}
        if keys & seen:
            bad.add(row)
        else:
            seen |= keys
    return bad


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
def test_repeats_are_those_of_earlier_good_rows(rows, sizes, held):
    """Where batches begin changes when repeats are found, never which: all of them are known in the end."""
    at_once, later = bad_rows(rows, sizes, held=held)
    assert (later or at_once) == oracle(rows)


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, sizes=SIZES)
def test_at_once_means_that_nothing_is_left_for_the_end(rows, sizes):
    """Compared with all rows before, batch after batch, the same rows are bad."""
    assert bad_rows(rows, sizes, at_once=True) == (oracle(rows), set())


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, sizes=SIZES)
def test_a_second_run_finds_nothing_more(rows, sizes):
    """Without the rows that were named, no key stands twice."""
    named = oracle(rows)
    rest = [row for number, row in enumerate(rows, 1) if number not in named]
    assert bad_rows(rest, sizes) == (set(), set())


def test_keys_are_looked_up_in_parts_where_the_filter_is_full():
    """A filter that suspects every key costs passes over the file, and not memory; the rows found are the same."""
    with tempfile.TemporaryFile() as file:
        memory = KeyFilter(file, word_bits=1, limit=100, held=0)
        rows = pl.DataFrame({ROW: range(1, 451), "a": [n % 430 for n in range(450)]})
        for start in range(0, 450, 50):
            memory.add(HashedKeys(rows[start : start + 50], ("a",)), set(), keep_bad=True)
        assert not memory._suspects
        assert sorted(memory.repeated()["row"]) == [*range(1, 21), *range(431, 451)]


def test_more_repeats_than_memory_allows_refuse_the_file():
    """A key that hardly any row has for itself is no key, and the file is refused with that reason."""
    with pytest.raises(FileRejected, match=r"share a key \(a, \.\.\.\) with others; that is no key"):
        bad_rows([(1, "x", float(n)) for n in range(200)], [50] * 4, limit=100)


def test_a_finding_names_the_row_that_has_the_key():
    """The sentence says where the key stands, the code which kind of key it is."""
    with UniqueKeyCheck(TWO) as memory:
        frame = pl.DataFrame({ROW: [7, 9], "a": [1, 2], "b": ["x", "x"], "c": [0.5, 0.5]})
        (finding,) = memory.add(frame)
    assert (finding.row, finding.code, finding.field) == (9, "unique-error", "b, c")
    assert finding.note == "the key (b, c) stands in row 7 already"


def test_many_keys_without_repeats_are_all_good():
    """In a hundred thousand different keys of several batches, none is taken for another."""
    rows = [(n, "x", float(n)) for n in range(100_000)]
    assert bad_rows(rows, [16_000] * 6) == (set(), set())
    assert bad_rows(rows, [16_000] * 6, at_once=True) == (set(), set())
