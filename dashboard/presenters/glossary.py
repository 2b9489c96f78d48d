"""What the words of the pages mean: statuses, verdicts, grades and answers, each with its rule in plain words.

The words come from the rooms that use them, and so do the numbers in the rules. A test holds that no word is without a
rule. No store, no request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from roadmap.criteria import GRADES
from roadmap.forecast.forecast import MIN_POINTS
from roadmap.judge.advice import BY_STATUS
from roadmap.judge.reasons import FIRST_LEAST_DAYS, FIRST_MOST_DAYS, FIRST_SHARE, QUIET_WORKING_DAYS, would_change
from roadmap.wording import gains as roadmap_answers
from roadmap.wording import gains as roadmap_gain
from roadmap.wording import numbers, text
from roadmap.wording.gains import RunsOfBothSides
from roadmap.wording.verdicts import STATUS, VERDICT


@dataclass(frozen=True, slots=True, kw_only=True)
class GlossaryEntry:
    """One word with what it means; `then` is what follows from it, or what would change it."""

    name: str
    said: str
    when: str
    then: str = ""


STATUS_WHEN = {
    "proven": "Every required measure is met and every guardrail held, in one look at a block that is over. A proof "
    "stays, with the evidence it was given on; one that comes late says so, and what is lost afterwards is told as "
    "regressed.",
    "paused": "Only by a recorded decision, until its last day or a decision to resume.",
    "stopped": "Only by a recorded decision.",
    "not_started": "Its start lies ahead; or its service level is not built, and first evidence is not due yet.",
    "missed": "Its due date is past, and it is not proven.",
    "stalled": f"No first evidence after {numbers.percent(FIRST_SHARE)} of its time (not before day "
    f"{FIRST_LEAST_DAYS}, not after day {FIRST_MOST_DAYS}); or "
    f"{QUIET_WORKING_DAYS} working days without a measured run, a decision, or "
    "anything else that is evidence.",
    "at_risk": "A fact: too few blocks are left until the due date, the best that can still come of a target falls "
    "short of it, a measure is not met, a guardrail is breached, or more was spent than planned. Or a forecast: a "
    f"proof in time is less likely than not, or expected too late; no forecast is made before {MIN_POINTS} blocks.",
    "insufficient": "A target that is required has too little evidence for a verdict, or evidence that cannot count.",
    "on_track": "None of all this: targets are reached or open, and none of them has failed.",
}

VERDICT_WHEN = {
    "met": "The whole likely range reaches the target; of a census, the count does.",
    "not_met": "The whole likely range falls short of the target; of a census, the count does.",
    "inconclusive": "The target lies inside the likely range.",
    "insufficient": "There is too little evidence for a verdict; what is missing is named.",
    "invalid": "The evidence is of a weaker grade than is asked for, or covers too little of the work.",
    "held": "A guardrail whose whole likely range, or whose count, stays inside its margin.",
    "breached": "A guardrail whose whole likely range, or whose count, lies outside its margin.",
    "unproven": "A guardrail of which neither can be said yet. No evidence is never good evidence.",
}

GRADE_WHEN = {
    "A": "Production, both sides on the same days with the very same files.",
    "B": "A replay: both sides on the same files, on one machine, against a partner that misbehaves by plan.",
    "C": "Production, both sides on the same days; it is not known that they had the same files.",
    "D": "History: anything compared with what lies in the past, or read from a log that somebody else wrote.",
}


def status_entries() -> tuple[GlossaryEntry, ...]:
    """All statuses in the order in which they are tried, with what the findings alone would have people decide."""
    return tuple(
        GlossaryEntry(name=name, said=said, when=STATUS_WHEN[name], then=_advice_of(name))
        for name, said in STATUS.items()
    )


def _advice_of(status: str) -> str:
    """What a status alone would have people decide; "" where only a decision sets it."""
    return text.sentence(BY_STATUS[status][1]) if status in BY_STATUS else ""


def verdict_entries(block_days: int) -> tuple[GlossaryEntry, ...]:
    """All verdicts on a target, with what would change them."""
    settled = {"met", "held"}
    return tuple(
        GlossaryEntry(
            name=name,
            said=said,
            when=VERDICT_WHEN[name],
            then="" if name in settled else text.sentence(would_change(name, block_days)),
        )
        for name, said in VERDICT.items()
    )


def grade_entries() -> tuple[GlossaryEntry, ...]:
    """All grades of evidence, the strongest first."""
    return tuple(GlossaryEntry(name=grade, said=grade, when=GRADE_WHEN[grade]) for grade in reversed(GRADES))


#: A gain that nobody measured, for the examples below.
_EXAMPLE_GAIN = roadmap_gain.Gain(
    estimate=0.61, low=0.57, high=0.65, target=0.60, blocks=14, min_blocks=12, today=date(2013, 5, 1),
    start=date(2013, 1, 1), due=date(2013, 6, 30), code="M6",
)  # fmt: skip


def _example(low: float, estimate: float, high: float, **others: object) -> roadmap_gain.Gain:
    given = {name: getattr(_EXAMPLE_GAIN, name) for name in _EXAMPLE_GAIN.__slots__}
    return roadmap_gain.Gain(**{**given, "low": low, "estimate": estimate, "high": high, **others})


#: When each answer is given, and a made-up gain that is answered so.
SITUATIONS = {
    "proven": ("The range beats the target.", _example(0.63, 0.65, 0.67)),
    "target_reached": (
        "The range beats the target, and the milestone still lacks another of its targets.",
        _example(0.63, 0.65, 0.67, lacks="records lost"),
    ),
    "not_proven": ("The range straddles the target.", _EXAMPLE_GAIN),
    "short": ("The range misses the target, and there is time left.", _example(0.54, 0.55, 0.56)),
    "missed": (
        "The range misses the target, and the due date is past.", _example(0.54, 0.55, 0.56, due=date(2013, 4, 30)),
    ),
    "no_difference": ("The range includes no gain at all.", _example(-0.02, 0.01, 0.04)),
    "slower": ("The whole range is on the wrong side.", _example(-0.12, -0.10, -0.08)),
    "measured": ("There is a range, and no target was set.", _example(0.57, 0.61, 0.65, target=None)),
    "early": ("There are too few blocks for a range.", _example(0.57, 0.61, 0.65, blocks=6, today=date(2013, 2, 10))),
    "one_sided": (
        "Only one side has run, or both with nothing in common to compare.",
        _example(
            0, 0, 0, blocks=0,
            sides=RunsOfBothSides(subject="service@1", control="monolith", subject_runs=3, control_runs=0, why=""),
        ),
    ),
    "none": ("Nothing was measured.", _example(0, 0, 0, blocks=0, start=date(2013, 2, 1), today=date(2013, 1, 10))),
    "regressed": (
        "It was proven, and a later look is worse.", _example(0.57, 0.61, 0.65, proven_on=date(2013, 4, 1)),
    ),
}  # fmt: skip


def answer_entries() -> tuple[GlossaryEntry, ...]:
    """Every answer that a gain can get, made by the code that gives it."""
    found = []
    for name, (when, gain) in SITUATIONS.items():
        told = roadmap_answers.answer(gain)
        found.append(GlossaryEntry(name=name, said=told.headline, when=when, then=told.detail))
    return tuple(found)
