"""How feeds stand, in the words of the pages: states with their rules, and one row a feed, the worst first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dashboard.filters.partner_slug import display_name, encode_partner
from dashboard.queries.partners import RECENT_DAYS, SHOWN_FAULTS
from metrics.queries.feed_health import MIN_EXCHANGES
from metrics.question import block_word
from roadmap.wording import dates, gains, numbers, text
from roadmap.wording import numbers as wording_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dashboard.queries.partners import FailureRate, FeedGains, PartnersOverview
    from metrics.queries.feed_health import FeedState

#: What is shown of a feed that only the monolith has exchanged.
MONOLITH_ONLY = "not_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStateLabel:
    """A state in words; `chip` is the look of it, that of a milestone's status."""

    name: str
    said: str
    chip: str
    when: str


#: All states, the worst first.
STATES = (
    FeedStateLabel(
        name="action_needed",
        said="action needed",
        chip="at_risk",
        when="The last exchange that ended was refused, failed, unclear or cut short, and none has gone through since. "
        "It waits for a person.",
    ),
    FeedStateLabel(
        name="not_arriving",
        said="not arriving",
        chip="missed",
        when="Nothing has come for more than three times the usual gap between files, and for that gap and one block "
        "at least.",
    ),
    FeedStateLabel(
        name="late",
        said="late",
        chip="stalled",
        when="The newest exchange failed and goes on by itself, or is under way for longer than 95 of 100 take.",
    ),
    FeedStateLabel(
        name="too_little",
        said="too few runs",
        chip="insufficient",
        when=f"Fewer than {MIN_EXCHANGES} exchanges, which tell nothing of what is usual.",
    ),
    FeedStateLabel(
        name=MONOLITH_ONLY,
        said="not with the service yet",
        chip="not_started",
        when="Only the monolith has exchanged it so far.",
    ),
    FeedStateLabel(
        name="on_time", said="on time", chip="on_track", when="Files come as usual, and the last one went through."
    ),
)

