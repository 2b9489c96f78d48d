"""Glossary of the pages: statuses, verdicts, grades and answers, each with its rule.

Terms and the numbers in the rules come from the modules that apply them; a test fails on a term without a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from roadmap.forecast.forecast import MIN_POINTS
from roadmap.judge.advice import BY_STATUS
from roadmap.judge.reasons import FIRST_LEAST_DAYS, FIRST_MOST_DAYS, FIRST_SHARE, QUIET_WORKING_DAYS, would_change
from roadmap.plan.grades import GRADES
from roadmap.wording import numbers, sentences
from roadmap.wording.gains import Gain, RunsOfBothSides, answer
from roadmap.wording.verdicts import STATUS, VERDICT


@dataclass(frozen=True, slots=True, kw_only=True)
class GlossaryEntry:
    """One term with its rule; `then` is what follows from it, or what would change it."""

    name: str
    label: str
    rule: str
    then: str = ""


STATUS_WHEN = {
    "proven": "Every required measure is met and every guardrail held, in one evaluation at the end of a block. A "
    "proof stays, with its evidence; one after the due date is marked late, and what is lost afterwards is shown as "
    "regressed.",
    "paused": "Only by a recorded decision, until its last day or a decision to resume.",
    "stopped": "Only by a recorded decision.",
    "not_started": "Its start is in the future; or its service level is not built, and first evidence is not due yet.",
    "reported": "It has no measure: people report on it by check-ins, and it is never proven.",
    "missed": "Its due date is past, and it is not proven.",
    "stalled": f"No first evidence after {numbers.percent(FIRST_SHARE)} of its time (not before day "
    f"{FIRST_LEAST_DAYS}, not after day {FIRST_MOST_DAYS}); or "
    f"{QUIET_WORKING_DAYS} working days without a measured run, a decision, or "
    "anything else that is evidence.",
    "at_risk": "A fact: too few blocks are left until the due date, the best that a target can still reach falls "
    "short of it, a measure is not met, a guardrail is breached, or more was spent than planned. Or a forecast: a "
    f"proof in time is less likely than not, or expected too late; no forecast is made before {MIN_POINTS} blocks.",
    "insufficient": "A target that is required has too little evidence for a verdict, or evidence that cannot count.",
    "on_track": "None of the above: targets are reached or open, and none of them has failed.",
}

VERDICT_WHEN = {
    "met": "The whole likely range reaches the target; of a census, the count does.",
    "not_met": "The whole likely range falls short of the target; of a census, the count does.",
    "inconclusive": "The target lies inside the likely range.",
    "insufficient": "There is too little evidence for a verdict; what is missing is named.",
    "invalid": "The evidence has a weaker grade than required, or covers too little of the work.",
    "held": "A guardrail whose whole likely range, or whose count, stays inside its margin.",
    "breached": "A guardrail whose whole likely range, or whose count, lies outside its margin.",
    "unproven": "A guardrail that is neither held nor breached yet. Missing evidence never counts as good evidence.",
}

GRADE_WHEN = {
    "A": "Production, both sides on the same days with the same files.",
    "B": "A replay: both sides on the same files, on one machine, against a partner that fails by plan.",
    "C": "Production, both sides on the same days; it is not known that they had the same files.",
    "D": "History: anything compared with the past, or imported from another program's log.",
}


def status_entries() -> tuple[GlossaryEntry, ...]:
    """Return all statuses in the order in which they are tested, each with the advice that follows."""
    return tuple(
        GlossaryEntry(name=name, label=label, rule=STATUS_WHEN[name], then=_advice_of(name))
        for name, label in STATUS.items()
    )


def _advice_of(status: str) -> str:
    """Return the advice of a status; "" for one that only a decision sets."""
    return sentences.sentence(BY_STATUS[status][1]) if status in BY_STATUS else ""


def verdict_entries(block_days: int) -> tuple[GlossaryEntry, ...]:
    """Return all verdicts on a target, each with what would change it."""
    settled = {"met", "held"}
    return tuple(
        GlossaryEntry(
            name=name,
            label=label,
            rule=VERDICT_WHEN[name],
            then="" if name in settled else sentences.sentence(would_change(name, block_days)),
        )
        for name, label in VERDICT.items()
    )


def grade_entries() -> tuple[GlossaryEntry, ...]:
    """Return all grades of evidence, the strongest first."""
    return tuple(GlossaryEntry(name=grade, label=grade, rule=GRADE_WHEN[grade]) for grade in reversed(GRADES))


#: A made-up gain for the examples below.
_EXAMPLE_GAIN = Gain(
    estimate=0.61, low=0.57, high=0.65, target=0.60, blocks=14, min_blocks=12, today=date(2013, 5, 1),
    start=date(2013, 1, 1), due=date(2013, 6, 30), code="M6",
)  # fmt: skip


def _example(low: float, estimate: float, high: float, **others: object) -> Gain:
    fields = {name: getattr(_EXAMPLE_GAIN, name) for name in _EXAMPLE_GAIN.__slots__}
    return Gain(**{**fields, "low": low, "estimate": estimate, "high": high, **others})


#: When each answer is given, with a made-up gain that gets it.
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
        "It was proven, and a later evaluation is worse.", _example(0.57, 0.61, 0.65, proven_on=date(2013, 4, 1)),
    ),
}  # fmt: skip


def answer_entries() -> tuple[GlossaryEntry, ...]:
    """Return every answer that a gain can get, made by the code that gives it."""
    entries = []
    for name, (rule, gain) in SITUATIONS.items():
        text = answer(gain)
        entries.append(GlossaryEntry(name=name, label=text.headline, rule=rule, then=text.detail))
    return tuple(entries)
