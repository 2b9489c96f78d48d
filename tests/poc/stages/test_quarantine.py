"""Stages that pass rows on, each on its own."""

import polars as pl
import pytest

from poc.batch import ROW, Batch, FileRejected, Finding, RejectedRow
from poc.config.partner import Feed
from poc.stages.quarantine import Quarantine
from poc.stages.refuse import Refuse


def batch(first, last, *bad):
    """Rows numbered from first to last, and bad ones."""
    rows = pl.DataFrame({ROW: range(first, last + 1)}, schema_overrides={ROW: pl.get_index_type()})
    return Batch(rows, rejected=bad)


def bad(row, code="type-error"):
    """A bad row."""
    return RejectedRow(row, b"as it came", (Finding(row, code, "a", f"note {row}"),))


def quarantine(kept, **budget):
    """The stage with a budget, keeping rows in a list."""
    feed = Feed.model_validate({"contract": "c", "map": [{"to": "a", "from": "a"}], "budget": budget})
    return Quarantine(feed, kept.extend, lambda: iter(()))


def test_refuse_lets_a_clean_file_through():
    """Batches come out one by one as they came in."""
    batches = [batch(1, 2), batch(3, 4), batch(5, 5)]
    assert list(Refuse()(iter(batches))) == batches


def test_refuse_names_the_first_bad_row_of_the_file():
    """One bad row refuses the file at its end, and the reason is the first of the file, whatever order they came in."""
    with pytest.raises(FileRejected, match="row 4: enum in a: note 4") as refused:
        list(Refuse()(iter([batch(1, 2), batch(3, 3, bad(5), bad(4, "enum")), batch(6, 7)])))
    assert (refused.value.code, [finding.row for finding in refused.value.findings]) == ("enum", [4, 5])


def test_quarantine_settles_bad_rows_and_keeps_them():
    """Bad rows end as quarantined, good ones go on."""
    kept = []
    out = list(quarantine(kept, rows=2, share=0)(iter([batch(1, 2), batch(3, 3, bad(4), bad(5))])))
    assert [(part.outcome, part.rows) for one in out for part in one.outcomes] == [("quarantined", 2)]
    assert sum(one.rows.height for one in out) == 3
    assert [row.row for row in kept] == [4, 5]


@pytest.mark.parametrize(("share", "refused"), [(0.5, False), (0.49, True)])
def test_a_budget_is_a_count_or_a_share_whichever_is_more(share, refused):
    """Exactly at its budget a file passes; one row over it is refused."""
    batches = iter([batch(1, 2, bad(3), bad(4))])
    stage = quarantine([], rows=1, share=share)
    if refused:
        with pytest.raises(FileRejected, match="2 of 4 rows are bad, the budget is 1 rows or 49% of a file"):
            list(stage(batches))
    else:
        assert len(list(stage(batches))) == 1
