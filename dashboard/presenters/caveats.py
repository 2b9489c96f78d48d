"""What could make the headline wrong: facts from the store, each with its number."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dashboard.queries import weekly
from metrics.measures import comparison
from roadmap.report import caveats
from roadmap.wording import numbers
from roadmap.wording import numbers as wording_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_utils import Database

    from metrics.measures.reading import Reading
    from metrics.question import Question
    from roadmap.wording.gains import RunsOfBothSides

#: Below this many blocks the range is wide enough to be worth saying so.
FEW_BLOCKS = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Caveat:
    """One thing to bear in mind."""

    title: str
    text: str


def caveats_of(
    db: Database, asked: Question, reading: Reading, unit: str, sides: RunsOfBothSides | None = None
) -> Iterator[Caveat]:
    """Everything to bear in mind about a reading of `busy_time_saved`; `sides` where it compares nothing."""
    if not reading.blocks:
        said = f"{sides.said} So nothing" if sides else "Nothing"
        yield Caveat(title="Nothing compared yet", text=f"{said} is known of the time saved.")
        return
    yield from _place(reading)
    yield from _blocks(db, asked, reading, unit)
    yield from _answers(db, asked)
    yield _mix(db, asked, reading)
    yield _against_itself(db, asked)
    yield from _blocked(db, asked)


def _place(reading: Reading) -> Iterator[Caveat]:
    if reading.mode == "replay":
        yield Caveat(
            title="A replay, not production",
            text="Both sides got the same files on one machine, against a partner that misbehaves by plan. "
            "Durations are real; the calendar and the partner are not.",
        )
    elif reading.grade == "A":
        yield Caveat(
            title="Production, side by side",
            text="Both sides got the same files on the same days. Records that a side says were delivered stand for "
            "those that the partner holds.",
        )
    elif reading.grade == "C":
        yield Caveat(
            title="Same days, other files",
            text="Both sides ran on the same days; it is not known that they got the same files.",
        )
    else:
        yield Caveat(
            title="Not side by side",
            text="Live runs are compared with the monolith's own history, not with the same files at the same time.",
        )


def _blocks(db: Database, asked: Question, reading: Reading, unit: str) -> Iterator[Caveat]:
    if reading.blocks < FEW_BLOCKS:
        rounds = weekly.side_totals(db, asked, asked.subject).rounds or 1
        passes = f" Each is the mean of {rounds} passes, which are not more {unit}s." if rounds > 1 else ""
        yield Caveat(
            title=f"{numbers.plural(reading.blocks, unit)} of evidence",
            text=f"Runs of one {unit} are alike, so {numbers.plural(reading.blocks, unit)} "
            f"{'is one witness' if reading.blocks == 1 else f'are {reading.blocks} witnesses'}, "
            f"however many runs {'it holds' if reading.blocks == 1 else 'they hold'}.{passes}",
        )
    lacking = [
        row
        for row in comparison.block_series(db, asked)
        if row["subject_busy_s"] is None or row["control_busy_s"] is None
    ]
    if lacking and reading.paired:  # else each side counts with what it has
        many = numbers.plural(len(lacking), unit)
        yield Caveat(title=f"{many} left out", text=f"Only one side was measured in {many}; they count for neither.")


def _answers(db: Database, asked: Question) -> Iterator[Caveat]:
    for faults, when in (("none", "without faults"), ("standard", "under the standard faults"), ("real", "")):
        if (faults == "real") != (asked.mode == "live"):
            continue
        found = comparison.answers_equal(db, replace(asked, faults=faults, series=None))
        if found.estimate is None:
            yield Caveat(
                title=f"Answers not compared {when}".strip(),
                text="Whether the partner got the same records from both sides is not recorded.",
            )
        elif found.estimate < 1:
            apart = round((1 - found.estimate) * found.n)
            yield Caveat(
                title=f"Answers differ {when}".strip(),
                text=f"{apart:,} of {found.n:,} records compared are not the same with both sides. Faults can leave "
                "either side with records undelivered; without faults there should be none.",
            )


def _mix(db: Database, asked: Question, reading: Reading) -> Caveat:
    pinned = "pinned" if weekly.has_pinned_weights(db, asked) else "not pinned yet"
    if reading.coverage is None or reading.coverage >= 1:
        covered = "Both sides have all of it."
    else:
        digits = numbers.digits_apart(reading.coverage, 1.0)
        covered = f"Both sides have {numbers.percent(reading.coverage, digits)} of that work; the rest is left out."
    return Caveat(
        title="The mix is held still",
        text=f"Feeds and file sizes weigh as they did with the monolith (weights {pinned}), so the headline can differ "
        f"from the plain sums in the charts. {covered}",
    )


def _against_itself(db: Database, asked: Question) -> Caveat:
    shown = caveats.against_itself(db, asked)
    if shown is None:
        return Caveat(
            title="No A/A check yet",
            text="The monolith has not been measured against itself, which should show no gain.",
        )
    return Caveat(title="The monolith against itself", text=f"Measured twice, it shows {shown}; it should show none.")


def _blocked(db: Database, asked: Question) -> Iterator[Caveat]:
    ours, theirs = (weekly.side_totals(db, asked, name) for name in (asked.subject, asked.control))
    if ours.blocked_s or theirs.blocked_s:
        yield Caveat(
            title="Time-outs stand apart",
            text="Time blocked on requests that timed out is not in the headline: "
            f"{wording_numbers.duration(theirs.blocked_s)} of the monolith, "
            f"{wording_numbers.duration(ours.blocked_s)} of the service.",
        )
