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
        with pytest.raises(FileRejected, match="2 of 4 rows are bad, the budget is 1 rows or 49% of a file"):
            list(stage(batches))
    else:
        assert len(list(stage(batches))) == 1
