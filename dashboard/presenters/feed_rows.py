"""Feeds with their states, failures and gains, as rows of the partners pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dashboard.filters.partner_slug import display_name, encode_partner
from dashboard.queries.partners import RECENT_DAYS, SHOWN_FAULTS
from metrics.queries.feed_health import MIN_EXCHANGES
from metrics.question import block_word
from roadmap.wording import dates, gains, numbers, sentences

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dashboard.queries.partners import FailureRate, FeedGains, PartnersOverview
    from metrics.queries.feed_health import FeedState

#: The state of a feed that only the monolith has exchanged.
MONOLITH_ONLY = "not_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStateLabel:
    """A state of a feed: its label, its rule, and the milestone status whose chip it looks like."""

    name: str
    label: str
    chip: str
    rule: str


#: All states, the worst first.
STATES = (
    FeedStateLabel(
        name="action_needed",
        label="action needed",
        chip="at_risk",
        rule="The last exchange that ended was refused, failed, ambiguous or abandoned, and none has succeeded since; "
        "or something else of the feed waits for a person.",
    ),
    FeedStateLabel(
        name="partner_down",
        label="partner down",
        chip="missed",
        rule="The partner does not accept deliveries now; they are tried again automatically.",
    ),
    FeedStateLabel(
        name="not_arriving",
        label="not arriving",
        chip="missed",
        rule="An expected file has not come; or no file has come for more than three times the usual gap between "
        "files, and for that gap and one block at least.",
    ),
    FeedStateLabel(
        name="late",
        label="late",
        chip="stalled",
        rule="A file failed and is retried by itself, or the newest exchange has been running for longer than 95 of "
        "100 take.",
    ),
    FeedStateLabel(
        name="too_little",
        label="too few runs",
        chip="insufficient",
        rule=f"Fewer than {MIN_EXCHANGES} exchanges, too few to know what is usual.",
    ),
    FeedStateLabel(
        name=MONOLITH_ONLY,
        label="not with the service yet",
        chip="not_started",
        rule="Only the monolith has exchanged it so far.",
    ),
    FeedStateLabel(
        name="on_time", label="on time", chip="on_track", rule="Files come as usual, and the last exchange succeeded."
    ),
)

STATES_BY_NAME = {state.name: state for state in STATES}
STATE_ORDER = {state.name: number for number, state in enumerate(STATES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """One feed as text. Each set of query keys picks exactly the runs that the number of its name counts."""

    partner: str
    feed: str
    name: str  #: of the partner, to show
    feed_name: str
    address: str
    state: FeedStateLabel
    since: str = ""
    why: str = ""
    last_good: str = "never"
    last_good_run: int | None = None
    failed: int | None = None  #: None: no exchange in the recent days
    exchanges: int = 0
    rate: str = "no runs"  #: "" where there are few exchanges
    failed_keys: Mapping[str, Any] = field(default_factory=dict)
    exchanges_keys: Mapping[str, Any] = field(default_factory=dict)
    gain: str = "not measured"
    gain_note: str = ""
    has_gain: bool = False
    gain_keys: Mapping[str, Any] = field(default_factory=dict)
    gap: str = "not known yet"
    delay: str = "not known yet"
    delay_p95: str = "not known yet"
    side: str = ""
    runs: int | None = None
    runs_keys: Mapping[str, Any] = field(default_factory=dict)


def feed_rows(
    overview: PartnersOverview, states: Mapping[tuple[str, str], FeedState], mode: str
) -> tuple[FeedRow, ...]:
    """Return every feed with a run of either side by state, the worst first, then by failure rate."""
    rows = [feed_row(overview, states.get(pair), pair, mode) for pair in overview.feeds]
    return tuple(
        sorted(rows, key=lambda row: (STATE_ORDER[row.state.name], -_failure_share(row), row.partner, row.feed))
    )


def _failure_share(row: FeedRow) -> float:
    return (row.failed or 0) / row.exchanges if row.exchanges else 0.0


def feed_row(overview: PartnersOverview, state: FeedState | None, pair: tuple[str, str], mode: str) -> FeedRow:
    """Return one feed as a row."""
    partner, feed = pair
    fields: dict[str, Any] = {
        "partner": partner, "feed": feed, "name": display_name(partner), "feed_name": display_name(feed),
        "address": encode_partner(partner), "state": STATES_BY_NAME[MONOLITH_ONLY],
        "why": STATES_BY_NAME[MONOLITH_ONLY].rule,
    }  # fmt: skip
    if state is None:
        return FeedRow(**fields)
    faults = SHOWN_FAULTS[mode]
    fields |= {
        "state": STATES_BY_NAME[state.state],
        "since": f"since {_format_day(state.since_us)}" if state.since_us is not None else "",
        "why": _describe_reason(state),
        "last_good": "never" if state.last_good_at_us is None else _format_day(state.last_good_at_us),
        "last_good_run": state.last_good_run_id,
        "gap": "not known yet" if state.usual_gap_s is None else describe_duration(state.usual_gap_s),
        "delay": "not known yet" if (wait_s := delivery_waits_s(state)[0]) is None else describe_duration(wait_s),
        "delay_p95": "not known yet" if (most_s := delivery_waits_s(state)[1]) is None else describe_duration(most_s),
        "side": state.side,
        "runs": state.runs,
        "runs_keys": {"side": state.side, "partner": partner, "feed": feed, "faults": faults},
    }
    if rate := overview.rates.get(pair):
        enough = rate.exchanges >= numbers.MIN_EXCHANGES_FOR_RATE
        fields |= {
            "failed": rate.failed, "exchanges": rate.exchanges, "failed_keys": failed_run_keys(rate, pair, faults),
            "exchanges_keys": failed_run_keys(rate, pair, faults) | {"state": "ended"},
            "rate": numbers.rate(rate.failed / rate.exchanges, None) if enough else "",
        }  # fmt: skip
    else:
        fields["rate"] = f"no runs in {RECENT_DAYS} days"
    return FeedRow(**fields, **_gain(overview.gains, pair, mode))


def delivery_waits_s(state: FeedState) -> tuple[float | None, float | None]:
    """Return the median and the 95th percentile of the wait for a delivery, in seconds; None with too few exchanges."""
    return (None, None) if state.exchanges < MIN_EXCHANGES else (state.delay_p50_s, state.delay_p95_s)


def _describe_reason(state: FeedState) -> str:
    """Return the reason of a state; "" where the feed is on time."""
    if state.state == "on_time":
        return ""
    return sentences.sentence(state.why)


def failed_run_keys(rate: FailureRate, pair: tuple[str, str], faults: str) -> dict[str, Any]:
    """Return the query keys of the failed first attempts that a rate counts."""
    return {
        "side": rate.side, "state": "failed", "partner": pair[0], "feed": pair[1], "faults": faults,
        "from_": rate.first, "to": rate.last, "attempt": "first",
    }  # fmt: skip


def _gain(feed_gains: FeedGains, pair: tuple[str, str], mode: str) -> dict[str, Any]:
    """Return the fields of a gain with its range, or what is missing; a number without a range is not shown."""
    reading = feed_gains.readings.get(pair)
    if reading is None or reading.estimate is None or not reading.blocks:
        return {}
    if reading.low is None or reading.high is None:
        unit = block_word(mode)
        have = f"{reading.blocks} of {numbers.plural(feed_gains.min_blocks, unit)}"
        return {"gain": "too few runs", "gain_note": have}
    digits = numbers.digits_for(reading.low, reading.high)
    is_clear = reading.low > 0 or reading.high < 0
    return {
        "gain": gains.gained(reading.estimate, reading.low, reading.high) if is_clear else "no clear difference",
        "gain_note": describe_range(reading.low, reading.high, digits),
        "has_gain": True,
        "gain_keys": {"counted": feed_gains.key, "partner": pair[0], "feed": pair[1]}
        if pair in feed_gains.linkable
        else {},
    }


def describe_range(low: float, high: float, digits: int) -> str:
    """Return the range of a gain: "likely 60% to 70%", with its direction where it is not "less"."""
    if high < 0:
        return f"likely {numbers.percent(-high, digits)} to {numbers.percent(-low, digits)} more"
    if low <= 0:
        return f"likely {_bound(low, digits)} to {_bound(high, digits)}"
    return f"likely {numbers.percent(low, digits)} to {numbers.percent(high, digits)}"


def _bound(share: float, digits: int) -> str:
    return gains.less_time(share, digits).removesuffix(" time").replace("the same", "the same time")


def describe_duration(seconds: float) -> str:
    """Return a duration as text, in days where it is a day or longer."""
    days = seconds / 86_400
    if days < 1:
        return numbers.duration(seconds)
    return numbers.plural(round(days), "day") if abs(days - round(days)) < 0.05 else f"{days:,.1f} days"


def count_states(rows: Iterable[FeedRow]) -> tuple[tuple[FeedStateLabel, int], ...]:
    """Return the number of feeds in each state, the worst first; states without feeds are left out."""
    counts = dict.fromkeys(STATES_BY_NAME, 0)
    for row in rows:
        counts[row.state.name] += 1
    return tuple((STATES_BY_NAME[name], count) for name, count in counts.items() if count)


def _format_day(at_us: int) -> str:
    return dates.day(datetime.fromtimestamp(at_us / 1e6, UTC).date())
