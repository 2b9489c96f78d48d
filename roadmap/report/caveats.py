"""Caveats of the headline, and how its numbers were measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from metrics.measures import comparison
from metrics.measures.weights import pinned_since
from metrics.queries.side_totals import side_totals
from metrics.question import block_word
from metrics.replayed_years import second_year_note
from roadmap.wording.gains import FAULTS_NAME, gained
from roadmap.wording.numbers import digits_apart, duration, percent, plural, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlite_utils import Database

    from metrics.measures.reading import Reading
    from metrics.question import Question
    from roadmap.model import Verdict
    from roadmap.report.headline import HeadlineCandidate

#: Lines of either that fit on a printed page.
MOST = 3

#: Below this many blocks the range is wide enough for a caveat.
FEW_BLOCKS = 26

#: How evidence came about.
GRADES = {
    "A": "both sides side by side in production, on the same files",
    "B": "both sides in a replay of the same files",
    "C": "both sides in production on the same days, on other files",
    "D": "production against the control's own history",
}

#: What the main number is.
SAVED = "Time saved: processing time per record the partner holds in the end, like files with like, failures included."

#: The monolith measured against itself.
SECOND_CONTROL = "monolith#2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caveat:
    """One reason for caution: a title and a text for a page, one line for a printed page."""

    title: str
    text: str  #: "" where a page needs no such caveat
    short: str = ""  #: "" where a printed page leaves it out


def short_caveats(db: Database | None, head: HeadlineCandidate | None) -> tuple[str, ...]:
    """Return the most serious caveats of the headline as lines, `MOST` at most."""
    if db is None or head is None:
        return ("Nothing was measured, so nothing here can be wrong yet but the plan.",)
    return tuple(caveat.short for caveat in caveats(db, head) if caveat.short)[:MOST]


def caveats(db: Database, head: HeadlineCandidate) -> Iterator[Caveat]:
    """Yield the caveats of the headline's time saved, the most serious first."""
    if not head.reading.blocks:
        start = f"{head.gain.sides.sentence} So nothing" if head.gain.sides else "Nothing"
        short = "Nothing is compared yet, so nothing is known of the time saved."
        yield Caveat(title="Nothing compared yet", text=f"{start} is known of the time saved.", short=short)
        return
    yield _setting(head.reading)
    yield from _answers(db, head.question)
    yield _blocks(db, head.question, head.reading)
    yield from _assumed_noise(head.reading)
    yield from _one_sided_blocks(db, head.question, head.reading)
    yield _mix(db, head.question, head.reading)
    yield _control_against_itself(db, head.question)
    yield from _blocked_time(db, head.question)


def _setting(reading: Reading) -> Caveat:
    grade = reading.grade or "D"
    if reading.mode == "replay":
        later = f" {note}" if (note := second_year_note("replay", reading.end)) else ""
        return Caveat(
            title="A replay, not production",
            text="Both sides got the same files on one machine, against a partner that fails by plan. "
            f"Durations are real; the calendar and the partner are not.{later}",
            short="A replay, not production: durations are real; the calendar and a partner that fails by plan are "
            "not.",
        )
    short = f"Evidence of grade {grade}: {GRADES[grade]}."
    if grade == "A":
        return Caveat(
            title="Production, side by side",
            text="Both sides got the same files on the same days. Records that a side reports as delivered count as "
            "records that the partner holds.",
            short=short,
        )
    if grade == "C":
        return Caveat(
            title="Same days, other files",
            text="Both sides ran on the same days; it is not known that they got the same files.",
            short=short,
        )
    return Caveat(
        title="Not side by side",
        text="Live runs are compared with the monolith's own history, not with the same files at the same time.",
        short=short,
    )


def _answers(db: Database, question: Question) -> Iterator[Caveat]:
    """Yield a caveat for faults under which answers were not compared, or differ; one without faults is serious."""
    conditions = (
        [("real", "")] if question.mode == "live" else [("none", " without faults"), ("standard", " under faults")]
    )
    for faults, when in conditions:
        equal = comparison.answers_equal(db, replace(question, faults=faults, series=None))
        is_serious = faults != "standard"
        if equal.estimate is None:
            text = "Whether the partner got the same records from both sides is not recorded."
            yield Caveat(title=f"Answers not compared{when}", text=text, short=text if is_serious else "")
        elif equal.estimate < 1:
            counts = f"{round((1 - equal.estimate) * equal.n):,} of {equal.n:,} records compared"
            yield Caveat(
                title=f"Answers differ{when}",
                text=f"{counts} are not the same with both sides. Faults can leave either side with records "
                "undelivered; without faults there should be none.",
                short=f"Answers differ in {counts}." if is_serious else "",
            )


