"""The named measures that a milestone may use, each with its direction, unit, kind and definition.

Pages, reports and verdicts take definitions from here, so that what is said and what is computed are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from metrics.measures import comparison, effort, failure_rates, resilience, window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlite_utils import Database

    from metrics.measures.reading import Reading
    from metrics.measures.window import Window
    from metrics.question import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a number means, and how to get it."""

    name: str
    title: str  #: what people read
    direction: str  #: "at_least" or "at_most": the direction that is good
    unit: str  #: "share" (0 to 1), or the words that stand after the number: "records", "seconds", "MB", ...
    kind: str  #: "census" (everything counted) or "sampled" (judged by a bound)
    definition: str
    formula: str
    compute: Callable[[Window], Reading]  #: from rollups that are already read
    best: float  #: the best value that it can ever take
    lowest: float = 0.0  #: the least value that makes sense as a target

    def read(self, db: Database, question: Question) -> Reading:
        """The measure's answer to a question, read from the store."""
        return self.compute(window.load_window(db, question))


ALL = (
    Measure(
        name="busy_time_saved",
        title="Processing time saved",
        direction="at_least",
        unit="share",
        kind="sampled",
        definition="Share of the monolith's processing time that the service saves per record the partner holds in the "
        "end. Failed and repeated attempts count; time blocked on a request that timed out does not. Feeds and file "
        "sizes are compared like with like, and weigh as much as they did with the monolith. In production nobody sees "
        "what the partner holds: there, records that a side says were delivered stand for it, and a run that was "
        "killed, so that nobody knows how long it took, counts as long as the longest of its day.",
        formula="1 - sum(w r) / sum(w) over feed x size band; r = (busy seconds / records held) of the service over "
        "that of the monolith; w = the monolith's pinned share of busy seconds",
        best=1.0,
        compute=comparison.compute_busy_time_saved,
        lowest=float("-inf"),
    ),
    Measure(
        name="programme_time_saved",
        title="Processing time saved, over all of the programme",
        direction="at_least",
        unit="share",
        kind="sampled",
        definition="Share of all the monolith's processing time that the service saves as things stand: as for "
        "processing time saved, but feeds and file sizes that are not migrated yet count as nothing saved. In "
        "production, records that a side says were delivered stand for those held.",
        formula="sum over what both sides have of w (1 - r) / sum(w) over everything; w and r as for processing time "
        "saved",
        best=1.0,
        compute=comparison.compute_programme_time_saved,
        lowest=float("-inf"),
    ),
    Measure(
        name="answers_equal",
        title="Same answers",
        direction="at_least",
        unit="share",
        kind="census",
        definition="Share of all records held by either side's partner that both hold, field for field, counted over "
        "all rounds.",
        formula="equal / compared",
        best=1.0,
        compute=comparison.compute_answers_equal,
    ),
    Measure(
        name="lost_records",
        title="Records lost",
        direction="at_most",
        unit="records",
        kind="census",
        definition="Records that the service called delivered and the partner does not hold, counted over all rounds.",
        formula="sum(lost)",
        best=0.0,
        compute=partial(comparison.compute_census, measure="lost_records", column="lost"),
    ),
    Measure(
        name="partner_duplicates",
        title="Records held twice",
        direction="at_most",
        unit="records",
        kind="census",
        definition="Further copies of records that the partner holds already, counted over all rounds.",
        formula="sum(twice)",
        best=0.0,
        compute=partial(comparison.compute_census, measure="partner_duplicates", column="twice"),
    ),
    Measure(
        name="good_rows_delivered",
        title="Good rows delivered",
        direction="at_least",
        unit="share",
        kind="census",
        definition="Share of the good rows, in files that have broken rows beside them, that the partner holds in the "
        "end, counted over all rounds.",
        formula="good rows held / good rows due, over files with broken rows",
        best=1.0,
        compute=resilience.good_rows_delivered,
    ),
    Measure(
        name="false_rejects",
        title="Good rows set aside",
        direction="at_most",
        unit="records",
        kind="census",
        definition="Good rows that were set aside all the same, counted over all rounds: one by one, or with a file "
        "that was refused and whose row the partner does not hold in the end.",
        formula="sum(good rows set aside)",
        best=0.0,
        compute=resilience.false_rejects,
    ),
    Measure(
        name="recovered_unattended",
        title="Recovered without a person",
        direction="at_least",
        unit="share",
        kind="sampled",
        definition="Share of the exchanges failed by a passing fault (a request that failed, or a process that was "
        "killed; not a file refused for its rows) that were completed without a person starting any attempt.",
        formula="completed without a touch / first failed by a passing fault",
        best=1.0,
        compute=resilience.recovered_unattended,
    ),
    Measure(
        name="wasted_calls",
        title="Calls to a partner that is down",
        direction="at_most",
        unit="calls per outage hour",
        kind="sampled",
        definition="Requests sent to a partner on a day on which it was down, per hour of that day; the mean over "
        "outages, each counted once however many rounds met it. A range takes three outages.",
        formula="mean over outages (calls / 24 h)",
        best=0.0,
        compute=resilience.wasted_calls,
    ),
    Measure(
        name="failed_first",
        title="Failed at the first attempt",
        direction="at_most",
        unit="share",
        kind="sampled",
        definition="Share of the service's exchanges whose first attempt failed: refused, failed, cut short, put off "
        "until later, or left unclear.",
        formula="exchanges failed at the first attempt / exchanges",
        best=0.0,
        compute=partial(failure_rates.failure_rate, measure="failed_first", column="first_failed"),
    ),
    Measure(
        name="failed_final",
        title="Failed after all attempts",
        direction="at_most",
        unit="share",
        kind="sampled",
        definition="Share of the service's exchanges that were not completed after all attempts, those included that "
        "were still due later.",
        formula="exchanges failed at the last attempt / exchanges",
        best=0.0,
        compute=partial(failure_rates.failure_rate, measure="failed_final", column="still_failed"),
    ),
    Measure(
        name="failed_first_avoided",
        title="Fewer failed at the first attempt",
        direction="at_least",
        unit="share",
        kind="sampled",
        definition="The monolith's share of exchanges whose first attempt failed, less the service's: 0.05 is five in "
        "a hundred fewer, below 0 is more. Only what both sides exchanged is compared.",
        formula="(failed at the first attempt / exchanges) of the monolith - the same of the service",
        best=1.0,
        compute=partial(failure_rates.failure_rate_difference, measure="failed_first_avoided", column="first_failed"),
        lowest=-1.0,
    ),
    Measure(
        name="failed_final_avoided",
        title="Fewer failed after all attempts",
        direction="at_least",
        unit="share",
        kind="sampled",
        definition="The monolith's share of exchanges that were not completed after all attempts, less the service's: "
        "0.05 is five in a hundred fewer, below 0 is more. Only what both sides exchanged is compared.",
        formula="(failed at the last attempt / exchanges) of the monolith - the same of the service",
        best=1.0,
        compute=partial(failure_rates.failure_rate_difference, measure="failed_final_avoided", column="still_failed"),
        lowest=-1.0,
    ),
    Measure(
        name="delay_p50",
        title="Usual wait",
        direction="at_most",
        unit="seconds",
        kind="sampled",
        definition="How long a file waits from when it was due until the end of the attempt that delivered it: the "
        "median within each block, feed and file size; their mean in a block, weighed by exchanges; the mean of the "
        "blocks. Exchanges never completed have no delay, and more than half of them leave no number.",
        formula="mean over blocks of sum(exchanges x median delay) / sum(exchanges) over feed x size band",
        best=0.0,
        compute=partial(effort.delay, measure="delay_p50", column="delay_p50_us", quantile=0.5),
    ),
    Measure(
        name="delay_p95",
        title="Longest usual wait",
        direction="at_most",
        unit="seconds",
        kind="sampled",
        definition="How long the slower files wait from when they were due until the end of the attempt that delivered "
        "them: the 95th percentile within each block, feed and file size; their mean in a block, weighed by exchanges; "
        "the mean of the blocks. Exchanges never completed have no delay, and more than one in twenty leave no number.",
        formula="mean over blocks of sum(exchanges x 95th percentile of delay) / sum(exchanges) over feed x size band",
        best=0.0,
        compute=partial(effort.delay, measure="delay_p95", column="delay_p95_us", quantile=0.95),
    ),
    Measure(
        name="peak_memory",
        title="Peak memory",
        direction="at_most",
        unit="MB",
        kind="census",
        definition="The most memory that any run of the service took, in MB of a million bytes, of the runs that told.",
        formula="max(peak resident bytes) / 1,000,000",
        best=0.0,
        compute=effort.peak_memory,
    ),
    Measure(
        name="calls_per_1000_records",
        title="Calls per 1,000 records",
        direction="at_most",
        unit="calls per 1,000 records",
        kind="sampled",
        definition="Requests that the service sent to partners, failed and repeated attempts included, for every 1,000 "
        "records that the partner holds in the end. In production, records that a side says were delivered stand "
        "for those held.",
        formula="1000 x sum(calls) / sum(records held)",
        best=0.0,
        compute=effort.calls_per_1000_records,
    ),
    Measure(
        name="operator_touches",
        title="Times a person had to step in",
        direction="at_most",
        unit="times per 1,000 exchanges",
        kind="sampled",
        definition="How often a person had to start an attempt again, for every 1,000 exchanges.",
        formula="1000 x sum(attempts that a person started again) / sum(exchanges)",
        best=0.0,
        compute=effort.operator_touches,
    ),
)

#: All measures by name.
MEASURES: Mapping[str, Measure] = {measure.name: measure for measure in ALL}
