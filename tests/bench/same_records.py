"""The same answer before speed: the records that two sides delivered, compared one by one."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"origin": "from", "destination": "to"}):
    """The partner's record of a flight, with exactly these fields of exactly these types."""

    flight: str
    tail: str | None
    origin: str
    destination: str
    scheduled: str | None
    departure_delay_min: int | None
    arrival_delay_min: int | None
    distance_km: float | None


DECODER = msgspec.json.Decoder(Record)


class DifferentAnswer(AssertionError):
    """Two sides delivered different records, so that their speed must not be compared."""


def read_records(paths: Sequence[Path]) -> Counter[Record]:
    """Return the records of JSON Lines files, and how often each occurs. Raises DifferentAnswer."""
    records: Counter[Record] = Counter()
    for path in paths:
        try:
            records.update(DECODER.decode_lines(path.read_bytes()))
        except msgspec.MsgspecError as error:
            raise DifferentAnswer(f"{path}: {error}") from error
    return records


def read_dlt_records(paths: Sequence[Path]) -> Counter[Record]:
    """Return the records that dlt wrote, which adds fields of its own to each and leaves out those without a value."""
    names = msgspec.structs.fields(Record)
    records: Counter[Record] = Counter()
    for path in paths:
        for line in path.read_bytes().splitlines():
            fields = {name: value for name, value in json.loads(line).items() if not name.startswith("_dlt_")}
            missing = {field.encode_name: None for field in names}
            records[msgspec.convert(missing | fields, Record)] += 1
    return records


def check_same(name: str, theirs: Counter[Record], ours: Counter[Record], rows: int) -> None:
    """Compare what two sides delivered for that many rows. Raises DifferentAnswer."""
    if ours.total() != rows:
        raise DifferentAnswer(f"the service delivered {ours.total():,} records for {rows:,} rows")
    if theirs != ours:
        only_theirs, only_ours = theirs - ours, ours - theirs
        raise DifferentAnswer(
            f"{name} delivered {only_theirs.total():,} records that the service did not, "
            f"such as {next(iter(only_theirs), None)}, and lacks {only_ours.total():,}, "
            f"such as {next(iter(only_ours), None)}"
        )
