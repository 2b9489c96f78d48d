"""Check and map a small clean file by looking up its cells.

The columns of a large file are parsed, checked, mapped and encoded by libraries whose calls cost some ten microseconds
each, whatever the number of rows: more than all else in a file of some hundred rows. Here, each cell is looked up in a
`CellCache`, and the pieces of JSON that belong to a row are joined. A file with a bad row, or with anything that
cannot be looked up, is left to the ordinary stages, which say what is wrong with it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, BinaryIO

import polars as pl

from metrics.shares import share
from poc.batch import Batch, EncodedRows, EncodedSlot
from poc.errors import ContractBreach
from poc.formats.cells import BlockReader, CellReader, splits_cells
from poc.pipeline.cell_cache import CellCache, ValueMaker
from poc.pipeline.member_makers import constant_member, default_text, member_maker, member_name, plain_json, text_maker
from poc.pipeline.member_texts import JoinedText, TimeText

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from poc.config.map_field import MapField
    from poc.config.partner import Feed
    from poc.contract.contract import Contract
    from poc.pipeline.member_texts import Place

#: The most rows, and bytes, of a file that is small.
MAX_ROWS, MAX_BYTES = 700, 1 << 18

#: After `MAX_FAILURES` files in a row that were left to the ordinary stages, one in `TRIED_EVERY` is tried.
MAX_FAILURES, TRIED_EVERY = 8, 16


@dataclass(frozen=True, slots=True)
class SmallFile:
    """A small clean file, checked and encoded, and the time that each step took."""

    rows: EncodedRows
    stages_ns: dict[str, int]


@dataclass(frozen=True, slots=True)
class FileValues:
    """The values of all columns of a file: the cache, the texts, and what the first maker made of them."""

    columns: dict[str, tuple[CellCache, list[str], list[Any]]]

    def of(self, name: str, maker: int) -> list[Any]:
        """Return the values that a maker made of a column."""
        cache, texts, of_first = self.columns[name]
        return cache.values(maker, texts) if maker else of_first

    def to_compare(self, name: str, maker: int) -> list[Any]:
        """Return values that are equal where those that a maker made are, except for missing ones in several texts.

        A key with a missing value is not compared with others.
        """
        cache, texts, _ = self.columns[name]
        return texts if cache.tells_apart else self.of(name, maker)


class SmallFilePath:
    """The short path of one feed's small clean files. Its caches belong to the feed, so it has one user at a time.

    `no_rows` is the frame of each batch: all rows are encoded.
    """

    def __init__(self, feed: Feed, contract: Contract, cells: CellReader, look_up_files: Mapping[str, bytes]) -> None:
        self._cells = cells
        self._request_rows = feed.request_rows
        self._makers: dict[str, list[ValueMaker]] = {name: [] for name in contract.names}
        self._contract = contract
        self._look_up_files = look_up_files
        self._members = [self._member(*of_field) for of_field in with_constants(feed.map, contract)]
        self._keys = [
            [self._place(name, key_values_maker(contract, name)) for name in names] for _, names in contract.unique
        ]
        self._caches = [
            CellCache(
                field,
                frozenset({*contract.field_missing.get(field.name, contract.missing_values), *feed.dialect.nulls}),
                self._makers[field.name],
                is_plain=field.name in contract.integers or (field.type == "string" and field.format == "default"),
            )
            for field in contract.columns
        ]
        self._failures = 0  # in a row
        self.no_rows = pl.DataFrame()

    def read(self, sources: Sequence[BinaryIO]) -> list[SmallFile] | None:
        """Read, check and encode files together; None for files that are left to the ordinary stages.

        After many such files in a row, most files are not tried.
        """
        if self._failures >= MAX_FAILURES and self._failures % TRIED_EVERY:
            self._failures += 1
            return None
        small = self._read(sources)
        self._failures = 0 if small is not None else self._failures + 1
        return small

    def _read(self, sources: Sequence[BinaryIO]) -> list[SmallFile] | None:
        began_ns = time.monotonic_ns()
        try:
            read = self._cells.read(sources)
        except ContractBreach:
            return None
        if read is None:
            return None
        columns, rows_of_files = read
        ends = list(accumulate(rows_of_files))
        read_ns = time.monotonic_ns()
        looked_up: dict[str, tuple[CellCache, list[str], list[Any]]] = {}
        for name, cache, texts in zip(self._contract.names, self._caches, columns, strict=True):
            of_first = cache.look_up(texts)
            if of_first is None:
                return None
            looked_up[name] = (cache, texts, of_first)
        values = FileValues(looked_up)
        for key in self._keys:
            parts = [values.to_compare(*place) for place in key]
            keys = parts[0] if len(parts) == 1 else list(zip(*parts, strict=True))
            if any(len(set(keys[end - rows : end])) < rows for end, rows in zip(ends, rows_of_files, strict=True)):
                return None  # a key occurs twice in its file, or is not complete
        checked_ns = time.monotonic_ns()
        try:
            members = [pieces for member in self._members for pieces in member.pieces(values)]
        except OverflowError:  # a time that is out of range
            return None
        width = len(members)
        pieces = [""] * (width * ends[-1])  # of all rows in their order
        for at, of_member in enumerate(members):
            pieces[at::width] = of_member
        encoded = [
            EncodedRows(tuple(self._encode(pieces, width, end - rows, end)))
            for end, rows in zip(ends, rows_of_files, strict=True)
        ]
        mapped_ns = time.monotonic_ns()
        spent_ns = {"receive": read_ns - began_ns, "check": checked_ns - read_ns, "map": mapped_ns - checked_ns}
        shares_ns = {stage: share(of_all, rows_of_files) for stage, of_all in spent_ns.items()}
        return [
            SmallFile(of_file, {stage: parts_ns[at] for stage, parts_ns in shares_ns.items()})
            for at, of_file in enumerate(encoded)
        ]

    def _encode(self, pieces: list[str], width: int, start: int, end: int) -> Iterator[EncodedSlot]:
        size = self._request_rows
        for slot, first in enumerate(range(start, end, size)):
            last = min(first + size, end)
            body = "".join(pieces[first * width : last * width]).encode()
            yield EncodedSlot(slot, last - first, body)

    def _member(self, field: MapField, mark: str, end: str) -> JoinedText | TimeText:
        contract = self._contract
        name = f"{mark}{member_name(field.to)}"
        before, after, null = f'{name}"', f'"{end}', f"{name}{default_text(field, contract)}{end}"
        if field.source is None:
            between = plain_json(field.separator)[1:-1]
            befores = [before, *[between] * (len(field.join) - 1)]
            afters = [*[""] * (len(field.join) - 1), after]
            makers = [text_maker(contract, *part) for part in zip(field.join, befores, afters, strict=True)]
            return JoinedText([self._place(*part) for part in zip(field.join, makers, strict=True)], null)
        if field.plus_minutes is None:
            maker = member_maker(contract, field, mark, end, self._look_up_files)
            return JoinedText([self._place(field.source, maker)])
        after = after if field.source in contract.local else f"Z{after}"
        return TimeText(field.source, field.plus_minutes, self._add_maker, (before, after, null))

    def _place(self, name: str, maker: ValueMaker) -> Place:
        return name, self._add_maker(name, maker)

    def _add_maker(self, name: str, maker: ValueMaker) -> int:
        self._makers[name].append(maker)
        return len(self._makers[name]) - 1


def encode_small(
    path: SmallFilePath | None, source: BinaryIO, size_bytes: int, spent_ns: dict[str, int]
) -> Batch | None:
    """Return the rows of a small clean file, checked and encoded; None for any other. Note the time of each stage."""
    encoded = encode_together(path, [source], size_bytes, [spent_ns])
    return None if encoded is None else encoded[0]


def encode_together(
    path: SmallFilePath | None, sources: Sequence[BinaryIO], size_bytes: int, spent_ns: Sequence[dict[str, int]]
) -> list[Batch] | None:
    """Return the rows of small clean files, checked and encoded; None for any others. Note the times of each file."""
    if path is None or size_bytes > MAX_BYTES or (small := path.read(sources)) is None:
        return None
    for file, spent in zip(small, spent_ns, strict=True):
        for stage, took_ns in file.stages_ns.items():
            spent[stage] = spent.get(stage, 0) + took_ns
    return [Batch(path.no_rows, encoded=file.rows) for file in small]


def make_small_file_path(
    feed: Feed, contract: Contract, reader: BlockReader, look_up_files: Mapping[str, bytes] | None = None
) -> SmallFilePath | None:
    """Return the short path of a feed's small files; None where its files need the ordinary stages."""
    if feed.out != "jsonl" or feed.deliver == "early" or not splits_cells(feed, contract.names):
        return None
    if not any(field.sources for field in feed.map) or any(map(needs_frame, feed.map)):
        return None
    return SmallFilePath(feed, contract, CellReader(feed, contract.names, reader, MAX_ROWS), look_up_files or {})