STATES_BY_NAME = {state.name: state for state in STATES}
STATE_ORDER = {state.name: place for place, state in enumerate(STATES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """One feed as a table shows it. A set of keys leads to the list of runs that the number beside it counts."""

    partner: str
    feed: str
    name: str  #: of the partner, as people read it
    feed_name: str
    address: str
    state: FeedStateLabel
    since: str = ""
    why: str = ""
    good: str = "never"
    good_run: int | None = None
    failed: int | None = None  #: None: nothing was exchanged in these days
    exchanges: int = 0
    rate: str = "no runs"  #: "" of few exchanges
    failed_keys: Mapping[str, Any] = field(default_factory=dict)
    exchanges_keys: Mapping[str, Any] = field(default_factory=dict)
    gain: str = "not measured"
    gain_note: str = ""
    gain_known: bool = False
    gain_keys: Mapping[str, Any] = field(default_factory=dict)
    gap: str = "not known yet"
    delay: str = "not known yet"
    delay_most: str = "not known yet"
    side: str = ""
    runs: int | None = None
    runs_keys: Mapping[str, Any] = field(default_factory=dict)


def feed_rows(known: PartnersOverview, stands: Mapping[tuple[str, str], FeedState], mode: str) -> tuple[FeedRow, ...]:
    """Every feed that has a run of either side, the worst first; those that stand alike by how often they fail."""
    found = [feed_row(known, stands.get(pair), pair, mode) for pair in known.feeds]
    return tuple(
        sorted(found, key=lambda one: (STATE_ORDER[one.state.name], -_failure_share(one), one.partner, one.feed))
    )


def _failure_share(row: FeedRow) -> float:
    return (row.failed or 0) / row.exchanges if row.exchanges else 0.0


def feed_row(known: PartnersOverview, state: FeedState | None, pair: tuple[str, str], mode: str) -> FeedRow:
    """One feed in words."""
    partner, feed = pair
    told: dict[str, Any] = {
        "partner": partner, "feed": feed, "name": display_name(partner), "feed_name": display_name(feed),
        "address": encode_partner(partner), "state": STATES_BY_NAME[MONOLITH_ONLY],
        "why": STATES_BY_NAME[MONOLITH_ONLY].when,
    }  # fmt: skip
    if state is None:
        return FeedRow(**told)
    faults = SHOWN_FAULTS[mode]
    told |= {
        "state": STATES_BY_NAME[state.state],
        "since": f"since {_format_day(state.since_us)}" if state.since_us is not None else "",
        "why": _describe_reason(state),
        "good": "never" if state.last_good_at_us is None else _format_day(state.last_good_at_us),
        "good_run": state.last_good_run_id,
        "gap": "not known yet" if state.usual_gap_s is None else describe_duration(state.usual_gap_s),
        "delay": "not known yet" if (wait_s := delivery_waits_s(state)[0]) is None else describe_duration(wait_s),
        "delay_most": "not known yet" if (most_s := delivery_waits_s(state)[1]) is None else describe_duration(most_s),
        "side": state.side,
        "runs": state.runs,
        "runs_keys": {"side": state.side, "partner": partner, "feed": feed, "faults": faults},
    }
    if rate := known.rates.get(pair):
        enough = rate.exchanges >= wording_numbers.MIN_EXCHANGES_FOR_RATE
        told |= {
            "failed": rate.failed, "exchanges": rate.exchanges, "failed_keys": failed_run_keys(rate, pair, faults),
            "exchanges_keys": failed_run_keys(rate, pair, faults) | {"state": "ended"},
            "rate": wording_numbers.rate(rate.failed / rate.exchanges, None) if enough else "",
        }  # fmt: skip
    else:
        told["rate"] = f"no runs in {RECENT_DAYS} days"
    return FeedRow(**told, **_gain(known.gains, pair, mode))


def delivery_waits_s(state: FeedState) -> tuple[float | None, float | None]:
    """The usual wait for a delivery and the longest of 95 in 100, in seconds; None of too few exchanges to tell."""
    return (None, None) if state.exchanges < MIN_EXCHANGES else (state.delay_p50_s, state.delay_p95_s)


def _describe_reason(state: FeedState) -> str:
    """Why a feed stands as it does; nothing where all is well."""
    if state.state == "on_time":
        return ""
    return text.sentence(state.why)


def failed_run_keys(rate: FailureRate, pair: tuple[str, str], faults: str) -> dict[str, Any]:
    """What picks the failed first attempts that a rate counts."""
    return {
        "side": rate.side, "state": "failed", "partner": pair[0], "feed": pair[1], "faults": faults,
        "from_": rate.first, "to": rate.last, "attempt": "first",
    }  # fmt: skip


def _gain(gained: FeedGains, pair: tuple[str, str], mode: str) -> dict[str, Any]:
    """A gain with its range, or what is missing; a number without a range is none to show."""
    reading = gained.readings.get(pair)
    if reading is None or reading.estimate is None or not reading.blocks:
        return {}
    if reading.low is None or reading.high is None:
        unit = block_word(mode)
        have = f"{reading.blocks} of {numbers.plural(gained.min_blocks, unit)}"
        return {"gain": "too few runs", "gain_note": have}
    digits = numbers.digits_for(reading.low, reading.high)
    clear = reading.low > 0 or reading.high < 0
    return {
        "gain": gains.gained(reading.estimate, reading.low, reading.high) if clear else "no clear difference",
        "gain_note": describe_range(reading.low, reading.high, digits),
        "gain_known": True,
        "gain_keys": {"counted": gained.key, "partner": pair[0], "feed": pair[1]} if pair in gained.linkable else {},
    }


def describe_range(low: float, high: float, digits: int) -> str:
    """A range of a gain: "likely 60% to 70%", with its direction where it is not "less"."""
    if high < 0:
        return f"likely {numbers.percent(-high, digits)} to {numbers.percent(-low, digits)} more"
    if low <= 0:
        return f"likely {_bound(low, digits)} to {_bound(high, digits)}"
    return f"likely {numbers.percent(low, digits)} to {numbers.percent(high, digits)}"


def _bound(share: float, digits: int) -> str:
    return gains.less_time(share, digits).removesuffix(" time").replace("the same", "the same time")


def describe_duration(seconds: float) -> str:
    """A length of time: as durations are written, and in days where it is a day or more."""
    days = seconds / 86_400
    if days < 1:
        return wording_numbers.duration(seconds)
    return numbers.plural(round(days), "day") if abs(days - round(days)) < 0.05 else f"{days:,.1f} days"


def count_states(found: Iterable[FeedRow]) -> tuple[tuple[FeedStateLabel, int], ...]:
    """How many feeds are in each state, the worst first; states that none is in are left out."""
    counts = dict.fromkeys(STATES_BY_NAME, 0)
    for one in found:
        counts[one.state.name] += 1
    return tuple((STATES_BY_NAME[name], many) for name, many in counts.items() if many)


def _format_day(at_us: int) -> str:
    return dates.day(datetime.fromtimestamp(at_us / 1e6, UTC).date())
