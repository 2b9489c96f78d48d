"""The named measures that a milestone may use, each with its direction, unit, kind and definition.

Pages, reports and verdicts take definitions from here, so that what is said and what is computed are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from metrics import compare, mishaps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlite_utils import Database

    from metrics.compare import Question, Reading, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a number means, and how to get it."""

    name: str
    title: str  #: what people read
    direction: str  #: "at_least" or "at_most": the direction that is good
    unit: str  #: "share" (0 to 1), "records", "calls per outage hour"
    kind: str  #: "census" (everything counted) or "sampled" (judged by a bound)
    definition: str
    formula: str
    compute: Callable[[Window], Reading]  #: from rollups that are already read
    lowest: float = 0.0  #: the least value that makes sense as a target

    def read(self, db: Database, question: Question) -> Reading:
        """The measure's answer to a question, read from the store."""
        return self.compute(compare.load(db, question))


ALL = (
    Measure(
        name="busy_time_saved",
        title="Processing time saved",
        direction="at_least",
        unit="share",
        kind="sampled",
        definition="Share of the monolith's processing time that the service saves per record the partner holds in the "
        "end. Failed and repeated attempts count; time blocked on a request that timed out does not. Feeds and file "
        "sizes are compared like with like, and weigh as much as they did with the monolith.",
        formula="1 - sum(w r) / sum(w) over feed x size band; r = (busy seconds / records held) of the service over "
        "that of the monolith; w = the monolith's pinned share of busy seconds",
        compute=compare.saved,
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
        compute=compare.equal,
    ),
    Measure(
        name="lost_records",
        title="Records lost",
        direction="at_most",
        unit="records",
        kind="census",
        definition="Records that the service called delivered and the partner does not hold, counted over all rounds.",
        formula="sum(lost)",
        compute=partial(compare.count, measure="lost_records", column="lost"),
    ),
    Measure(
        name="partner_duplicates",
        title="Records held twice",
        direction="at_most",
        unit="records",
        kind="census",
        definition="Further copies of records that the partner holds already, counted over all rounds.",
        formula="sum(twice)",
        compute=partial(compare.count, measure="partner_duplicates", column="twice"),
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
        compute=mishaps.good_rows_delivered,
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
        compute=mishaps.false_rejects,
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
        compute=mishaps.recovered_unattended,
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
        compute=mishaps.wasted_calls,
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
        compute=partial(compare.rate, measure="failed_first", column="first_failed"),
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
        compute=partial(compare.rate, measure="failed_final", column="still_failed"),
    ),
)

#: All measures by name.
MEASURES: Mapping[str, Measure] = {measure.name: measure for measure in ALL}
