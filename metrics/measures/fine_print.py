"""The small print of each measure: what it leaves out, how its likely range is made, and the least that a range takes.

It stands beside `metrics.measures`, whose definitions it completes; a test holds the two together, and the ranges told
here to those that readings are made with.
"""

from __future__ import annotations

from dataclasses import dataclass

from metrics.measures.resilience import MIN_OUTAGES

#: How a likely range is made, by the name that `FinePrint.range` gives.
RANGES = {
    "count": "None: everything is counted, so the count itself is judged.",
    "log_ratio": "Over blocks: the log of the ratio of costs, block by block, its mean and the bound around it.",
    "covered": "That of the time saved, times the share of the work that both sides have.",
    "blocks": "Over blocks: one value a block, their mean and the bound around it.",
    "wilson": "Wilson's interval of a rate, after dividing by the design effect: failures come in lumps.",
    "newcombe": "Newcombe's interval of a difference of two rates, after dividing each by its design effect.",
    "outages": "Student's range of the mean over outages; looked at again and again, each look gets less of the risk.",
}

#: What `Reading.scale` says of each of these; a reading made any other way would make the small print a lie.
SCALES = {
    "count": None, "log_ratio": "log_ratio", "covered": "plain", "blocks": "plain", "wilson": "wilson",
    "newcombe": "plain", "outages": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FinePrint:
    """What a measure's number does not hold, and what it takes to have one."""

    range: str  #: a key of `RANGES`
    left_out: str
    least: str = ""  #: what it takes beside the least number of blocks; "" for nothing


UNSHARED = "Blocks, feeds and file sizes that only one of the sides has."
FROM_OUTSIDE = "Production, where nobody looks into the partner's store."

#: The small print of every measure, by name.
FINE_PRINT = {
    "busy_time_saved": FinePrint(
        range="log_ratio",
        left_out=f"Time blocked on requests that timed out, shown beside. {UNSHARED} Rounds of a replay that were cut "
        "short before what the partner holds was counted.",
        least="Both sides must have the share of the monolith's work that the milestone asks for (its coverage).",
    ),
    "programme_time_saved": FinePrint(
        range="covered",
        left_out="Time blocked on requests that timed out, shown beside. No work: what is not migrated counts.",
    ),
    "answers_equal": FinePrint(range="count", left_out=f"Records that neither side's partner holds. {FROM_OUTSIDE}"),
    "lost_records": FinePrint(
        range="count",
        left_out=f"Records that the service says it did not deliver; they are no loss yet. {FROM_OUTSIDE}",
    ),
    "partner_duplicates": FinePrint(range="count", left_out=f"The first copy of each record. {FROM_OUTSIDE}"),
    "good_rows_delivered": FinePrint(
        range="count",
        left_out=f"Broken rows, and files that have none. {FROM_OUTSIDE}",
        least="One file with a broken row; until then there is no number.",
    ),
    "false_rejects": FinePrint(
        range="count",
        left_out=f"Broken rows, which belong aside. {FROM_OUTSIDE}",
        least="One broken row; who never met one has not shown that he can tell it.",
    ),
    "recovered_unattended": FinePrint(
        range="wilson",
        left_out="Exchanges that did not fail, and files that were refused for their rows.",
        least="One exchange that failed in passing; until then there is no number.",
    ),
    "wasted_calls": FinePrint(
        range="outages",
        left_out="Days on which the partner was there. Production, where nobody notes when a partner is down.",
        least=f"{MIN_OUTAGES} outages for a range.",
    ),
    "failed_first": FinePrint(
        range="wilson", left_out="Runs under way. Nothing else: a failed attempt counts by whatever name."
    ),
    "failed_final": FinePrint(
        range="wilson", left_out="Runs under way. Nothing else: what is due later counts as failed."
    ),
    "failed_first_avoided": FinePrint(range="newcombe", left_out=UNSHARED),
    "failed_final_avoided": FinePrint(range="newcombe", left_out=UNSHARED),
    "delay_p50": FinePrint(
        range="blocks",
        left_out="Exchanges that were never completed.",
        least="Half of the exchanges completed; else there is no number.",
    ),
    "delay_p95": FinePrint(
        range="blocks",
        left_out="Exchanges that were never completed.",
        least="19 of 20 exchanges completed; else there is no number.",
    ),
    "peak_memory": FinePrint(range="count", left_out="Runs that did not tell how much memory they took."),
    "calls_per_1000_records": FinePrint(
        range="blocks", left_out="Blocks and feeds of which calls or records held were not counted."
    ),
    "operator_touches": FinePrint(
        range="blocks", left_out="Attempts that the service starts by itself; they are nobody's touch."
    ),
}
