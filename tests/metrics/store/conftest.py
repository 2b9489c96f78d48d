"""Fixtures of the store's tests."""

import pytest


@pytest.fixture
def rollup():
    """A function that returns columns of the only rollup row, or of the only one that matches a condition."""

    def read(db, columns, where="1"):
        (row,) = db.execute(f"SELECT {columns} FROM run_block WHERE {where}").fetchall()
        return row

    return read
