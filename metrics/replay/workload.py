"""The workload of a replay: its input files, the due records, and the fault plan."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metrics.replay.fault_plan import plan_faults, read_faults
from metrics.replay.input_files import FIRST_YEAR, InputFile, InputYear, read_flights, shift_flights, split_into_files

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import polars as pl


@dataclass(frozen=True, slots=True)
class Workload:
    """All files of a replay in the order of their days, their due records, and the planned faults.

    `truth` has the columns `file`, `flight` and `scheduled`, and one row per due record.
    """

    files: tuple[InputFile, ...]
    truth: pl.DataFrame
    plan: dict[str, Any]
    sha256: str
    faults_sha256: str = ""  #: of the file of fault rates


def build_workload(
    folder: Path, faults_file: Path, faults_name: str, weeks: int, year: InputYear = FIRST_YEAR
) -> Workload:
    """Write the input files and the fault plan of a replay below `folder`.

    Args:
        folder: the parent of `input/<faults>/` and `plan-<faults>.json`.
        faults_file: the fault rates.
        faults_name: `standard`, or `none` for a replay without faults and broken rows.
        weeks: blocks of the year to replay, 1 to 52.
        year: the replayed year. Each has its own hash, so that its measurements are a series of their own.

    Raises:
        BadInput: the flights are not installed, or the fault file is invalid.
    """
    faults = read_faults(faults_file)
    source = read_flights()
    if year.shift:
        source = shift_flights(source, year.shift.days)
    standard = faults_name == "standard"
    broken = float(faults["rows"]["broken"]) if standard else 0.0
    blocks = year.blocks[:weeks]
    files, truth = split_into_files(source, folder / "input" / faults_name, faults["seed"], blocks, broken, year)
    plan: dict[str, Any] = {"faults": {}, "down": {}}
    if standard:
        plan, copies = plan_faults(faults, files, year)
        files = sorted([*files, *copies], key=lambda file: (file.arrives, file.partner, file.name))
    (folder / f"plan-{faults_name}.json").write_text(json.dumps(plan), "utf-8")
    rates = faults_file.read_bytes()
    digest = hashlib.sha256(rates)
    digest.update(hashlib.file_digest(io.BytesIO(source), "sha256").digest())
    if year.by_day:
        digest.update(b"cut by day")
    replayed = tuple(file for file in files if file.block in blocks)
    return Workload(replayed, truth, plan, digest.hexdigest(), hashlib.sha256(rates).hexdigest())


def build_rounds(
    folder: Path, faults_file: Path, faults_name: str, weeks: int, numbers: Iterable[int], first_block: int = 0
) -> dict[int, Workload]:
    """Return a workload for each round, whose faults are drawn by its number as well; all have the same input files.

    The plan of a round is written to `plan-<faults>-<number>.json` below `folder`. Blocks before `first_block` have no
    files, and their rows are not broken; the arguments are otherwise those of `build_workload`.

    Raises:
        BadInput: the flights are not installed, or the fault file is invalid.
    """
    faults, source, rates = read_faults(faults_file), read_flights(), faults_file.read_bytes()
    inputs, blocks = folder / "input" / faults_name, FIRST_YEAR.blocks[first_block:weeks]
    files, truth = split_into_files(source, inputs, faults["seed"], blocks, float(faults["rows"]["broken"]))
    digest = hashlib.sha256(rates + hashlib.sha256(source).digest()).hexdigest()
    rounds = {}
    for number in numbers:
        plan, copies = plan_faults(faults, files, number=number, blocks=blocks)
        (folder / f"plan-{faults_name}-{number}.json").write_text(json.dumps(plan), "utf-8")
        ordered = sorted([*files, *copies], key=lambda file: (file.arrives, file.partner, file.name))
        replayed = tuple(file for file in ordered if file.block in blocks)
        rounds[number] = Workload(replayed, truth, plan, digest, hashlib.sha256(rates).hexdigest())
    return rounds
