"""The files that the partners of the demo send: a clean one, one with bad rows, and one that cannot be accepted."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from datetime import date, timedelta
from xml.sax.saxutils import escape

#: The columns of an order, and how many orders are in a file.
COLUMNS, ROWS = ("order", "customer", "amount", "day"), 200

#: Numbers of the rows with an amount that is none, from 0.
BAD_ROWS = (17, 90, 133)

#: The contract of the orders.
CONTRACT = {
    "fields": [
        {"name": "order", "type": "integer", "constraints": {"required": True}},
        {"name": "customer", "type": "string", "constraints": {"required": True}},
        {"name": "amount", "type": "number", "constraints": {"required": True, "minimum": 0}},
        {"name": "day", "type": "date", "constraints": {"required": True}},
    ],
    "primaryKey": ["order"],
}

#: The parts of a workbook beside its sheet.
WORKBOOK = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Target="xl/workbook.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<sheets><sheet name="Orders" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Target="worksheets/sheet1.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"/></Relationships>',
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SampleFile:
    """A file of a partner, and the status that its receipt must have."""

    name: str
    content: bytes
    status: str


def orders(first: int, day: date, bad_rows: tuple[int, ...] = ()) -> list[list[int | float | str]]:
    """Return the rows of a file: order, customer, amount and day."""
    return [
        [
            first + row, f"C{row % 40:03}", "n/a" if row in bad_rows else round(row * 1.25 + 0.5, 2),
            str(day + timedelta(days=row % 5)),
        ]
        for row in range(ROWS)
    ]  # fmt: skip


def sample_files(suffix: str, start: date) -> list[SampleFile]:
    """Return the three files of a partner that sends one format: `csv`, `xlsx` or `json`."""
    encode = {"csv": csv_file, "xlsx": workbook, "json": json_file}[suffix]
    clean, bad = orders(1_000, start), orders(2_000, start, BAD_ROWS)
    renamed = ("number", *COLUMNS[1:])
    refused = encode(COLUMNS, clean)[:-400] if suffix == "xlsx" else encode(renamed, orders(3_000, start))
    return [
        SampleFile(f"clean.{suffix}", encode(COLUMNS, clean), "accepted"),
        SampleFile(f"three-bad-rows.{suffix}", encode(COLUMNS, bad), "partial"),
        SampleFile(f"{'cut-off' if suffix == 'xlsx' else 'other-columns'}.{suffix}", refused, "rejected"),
    ]


def csv_file(columns: tuple[str, ...], rows: list[list[int | float | str]]) -> bytes:
    """Return rows as CSV."""
    return "".join(f"{','.join(map(str, cells))}\n" for cells in (list[int | float | str](columns), *rows)).encode()


def json_file(columns: tuple[str, ...], rows: list[list[int | float | str]]) -> bytes:
    """Return rows as a list of JSON objects."""
    return json.dumps([dict(zip(columns, cells, strict=True)) for cells in rows]).encode()


def workbook(columns: tuple[str, ...], rows: list[list[int | float | str]]) -> bytes:
    """Return rows as a sheet of a workbook."""
    lines = "".join(f"<row>{''.join(map(cell, cells))}</row>" for cells in (list[int | float | str](columns), *rows))
    sheet = f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{lines}'
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**WORKBOOK, "xl/worksheets/sheet1.xml": f"{sheet}</sheetData></worksheet>"}.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return file.getvalue()


def cell(value: float | str) -> str:
    """Return a cell of a sheet."""
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f"<c><v>{value}</v></c>"