def _blocks(db: Database, question: Question, reading: Reading) -> Caveat:
    unit = block_word(reading.mode)
    blocks = plural(reading.blocks, unit)
    is_one = reading.blocks == 1
    rounds = side_totals(db, question, question.subject).rounds or 1
    passes = f" Each is the mean of {rounds} passes, which are not more {unit}s." if rounds > 1 else ""
    text = (
        f"Runs of one {unit} are alike, so {blocks} "
        f"{'is one independent observation' if is_one else f'are {reading.blocks} independent observations'}, "
        f"however many runs {'it has' if is_one else 'they have'}.{passes}"
    )
    short = f"{blocks} of evidence: runs of one {unit} are alike, however many there are"
    covered = (
        f"; both sides have {_coverage(reading)} of the work, the rest is left out." if _is_partial(reading) else "."
    )
    return Caveat(
        title=f"{blocks} of evidence", text=text if reading.blocks < FEW_BLOCKS else "", short=short + covered
    )  # fmt: skip


def _assumed_noise(reading: Reading) -> Iterator[Caveat]:
    """Yield a caveat where the range rests on an assumed noise."""
    if reading.note:
        text = f"{reading.note[:1].upper()}{reading.note[1:]}."
        yield Caveat(title="Hardly any variation", text=text, short=text)


def _is_partial(reading: Reading) -> bool:
    return reading.coverage is not None and reading.coverage < 1


def _coverage(reading: Reading) -> str:
    coverage = reading.coverage or 0.0
    return percent(coverage, digits_apart(coverage, 1.0))


def _one_sided_blocks(db: Database, question: Question, reading: Reading) -> Iterator[Caveat]:
    """Yield the number of blocks with one side only; where readings are not paired, each side counts with all."""
    if not reading.paired:
        return
    rows = comparison.block_series(db, question)
    one_sided = [row for row in rows if row["subject_busy_s"] is None or row["control_busy_s"] is None]
    if one_sided:
        blocks = plural(len(one_sided), block_word(reading.mode))
        text = f"Only one side was measured in {blocks}; they count for neither."
        yield Caveat(title=f"{blocks} left out", text=text)


def _mix(db: Database, question: Question, reading: Reading) -> Caveat:
    pinned = "not pinned yet" if pinned_since(db, question) is None else "pinned"
    covered = "Both sides have all of it."
    if _is_partial(reading):
        covered = f"Both sides have {_coverage(reading)} of that work; the rest is left out."
    return Caveat(
        title="The mix is held constant",
        text=f"Feeds and file sizes have the weights that they had with the monolith (weights {pinned}), so the "
        f"headline can differ from the plain sums in the charts. {covered}",
    )


def _control_against_itself(db: Database, question: Question) -> Caveat:
    shown = against_itself(db, question)
    if shown is None:
        return Caveat(
            title="No A/A check yet",
            text="The monolith has not been measured against itself, which should show no gain.",
            short="The monolith was not measured against itself, which should show no gain.",
        )
    return Caveat(
        title="The monolith against itself",
        text=f"Measured twice, it shows {shown}; it should show none.",
        short=f"The monolith against itself shows {shown}; it should show none.",
    )


def _blocked_time(db: Database, question: Question) -> Iterator[Caveat]:
    ours, theirs = (side_totals(db, question, name).blocked_s for name in (question.subject, question.control))
    if ours or theirs:
        yield Caveat(
            title="Time-outs are not counted",
            text="Time blocked on requests that timed out is not in the headline: "
            f"{duration(theirs)} of the monolith, {duration(ours)} of the service.",
        )


def against_itself(db: Database, question: Question) -> str | None:
    """Return the gain of the monolith measured against itself, "1.2% more time, likely ..."; None if not measured."""
    reading = comparison.busy_time_saved(db, replace(question, subject=SECOND_CONTROL, series=None))
    if reading.estimate is None:
        return None
    likely = span(reading.low, reading.high)
    return f"{gained(reading.estimate, reading.low, reading.high)}{f', likely {likely}' if likely else ''}"


def describe_measurement(verdicts: Iterable[Verdict], head: HeadlineCandidate | None) -> tuple[str, ...]:
    """Each way of measuring that a number rests on, the answer's first, and what the two main numbers mean."""
    readings = [head.reading] if head else []
    readings += [c.reading for v in reversed(list(verdicts)) for c in v.criteria if c.reading is not None]
    ways = tuple(dict.fromkeys(_way(reading) for reading in readings if reading.estimate is not None))
    unit = block_word(readings[0].mode if readings else "replay")
    more = (f"{plural(len(ways) - MOST + 1, 'more way')} of measuring in `milepost roadmap report`.",)
    shown = ways if len(ways) <= MOST else ways[: MOST - 1] + more
    return (
        *shown,
        SAVED,
        f"Likely: a range over {unit}s, not runs, that stays honest however often it is looked at.",
    )


def _way(reading: Reading) -> str:
    hashed = f" ({reading.faults_sha256[:12]})" if reading.faults_sha256 else ""
    grade = reading.grade or "D"
    series = f", series {reading.series}" if reading.series else ""
    return f"Grade {grade}: {GRADES[grade]}; {FAULTS_NAME[reading.faults]}{hashed}{series}, method {reading.method}."
