"""Excel reader: values as a plain reader shows them, and cells whose value is not in the file."""

import io
import json
import tracemalloc
import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook

from poc.errors import ContractBreach
from poc.formats.registry import make_reader

WORKBOOKS = sorted((Path(__file__).parents[4] / "shared" / "suites" / "workbooks").glob("*.xlsx"))


@pytest.fixture
def make_workbook():
    """A function that makes a workbook: it fills the sheet `Data`."""

    def make(fill, *more, **options):
        file = io.BytesIO()
        with xlsxwriter.Workbook(file, {"in_memory": True, **options}) as workbook:
            fill(workbook.add_worksheet("Data"), workbook)
            for name in more:
                workbook.add_worksheet(name)
        return file.getvalue()

    return make


@pytest.fixture
def read_workbook(read, expected):
    """A function that reads a workbook: the rows, the rejected rows, notes."""

    def read_file(data, names=("a", "b"), types=None, **keys):
        fields = expected(names=names, types=types or {}, missing_values=("",), formats=keys.pop("formats", {}))
        return read(data, fields, format="xlsx", **keys)

    return read_file


def rows_of(*rows):
    """What fills a sheet with rows."""

    def fill(sheet, workbook):
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)

    return fill


def test_cells_become_texts_of_their_field(make_workbook, read_workbook):
    """Whole numbers have no point, empty cells are missing, and an empty row is no row."""
    data = make_workbook(rows_of(["a", "b"], [1, "x"], [1.5, None], [None, None], [True, 2e20], [-0.1, "01"]))
    assert read_workbook(data)[:2] == (
        [(1, "1", "x"), (2, "1.5", None), (3, "true", "2e+20"), (4, "-0.1", "01")], {}
    )  # fmt: skip


