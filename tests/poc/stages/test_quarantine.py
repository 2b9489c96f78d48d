"""The quarantine stage: rejected rows are stored, and a budget limits them."""

import polars as pl
import pytest

from poc.batch import ROW, Batch, FileRejected, Finding, RejectedRow
from poc.config.partner import Feed
from poc.stages.quarantine import Quarantine


def batch(first, last, *bad):
    """Rows numbered from first to last, and rejected ones."""
    rows = pl.DataFrame({ROW: range(first, last + 1)}, schema_overrides={ROW: pl.get_index_type()})
    return Batch(rows, rejected=bad)


def bad(row, code="type-error"):
    """A rejected row."""
    return RejectedRow(row, b"as it came", (Finding(row, code, "a", f"note {row}"),))


def quarantine(kept, **budget):
    """The stage with a budget, storing rows in a list."""
    feed = Feed.model_validate({"contract": "c", "map": [{"to": "a", "from": "a"}], "budget": budget})
    return Quarantine(feed, kept.extend, lambda: iter(()))


def test_quarantine_stores_rejected_rows():
    """Rejected rows are quarantined, valid rows pass on."""
    kept = []
    out = list(quarantine(kept, rows=2, share=0)(iter([batch(1, 2), batch(3, 3, bad(4), bad(5))])))
    assert [(part.outcome, part.rows) for one in out for part in one.outcomes] == [("quarantined", 2)]
    assert sum(one.rows.height for one in out) == 3
    assert [row.row for row in kept] == [4, 5]


@pytest.mark.parametrize(("share", "refused"), [(0.5, False), (0.49, True)])
def test_a_budget_is_a_count_or_a_share_whichever_is_more(share, refused):
    """A file exactly at its budget passes; one more rejected row refuses it."""
    batches = iter([batch(1, 2, bad(3), bad(4))])
    stage = quarantine([], rows=1, share=share)
    if refused:
        with pytest.raises(
            FileRejected,
            match=r"2 of 4 rows are bad, the budget is 1 rows or 49% of a file; the first is row 3: type-error in a$",
        ):
            list(stage(batches))
    else:
        assert len(list(stage(batches))) == 1


def test_a_hopeless_file_is_not_read_to_its_end():
    """From 20,000 bad rows on, or 4 MiB of them, the budget is a share of the rows so far; none of the rest is read."""
    for original, last in ((b"x", 21), (b"x" * 1_000_000, 5)):
        read, kept = [], []

        def batches(original=original, read=read):
            for number in range(1000):
                read.append(number)
                first = 1 + 1000 * number
                rejected = (bad(row)._replace(original=original[: len(original) if row == first else 1])
                            for row in range(first, first + 1000))  # fmt: skip
                yield batch(1, 0, *rejected)

        with pytest.raises(FileRejected, match=f"{last},000 of {last},000 rows read so far are bad") as caught:
            list(quarantine(kept, rows=10, share=0.1)(batches()))
        assert (len(read), len(kept), caught.value.rows) == (last, (last - 1) * 1000, last * 1000)


def test_bad_rows_at_the_start_of_a_file_within_its_budget_are_kept():
    """A share is of the whole file: many bad rows in a row refuse nothing, if good ones follow."""
    kept = []
    first = batch(1, 0, *(bad(row) for row in range(1, 10_001)))
    assert len(list(quarantine(kept, share=0.2)(iter([first, batch(10_001, 50_000)])))) == 2
    assert len(kept) == 10_000


def test_bad_rows_are_counted_before_they_are_stored():
    """With a budget that more rows cannot raise, what exceeds it is not stored."""
    kept = []
    with pytest.raises(FileRejected, match="2 of 3 rows read so far are bad, the budget is 1 rows"):
        list(quarantine(kept, rows=1, share=0)(iter([batch(1, 1, bad(2), bad(3)), batch(4, 9)])))
    assert kept == []
