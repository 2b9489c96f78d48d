"""What could make the answer wrong, and how it was measured, a line each: for the printed page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from metrics.measures import comparison
from metrics.question import block_word
from roadmap.wording.gains import FAULTS_NAME, gained
from roadmap.wording.numbers import digits_apart, percent, plural, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlite_utils import Database

    from metrics.measures.reading import Reading
    from metrics.question import Question
    from roadmap.model import Verdict
    from roadmap.report.headline import HeadlineCandidate

#: How many lines of either there is room for.
MOST = 3

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


def list_caveats(db: Database | None, head: HeadlineCandidate | None) -> tuple[str, ...]:
    """The gravest things to bear in mind about the answer, three at most."""
    if db is None or head is None:
        return ("Nothing was measured, so nothing here can be wrong yet but the plan.",)
    if not head.reading.blocks:
        return ("Nothing is compared yet, so nothing is known of the time saved.",)
    return tuple(_doubts(db, head))[:MOST]


def _doubts(db: Database, head: HeadlineCandidate) -> Iterator[str]:
    reading = head.reading
    if reading.mode == "replay":
        yield "A replay, not production: durations are real; the calendar and a partner that fails by plan are not."
    else:
        yield f"Evidence of grade {reading.grade or 'D'}: {GRADES[reading.grade or 'D']}."
    quiet = replace(head.asked, faults="none", series=None) if reading.mode == "replay" else head.asked
    same = comparison.answers_equal(db, quiet)
    if same.estimate is None:
        yield "Whether the partner got the same records from both sides is not recorded."
    elif same.estimate < 1:
        yield f"Answers differ in {round((1 - same.estimate) * same.n):,} of {same.n:,} records compared."
    yield _blocks(reading)
    shown = against_itself(db, head.asked)
    if shown is None:
        yield "The monolith was not measured against itself, which should show no gain."
    else:
        yield f"The monolith against itself shows {shown}; it should show none."


def _blocks(reading: Reading) -> str:
    unit = block_word(reading.mode)
    said = f"{plural(reading.blocks, unit)} of evidence: runs of one {unit} are alike, however many there are"
    if reading.coverage is not None and reading.coverage < 1:
        digits = digits_apart(reading.coverage, 1.0)
        return f"{said}; both sides have {percent(reading.coverage, digits)} of the work, the rest is left out."
    return f"{said}."


def against_itself(db: Database, asked: Question) -> str | None:
    """What the monolith shows against itself where the service is asked about: "1.2% more time, likely ...".

    It should show none. None: it was not measured.
    """
    found = comparison.busy_time_saved(db, replace(asked, subject=SECOND_CONTROL, series=None))
    if found.estimate is None:
        return None
    likely = span(found.low, found.high)
    return f"{gained(found.estimate, found.low, found.high)}{f', likely {likely}' if likely else ''}"


def describe_measurement(verdicts: Iterable[Verdict], head: HeadlineCandidate | None) -> tuple[str, ...]:
    """Each way of measuring that a number rests on, the answer's first, and what the two main numbers mean."""
    found = [head.reading] if head else []
    found += [c.reading for v in reversed(list(verdicts)) for c in v.criteria if c.reading is not None]
    ways = tuple(dict.fromkeys(_way(reading) for reading in found if reading.estimate is not None))
    unit = "day" if found and found[0].mode == "live" else "week"
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
