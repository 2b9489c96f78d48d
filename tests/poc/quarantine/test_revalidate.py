"""Keys of revalidated rows against those of delivered rows."""

import polars as pl

from poc.batch import ROW
from poc.contract.contract import compile_contract
from poc.contract.schema import Schema
from poc.quarantine.revalidate import key_conflicts


def test_keys_of_delivered_rows_are_compared_by_value():
    """`1.50` and `PT1M` were delivered as `1.5` and `PT60S`; a number beside `1.5` was not."""
    contract = compile_contract(
        Schema.model_validate(
            {"fields": [{"name": "n", "type": "number"}, {"name": "d", "type": "duration"}], "primaryKey": ["n", "d"]}
        )
    )
    delivered = pl.DataFrame({ROW: [1], "n": ["1.5"], "d": ["PT60S"]})
    rows = pl.DataFrame({ROW: [7, 8], "n": ["1.50", "1.50000000000000001"], "d": ["PT1M", "PT1M"]})
    conflicts = key_conflicts([rows], contract, [delivered])
    assert {row: [finding.note for finding in found] for row, found in conflicts.items()} == {
        7: ["the key (n, d) is already in row 1"]
    }
