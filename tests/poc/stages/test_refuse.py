"""The refuse stage: one rejected row refuses the whole file."""

import polars as pl
import pytest

from poc.batch import ROW, Batch, FileRejected, Finding, RejectedRow
from poc.stages.refuse import Refuse


def batch(first, last, *bad):
    """Rows numbered from first to last, and rejected ones."""
    rows = pl.DataFrame({ROW: range(first, last + 1)}, schema_overrides={ROW: pl.get_index_type()})
    return Batch(rows, rejected=bad)


def bad(row, code="type-error"):
    """A rejected row."""
    return RejectedRow(row, b"as it came", (Finding(row, code, "a", f"note {row}"),))


def test_refuse_passes_a_valid_file():
    """Batches pass one by one, unchanged."""
    batches = [batch(1, 2), batch(3, 4), batch(5, 5)]
    assert list(Refuse()(iter(batches))) == batches


def test_refuse_names_the_first_rejected_row():
    """One rejected row refuses the file at its end, with the first finding of the file in any order of batches.

    The message has no value of a row, because alerts and logs repeat it.
    """
    with pytest.raises(FileRejected, match=r"^row 4: enum in a$") as refused:
        list(Refuse()(iter([batch(1, 2), batch(3, 3, bad(5), bad(4, "enum")), batch(6, 7)])))
    assert (refused.value.code, [finding.row for finding in refused.value.findings]) == ("enum", [4, 5])
