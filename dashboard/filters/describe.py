"""A run filter in words: the fields of its form, its fixed parts, and its description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.filters.query_string import join_values
from dashboard.labels import NO_REASON, STATE_LABELS
from metrics.measures.registry import MEASURES
from metrics.queries.run_filter import NO_ERROR_RECORDED
from roadmap.wording import dates, gains, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dashboard.filters.parse import ParsedFilter
    from metrics.queries.run_grid import FilterChoices

#: Keys that the form sets, in this order.
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
    """One field of the form: a key of the query string with its choices."""

    key: str
    label: str
    choices: tuple[FormChoice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterPart:
    """A part of a filter: its description, and the address without it."""

    label: str
    without: str


def form_fields(parsed: ParsedFilter, choices: FilterChoices, keys: Sequence[str] = FORM_KEYS) -> tuple[FormField, ...]:
    """Return the fields of the form; the current value is always among a field's choices."""
    labels: dict[str, dict[str, str]] = {
        "side": SIDES | {name: name for name in choices.sides},
        "state": dict(STATE_LABELS),
        "partner": {join_values((name,)): name for name in choices.partners},
        "feed": {join_values((name,)): name for name in choices.feeds},
        "faults": {join_values((name,)): gains.FAULTS_NAME.get(name, name) for name in choices.faults},
        "range": dict(RANGES),
        "attempt": dict(ATTEMPTS),
    }
    in_store = {"side": choices.sides, "partner": choices.partners, "feed": choices.feeds, "faults": choices.faults}
    fields = []
    for key in keys:
        current = parsed.keys.get(key, "")
        if not current and len(in_store.get(key, ("", ""))) < 2:
            continue  # there is nothing to choose
        offered = {"": "any"} | labels[key]
        if current and current not in offered:
            offered[current] = phrases(parsed)[key]
        options = (FormChoice(value=value, label=label, chosen=value == current) for value, label in offered.items())
        fields.append(FormField(key=key, label=LABELS[key], choices=tuple(options)))
    return tuple(fields)


def filter_parts(parsed: ParsedFilter, address: Callable[..., str]) -> tuple[FilterPart, ...]:
    """Return all parts of a filter: those that the form sets, then days, a reading, a fingerprint, a reason."""
    texts = phrases(parsed)
    parts: list[tuple[tuple[str, ...], str]] = [
        ((key,), f"{LABELS[key]}: {texts[key]}") for key in FORM_KEYS if key in parsed.keys and key in texts
    ]
    if parsed.keys.keys() & {"from", "to"}:
        parts.append((("from", "to"), texts["days"]))
    parts += [((key,), texts[key]) for key in ("counted", "fingerprint", "aside") if key in texts]
    return tuple(
        FilterPart(label=label, without=address(**parsed.with_changes(**dict.fromkeys(keys)))) for keys, label in parts
    )


def phrases(parsed: ParsedFilter) -> Mapping[str, str]:
    """Return each key of a filter in words; `days` stands for both `from` and `to`."""
    runs = parsed.run_filter
    texts: dict[str, Any] = {
        "side": join_with_or([SIDES.get(name, name) for name in runs.sides]),
        "state": join_with_or([STATE_LABELS[name] for name in runs.states]),
        "partner": join_with_or(runs.partners),
        "feed": join_with_or(runs.feeds),
        "faults": join_with_or([gains.FAULTS_NAME.get(name, name) for name in runs.faults]),
        "attempt": ATTEMPTS.get(runs.attempt, ""),
        "days": _days_phrase(parsed),
    }
    if runs.known_by:  # the form has no field for it: only the way back to today removes it
        texts["known"] = f"known by the end of {dates.day(runs.known_by)}"
    if runs.reason:
        texts["aside"] = f"quarantined: {NO_REASON if runs.reason == NO_ERROR_RECORDED else runs.reason}"
    if runs.fingerprint:
        unrecorded = runs.fingerprint == NO_ERROR_RECORDED
        texts["fingerprint"] = (
            "failures without a recorded error" if unrecorded else f"failures alike ({runs.fingerprint})"
        )
    if text := parsed.keys.get("range"):
        texts["range"] = RANGES.get(text, f"last {numbers.plural(int(text[:-1]), 'day')}")
    if text := parsed.keys.get("counted"):
        texts["counted"] = _counted_phrase(parsed, text)
    return {key: text for key, text in texts.items() if text}


def _counted_phrase(parsed: ParsedFilter, name: str) -> str:
    """Return the name of a reading, `CODE:MEASURE:FAULTS` or with `:control`, in words."""
    counted = parsed.run_filter.counted
    code, measure, faults, *side = name.split(":")
    if counted:  # in production all faults are real, whatever the plan names
        faults = counted.faults
    title = f"{MEASURES[measure].title[:1].lower()}{MEASURES[measure].title[1:]}"
    text = f"counted by {code} for {title}, {gains.FAULTS_NAME.get(faults, faults)}"
    return f"{text}, of the control" if side else text


def count_sentence(parsed: ParsedFilter, count: int, noun: str = "run") -> str:
    """Return the count with the description: "1,234 runs: service@3, failed, UA"."""
    return f"{numbers.plural(count, noun)}{describe(parsed)}"


#: Keys of `phrases`, in the order of a description.
PHRASE_ORDER = (
    "counted", "side", "state", "partner", "feed", "faults", "range", "days", "attempt", "fingerprint", "aside",
    "known",
)  # fmt: skip


def describe(parsed: ParsedFilter) -> str:
    """Return the description that follows a count: ": service@3, failed, UA"."""
    texts, whole_blocks = phrases(parsed), _whole_blocks_phrase(parsed)
    parts = [texts[key] + (whole_blocks if key in {"range", "days"} else "") for key in PHRASE_ORDER if key in texts]
    return f": {', '.join(parts)}" if parts else ", all there are"


def _days_phrase(parsed: ParsedFilter) -> str:
    has_first, has_last = ("from" in parsed.keys, "to" in parsed.keys)
    first, last = parsed.run_filter.first, parsed.run_filter.last
    if has_first and has_last and first and last:
        return dates.day_span(first, last)
    if has_first and first:
        return f"from {dates.day(first)}"
    return f"until {dates.day(last)}" if last else ""


def _whole_blocks_phrase(parsed: ParsedFilter) -> str:
    """Return the whole weeks that a filter reaches beyond its days: ", in whole weeks 23 to 31 Dec 2013"."""
    first, last = parsed.run_filter.first, parsed.run_filter.last
    reach = parsed.block_range
    if reach is None or not ((first and reach[0] < first) or (last and reach[1] > last)):
        return ""
    return f", in whole weeks {dates.day_span(*reach)}"


def join_with_or(names: Sequence[str]) -> str:
    """Return names as a choice: "UA, DL or AA"."""
    return " or ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)