@pytest.mark.parametrize("epoch", [False, True])
def test_dates_are_dates_in_both_epochs(make_workbook, read_workbook, epoch):
    """They are written as their field wants them: a day as the beginning of it where a time is declared."""

    def fill(sheet, workbook):
        day, moment = (workbook.add_format({"num_format": form}) for form in ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"))
        sheet.write_row(0, 0, ["a", "b", "c"])
        sheet.write_datetime(1, 0, date(2026, 1, 5), day)
        sheet.write_datetime(1, 1, datetime(2026, 1, 5, 10, 30), moment)  # noqa: DTZ001 - a workbook has no zones
        sheet.write_datetime(1, 2, date(2026, 1, 5), day)

    data = make_workbook(fill, default_date_format="yyyy", **({"date_1904": True} if epoch else {}))
    types, formats = {"a": "date", "b": "datetime", "c": "datetime"}, {"a": "%d.%m.%Y"}
    valid, _, _ = read_workbook(data, ("a", "b", "c"), types, formats=formats)
    assert valid == [(1, "05.01.2026", "2026-01-05T10:30:00", "2026-01-05T00:00:00")]


def test_a_cell_whose_value_is_not_in_the_file_sets_its_row_aside(make_workbook, read_workbook):
    """One in error, one that a merged cell covers, and one beside the table; the original says sheet and row."""

    def fill(sheet, workbook):
        rows_of(["a", "b"], [1, 1], [2, 2], ["x", 3], [None, 4], [5, 5, "more"])(sheet, workbook)
        sheet.write_formula("B3", "=1/0", None, "#DIV/0!")
        sheet.merge_range("A4:A5", "x")

    valid, rejected, _ = read_workbook(make_workbook(fill))
    assert valid == [(1, "1", "1"), (3, "x", "3")]
    assert {row.row: row.findings[0][1:] for row in rejected.values()} == {
        2: ("type-error", "b", "cell B3 of sheet 'Data' is #DIV/0!"),
        4: ("type-error", "a", "cell A5 of sheet 'Data' is a part of the merged cell A4:A5"),
        5: ("extra-cell", "", "cell C6 is in a column without a label"),
    }
    assert json.loads(rejected[4].original) == {"sheet": "Data", "row": 5, "cells": {"a": None, "b": "4"}}


def test_a_sheet_with_too_many_cells_in_error_is_refused(make_workbook, read_workbook, monkeypatch):
    """Each takes memory, and a small archive may have millions of them; as many as there may be are rows set aside."""
    monkeypatch.setattr("poc.formats.workbook_archive.MAX_ERRORS", 3)

    def errors(count):
        def fill(sheet, workbook):
            rows_of(["a", "b"])(sheet, workbook)
            for row in range(count):
                sheet.write_formula(row + 1, 0, "=1/0", None, "#DIV/0!")

        return make_workbook(fill)

    assert len(read_workbook(errors(3))[1]) == 3
    with pytest.raises(ContractBreach, match="more than 3 cells of one sheet are in error"):
        read_workbook(errors(4))


def test_a_range_of_a_sheet_is_read(make_workbook, read_workbook):
    """With its own header row, or without one; a title above it does not matter."""
    data = make_workbook(rows_of(["title"], [None, "a", "b"], ["n", 1, 2], ["n", 3, 4], ["n", 5, 6]), "Other")
    keys = {"sheet": "Data", "range": "B2:C4"}
    assert read_workbook(data, excel=keys)[0] == [(1, "1", "2"), (2, "3", "4")]
    assert read_workbook(data, excel={"sheet": "Data", "range": "B4:C", "header_row": 0})[0] == [
        (1, "3", "4"), (2, "5", "6")
    ]  # fmt: skip
    assert read_workbook(data, excel={"sheet": "Data", "range": "B1:C", "header_row": 2})[0][2] == (3, "5", "6")


def test_a_workbook_that_cannot_be_read_is_refused(make_workbook, read_workbook):
    """It is cut, has no such sheet, has several, or is no workbook: the message says which."""
    data = make_workbook(rows_of(["a", "b"], [1, 2]), "Other")
    for file, message in [
        (data, "has the sheets Data, Other; choose one by `sheet`"),
        (data[: len(data) // 2], "not a whole workbook"),
        (b"a,b\n1,2\n", "not a whole workbook"),
        (b"", "not a whole workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "has a password, or is of an older Excel"),
    ]:
        with pytest.raises(ContractBreach, match=message):
            read_workbook(file)
    with pytest.raises(ContractBreach, match="there is no sheet 'No'; the workbook has Data, Other"):
        read_workbook(data, excel={"sheet": "No"})


def test_a_bomb_is_refused_before_it_is_opened(make_workbook, read_workbook):
    """It unpacks to too much, or two cells of it span millions of empty ones."""
    data = make_workbook(rows_of(["a", "b"], [1, 2]))
    with pytest.raises(ContractBreach, match="more than max_ratio = 1 times"):
        read_workbook(data, max_ratio=1)
    for cell in ("XFD1048576", "A1048576"):
        with pytest.raises(ContractBreach, match="goes to row 1,048,576"):
            read_workbook(make_workbook(lambda sheet, _, cell=cell: (sheet.write("A1", "a"), sheet.write(cell, 1))))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * (8 << 20))
    with pytest.raises(ContractBreach, match="more than max_ratio = 200 times"):
        read_workbook(file.getvalue())


@pytest.mark.parametrize("path", WORKBOOKS, ids=lambda path: path.stem)
def test_a_workbook_of_the_suite_arrives_as_a_plain_reader_shows_it(make_feed, expected, path):
    """Every value of the first sheet is there, or its row is set aside."""
    with CalamineWorkbook.from_path(path) as workbook:
        name = workbook.sheet_names[0]
        plain = [row for row in workbook.get_sheet_by_name(name).to_python() if any(value != "" for value in row)]
    width = max(map(len, plain), default=1)
    names = tuple(f"c{number}" for number in range(width))
    feed = make_feed(format="xlsx", excel={"sheet": name, "header_row": 0})
    batches = list(make_reader(feed, expected(names=names, missing_values=("",))).read(io.BytesIO(path.read_bytes())))
    read = {row[0]: row[1:] for batch in batches for row in batch.rows.rows()}
    rejected = {row.row for batch in batches for row in batch.rejected}
    assert sorted([*read, *rejected]) == list(range(1, len(plain) + 1))
    for number, values in enumerate(plain, 1):
        for text, value in zip(read.get(number, ()), values, strict=False):
            if isinstance(value, bool):
                assert text == str(value).lower()
            elif isinstance(value, float):
                assert float(text) == value
            else:
                assert (text or "") == (value if isinstance(value, str) else value.isoformat())


def change_parts(data, change):
    """A workbook with other parts: `change` gives the name and bytes of each."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(*change(name, old.read(name)))
    return file.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda name, data: (name, data.replace(b't="e"', b"t='e'")),
        lambda name, data: (name.replace("sheet1.xml", "Sheet1.xml") if "rels" not in name else name, data),
    ],
)
def test_a_cell_in_error_is_found_however_the_program_writes_it(make_workbook, read_workbook, change):
    """With other quotes, or a part whose name has other capitals than its relation."""

    def fill(sheet, workbook):
        rows_of(["a", "b"], [1, 2])(sheet, workbook)
        sheet.write_formula("B2", "=1/0", None, "#DIV/0!")

    valid, rejected, _ = read_workbook(change_parts(make_workbook(fill), change))
    assert (valid, list(rejected)) == ([], [1])


def test_merged_cells_are_only_looked_at_where_the_table_is(make_workbook, read_workbook):
    """A merged cell as large as the sheet takes no time and no memory; cells that are merged twice refuse the file."""

    def merged(*ranges):
        cells = b"".join(b'<mergeCell ref="%s"/>' % area for area in ranges)
        data = make_workbook(lambda sheet, _: (rows_of(["a", "b"], [1, 2])(sheet, _), sheet.merge_range("D4:E5", "")))
        return change_parts(data, lambda name, part: (name, part.replace(b'<mergeCell ref="D4:E5"/>', cells)))

    valid, rejected, _ = read_workbook(merged(b"C1:XFD1048576"))
    assert (valid, rejected) == ([(1, "1", "2")], {})
    tracemalloc.start()
    try:
        valid, rejected, _ = read_workbook(merged(b"A2:XFD1048576"))
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
    assert (valid, list(rejected)) == ([], [1])
    with pytest.raises(ContractBreach, match="merged cells of sheet 'Data' overlap"):
        read_workbook(merged(b"A2:B2", b"A2:B2"))


def test_a_duration_that_is_too_large_refuses_the_workbook(make_workbook, read_workbook):
    """The message says its row."""

    def fill(sheet, workbook):
        rows_of(["a", "b"], [1, 2])(sheet, workbook)
        sheet.write_number("B2", 1e15, workbook.add_format({"num_format": "[h]:mm"}))

    with pytest.raises(ContractBreach, match="row 2 of the sheet has a date or a duration that is too large"):
        read_workbook(make_workbook(fill))


def test_a_moment_of_another_type_keeps_all_its_parts(make_workbook, read_workbook):
    """A time in place of a date is not the first day of 1900: the contract refuses it."""

    def fill(sheet, workbook):
        rows_of(["a", "b"])(sheet, workbook)
        sheet.write_number("A2", -5, workbook.add_format({"num_format": "yyyy-mm-dd"}))
        sheet.write_number("B2", 46027.5, workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"}))

    types, formats = {"a": "date", "b": "time"}, {"a": "%d.%m.%Y", "b": "%H:%M"}
    assert read_workbook(make_workbook(fill), types=types, formats=formats)[0] == [
        (1, "00:00:00", "2026-01-05T12:00:00")
    ]
