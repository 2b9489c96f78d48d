"""A CSV file for people contains no cell that a spreadsheet runs."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.pages.spreadsheet import FORMULA_STARTS, SpreadsheetWriter, escape_formula


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", '=HYPERLINK("http://a.b";"c")']
)
def test_a_text_that_begins_like_a_formula_is_escaped(text):
    """A quote mark before it makes it a text."""
    assert escape_formula(text) == f"'{text}"


@pytest.mark.parametrize("cell", [-1, -1.5, 0, None, "", "a=1", " =1", "2013-W05", "'=1"])
def test_other_cells_stay_exact(cell):
    """Numbers stay numbers, also negative ones, and other texts are not changed."""
    assert escape_formula(cell) == cell


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_no_cell_of_any_row_begins_like_a_formula(cells):
    """Read back, each cell is the text that was given, or that text after a quote mark."""
    out = io.StringIO(newline="")
    SpreadsheetWriter(out, ["a"] * len(cells)).write_row(cells)
    _, row = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert not [cell for cell in row if cell.startswith(FORMULA_STARTS)]
    assert [cell if cell == text else cell.removeprefix("'") for cell, text in zip(row, cells, strict=True)] == cells


def test_records_are_written_in_the_order_of_the_columns():
    """The names of the columns come first; a missing value is an empty cell."""
    out = io.StringIO()
    SpreadsheetWriter(out, ["a", "b"]).write_records([{"b": "=1", "a": None}])
    assert out.getvalue() == "a,b\n,'=1\n"


def test_a_download_escapes_formulas_and_json_is_exact(on, a_run):
    """A file that is named like a formula is a text in `/runs.csv`, and itself in `/runs.json`."""
    client = on(a_run(file="=1+1.csv"))
    assert ",'=1+1.csv," in client.get("/runs.csv").get_data(as_text=True)
    assert client.get("/runs.json").json["runs"][0]["file"] == "=1+1.csv"
