"""The cache of cells holds what it checked, in bounded memory."""

import pytest

from poc.contract.contract import compile_contract
from poc.contract.schema import Schema
from poc.pipeline.cell_cache import MAX_CHARS, CellCache, ValueMaker


def test_long_cells_of_many_files_do_not_stay_in_memory():
    """Where the cells of a new file do not fit beside the cached ones, those of earlier files are dropped."""
    contract = compile_contract(Schema.model_validate({"fields": [{"name": "a", "type": "string"}]}))
    cache = CellCache(contract.columns[0], frozenset(), [ValueMaker(list, of_plain=list)], is_plain=True)
    first, second = ["x" * (MAX_CHARS // 2)], ["y" * (MAX_CHARS // 2), "y"]
    assert cache.look_up(first) == first
    assert cache.look_up(second) == second
    assert cache.values(0, second) == second
    with pytest.raises(KeyError):
        cache.values(0, first)
