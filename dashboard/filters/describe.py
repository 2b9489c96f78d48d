"""A list of runs in words: what it holds, what can be changed about it, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.filters.query_string import join_values
from dashboard.labels import STATE_LABELS
from metrics.measures.registry import MEASURES
from metrics.queries.run_filter import NO_ERROR_RECORDED
from roadmap.wording import dates, gains, numbers
from roadmap.wording import dates as wording_dates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dashboard.filters.parse import ParsedFilter
    from metrics.queries.run_grid import FilterChoices

#: What can be picked from a list in a form, in this order.
FORM_KEYS = ("side", "state", "partner", "feed", "faults", "range", "attempt")

SIDES = {"service": "service, any level"}
ATTEMPTS = {"first": "first attempts", "last": "last attempts"}
RANGES = {"1d": "last day", "7d": "last 7 days", "30d": "last 30 days", "90d": "last 90 days", "365d": "last 365 days"}
LABELS = {
    "side": "Side", "state": "Ended", "partner": "Partner", "feed": "Feed", "faults": "Faults", "range": "When",
    "attempt": "Attempt",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FormChoice:
    """One choice of a form's field."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field of the form: a key of the address, and what it can be."""

    key: str
    label: str
    choices: tuple[FormChoice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedPart:
    """Something that a form cannot set: in words, and the address without it."""

    label: str
    without: str


def form_fields(found: ParsedFilter, known: FilterChoices, keys: Sequence[str] = FORM_KEYS) -> tuple[FormField, ...]:
    """The fields of the form; what is asked for now is always among the choices."""
    offered: dict[str, dict[str, str]] = {
        "side": {"service": "service, any level"} | {name: name for name in known.sides},
        "state": dict(STATE_LABELS),
        "partner": {join_values((name,)): name for name in known.partners},
        "feed": {join_values((name,)): name for name in known.feeds},
        "faults": {join_values((name,)): gains.FAULTS_NAME.get(name, name) for name in known.faults},
        "range": dict(RANGES),
        "attempt": dict(ATTEMPTS),
    }
    fields = []
    apart = {"side": known.sides, "partner": known.partners, "feed": known.feeds, "faults": known.faults}
    for key in keys:
        now = found.keys.get(key, "")
        if not now and len(apart.get(key, ("", ""))) < 2:
            continue  # there is nothing to choose
        names = {"": "any"} | offered[key]
        if now and now not in names:
            names[now] = phrases(found)[key]
        choices = tuple(FormChoice(value=value, label=label, chosen=value == now) for value, label in names.items())
        fields.append(FormField(key=key, label=LABELS[key], choices=choices))
    return tuple(fields)


def fixed_parts(found: ParsedFilter, address: Callable[..., str]) -> tuple[FixedPart, ...]:
    """What else picks runs, as a reading or a fingerprint does, with the address of the list without it."""
    told = phrases(found)
    days = found.keys.keys() & {"from", "to"}
    marks: list[tuple[tuple[str, ...], str]] = [(("from", "to"), told["days"])] if days else []
    marks += [((key,), told[key]) for key in ("counted", "fingerprint", "aside") if key in told]
    return tuple(FixedPart(label=label, without=address(**found.but(**dict.fromkeys(keys)))) for keys, label in marks)


def phrases(found: ParsedFilter) -> Mapping[str, str]:
    """Each key of a list in words; `days` for both its days."""
    picked = found.picked
    told: dict[str, Any] = {
        "side": join_with_or([SIDES.get(name, name) for name in picked.sides]),
        "state": join_with_or([STATE_LABELS[name] for name in picked.states]),
        "partner": join_with_or(picked.partners),
        "feed": join_with_or(picked.feeds),
        "faults": join_with_or([gains.FAULTS_NAME.get(name, name) for name in picked.faults]),
        "attempt": ATTEMPTS.get(picked.attempt, ""),
        "days": _days_phrase(found),
        "fingerprint": f"failures alike ({picked.fingerprint})" if picked.fingerprint else "",
    }
    if picked.known:  # which nothing on the page takes away but the way to today's
        told["known"] = f"known by the end of {dates.day(picked.known)}"
    if picked.aside:
        told["aside"] = (
            f"rows set aside: {'reasons not recorded' if picked.aside == NO_ERROR_RECORDED else picked.aside}"
        )
    if picked.fingerprint == NO_ERROR_RECORDED:
        told["fingerprint"] = "failures that say nothing of why"
    if text := found.keys.get("range"):
        told["range"] = RANGES.get(text, f"last {numbers.plural(int(text[:-1]), 'day')}")
    if text := found.keys.get("counted"):
        code, measure, asked, *side = text.split(":")
        faults = picked.counted.faults if picked.counted else asked  # in production all are real
        about = f"{MEASURES[measure].title[:1].lower()}{MEASURES[measure].title[1:]}"
        told["counted"] = f"counted by {code} for {about}, {gains.FAULTS_NAME.get(faults, faults)}"
        told["counted"] += ", of the control" if side else ""
    return {key: text for key, text in told.items() if text}


def count_sentence(found: ParsedFilter, many: int, noun: str = "run") -> str:
    """How many there are, and of what: "1,234 runs: service@3, failed, UA"."""
    return f"{numbers.plural(many, noun)}{describe(found)}"


#: What is said of a list, in the order of a sentence.
PHRASE_ORDER = (
    "counted", "side", "state", "partner", "feed", "faults", "range", "days", "attempt", "fingerprint", "aside",
    "known",
)  # fmt: skip


def describe(found: ParsedFilter) -> str:
    """What stands after the number: ": service@3, failed, UA"."""
    told, whole = phrases(found), _whole_blocks_phrase(found)
    parts = [told[key] + (whole if key in {"range", "days"} else "") for key in PHRASE_ORDER if key in told]
    return f": {', '.join(parts)}" if parts else ", all there are"


def _days_phrase(found: ParsedFilter) -> str:
    first, last = ("from" in found.keys, "to" in found.keys)
    picked = found.picked
    if first and last and picked.first and picked.last:
        return wording_dates.day_span(picked.first, picked.last)
    if first and picked.first:
        return f"from {dates.day(picked.first)}"
    return f"until {dates.day(picked.last)}" if picked.last else ""


def _whole_blocks_phrase(found: ParsedFilter) -> str:
    """What is said of days that a list goes beyond, as it holds whole weeks: ", in whole weeks 23 to 31 Dec 2013"."""
    first, last = found.picked.first, found.picked.last
    if found.reach is None or not ((first and found.reach[0] < first) or (last and found.reach[1] > last)):
        return ""
    return f", in whole weeks {wording_dates.day_span(*found.reach)}"


def join_with_or(names: Sequence[str]) -> str:
    """Names as a choice: "UA, DL or AA"."""
    return " or ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)