def needs_frame(field: MapField) -> bool:
    """Return whether a field needs values of several columns that cannot be joined from pieces."""
    return bool(field.join and field.has_lookup) or bool(field.plus_minutes and (field.format or field.zone))


def with_constants(fields: Sequence[MapField], contract: Contract) -> Iterator[tuple[MapField, str, str]]:
    """Yield the fields that are looked up, each with the text before and after its member.

    The members of constants, which are the same in every row, are part of these texts.
    """
    looked_up = [at for at, field in enumerate(fields) if field.sources]
    before = "{"
    for at, field in enumerate(fields):
        if not field.sources:
            if at < looked_up[-1]:
                before += f"{constant_member(field, contract)},"
            continue
        after = "}\n" if at == len(fields) - 1 else ""
        if at == looked_up[-1] and not after:
            after = "".join(f",{constant_member(constant, contract)}" for constant in fields[at + 1 :]) + "}\n"
        yield field, before, after
        before = ","


def key_values_maker(contract: Contract, name: str) -> ValueMaker:
    """Return the maker of values by which keys are compared."""
    convert = dict(contract.key_values).get(name)

    def make(typed: pl.DataFrame) -> Sequence[Any]:
        values = typed.get_column(name)
        return (values.to_physical() if convert is None else convert(values)).to_list()

    return ValueMaker(make, of_plain=list, of_times=lambda seconds, _: [second * 1_000_000 for second in seconds])
