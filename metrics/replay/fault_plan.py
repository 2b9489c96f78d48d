"""Plan the faults of a replay, by file, slot and number of the send."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from metrics.errors import BadInput
from metrics.replay.input_files import FIRST_YEAR, InputFile, InputYear, write_input
from metrics.replay.seeded_random import seeded_uniform

if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from pathlib import Path


#: Sends of a slot that may meet a fault; later sends meet none.
PLANNED_SENDS = 20


#: Rows of a slot, which is one request on both sides.
SLOT_ROWS = 500


def send_fault(rates: dict[str, float], *parts: object) -> str:
    """Return the fault of one send; empty for none."""
    number = seeded_uniform(*parts)
    for rate, fault in (
        (rates["unavailable"], "unavailable"),
        (rates["wait"] / 2, "wait-seconds"),
        (rates["wait"] / 2, "wait-date"),
        (rates["reset"], "reset"),
        (rates["answer_lost"], "answer-lost"),
        (rates["hang"], "hang"),
    ):
        if number < rate:
            return fault
        number -= rate
    return ""


def plan_faults(
    faults: dict[str, Any],
    files: Sequence[InputFile],
    year: InputYear = FIRST_YEAR,
    number: int | None = None,
    blocks: Container[int] | None = None,
) -> tuple[dict[str, Any], list[InputFile]]:
    """Plan the faults; return the plan for the practice partner, and the copies of files that are handed in again.

    Faults are drawn by file, slot and number of the send, so that all subjects meet the same faults. Outages are
    drawn by partner, and from the second year on by year. `number` is that of a round with draws of its own; without it
    all rounds have the same. With `blocks`, only files of these get faults and copies; outages are the same.
    """
    seed = (faults["seed"],) if number is None else (faults["seed"], number)
    planned: dict[str, dict[str, dict[str, str]]] = {}
    copies: list[InputFile] = []
    drawn = [file for file in files if blocks is None or file.block in blocks]
    for file in drawn:
        name = f"{file.partner}/{file.feed}/{file.name}"
        if seeded_uniform(*seed, name, "resent") < faults["files"]["resent"]:
            copy = file.path.with_name(f"{file.path.stem}-again.csv")
            if file.path.is_file():
                write_input(copy, file.path.read_bytes())
            day = min(file.arrives + timedelta(days=1), year.days[1])
            copies.append(replace(file, path=copy, arrives=day, original=file.name))
    for file in [*drawn, *copies]:
        name = f"{file.partner}/{file.feed}/{file.name}"
        slots = range((file.rows + SLOT_ROWS - 1) // SLOT_ROWS)
        for slot in slots:
            for nth in range(1, PLANNED_SENDS + 1):
                if fault := send_fault(faults["sends"], *seed, name, slot, nth):
                    planned.setdefault(name, {}).setdefault(str(slot), {})[str(nth)] = fault
        if seeded_uniform(*seed, name, "killed") < faults["files"]["killed"]:
            slot = int(seeded_uniform(*seed, name, "killed at") * len(slots))
            planned.setdefault(name, {}).setdefault(str(slot), {})["1"] = "kill"
    down = plan_outages(faults["partners"], files, seed, () if year == FIRST_YEAR else (year.number,))
    return {"faults": planned, "down": down}, copies


def plan_outages(
    rates: dict[str, int], files: Sequence[InputFile], seed: Sequence[object], years: Sequence[object] = ()
) -> dict[str, list[str]]:
    """Plan the days on which a partner is down, each a day on which files are handed to it, by partner.

    `down_days` partners are down for one day each; with `down_days_a_quarter`, every partner is down on so many days of
    each quarter. Random numbers are drawn by `seed`, partner and `years`.
    """
    partners = sorted({file.partner for file in files}, key=lambda name: seeded_uniform(*seed, name, "down", *years))
    down: dict[str, list[str]] = {}
    for partner in partners[: rates.get("down_days", 0)]:
        days = [file.arrives for file in files if file.partner == partner]
        down[partner] = [days[int(seeded_uniform(*seed, partner, "down on", *years) * len(days))].isoformat()]
    for partner in partners if "down_days_a_quarter" in rates else ():
        quarters: dict[str, set[str]] = {}
        for file in files:
            if file.partner == partner:
                quarter = f"{file.arrives.year}-Q{(file.arrives.month + 2) // 3}"
                quarters.setdefault(quarter, set()).add(file.arrives.isoformat())
        drawn = {
            day: seeded_uniform(*seed, partner, "down on", day) for days in quarters.values() for day in sorted(days)
        }
        down[partner] = [
            day
            for _, days in sorted(quarters.items())
            for day in sorted(days, key=drawn.__getitem__)[: rates["down_days_a_quarter"]]
        ]
    return down


def read_faults(path: Path) -> dict[str, Any]:
    """Read the fault rates of a replay. Raises BadInput."""
    try:
        faults = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not a fault file: {error}") from error
    if faults.get("schema") != 1:
        raise BadInput(f"{path}: schema is {faults.get('schema')!r}; this release knows 1")
    return faults
