"""Facts of the exchange service: its levels, what it does after an answer, and the schedule of attempts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from docs.generator.markdown import code, table
from poc.delivery.request_delivery import TOO_LARGE
from poc.pipeline.capabilities import LINE
from poc.pipeline.levels import HIGHEST_LEVEL
from poc.retries.backoff import SCHEDULE_S
from poc.stages.retry import is_about_address
from poc.transports.http_outcome import status_failure
from roadmap.plan.milestones import Plan
from roadmap.plan.template import replay_template

if TYPE_CHECKING:
    from poc.errors import DeliveryFailed

#: Answers to explain: a status, and the text of `Retry-After`.
ANSWERS = (
    (206, None), (207, None), (301, None), (302, None), (303, None), (307, None), (400, None), (401, None), (403, None),
    (404, None), (408, None), (409, None), (410, None), (413, None), (413, "60"), (422, None), (423, None), (425, None),
    (429, None), (429, "60"), (500, None), (500, "60"), (502, None), (503, None), (503, "60"), (504, None),
)  # fmt: skip

#: What follows from a failure, by its kind.
NEXT = {
    "retry": "tries again, on the schedule",
    "wait": "tries again, not before the time that the partner names",
    "pause": "sends nothing to the partner until a person releases it",
    "stop": "does not send this request again, and sends the others",
}

#: What follows from a permanent failure that is about the address of a feed.
ADDRESS = "sends nothing to this feed for a while, then tries again"

#: What follows from 413.
HALVES = "sends it in halves, if the partner honours keys; else not again"

#: Whether the partner took a request that failed, by whether that is unknown.
UNKNOWN = {True: "unknown", False: "no"}

#: Seconds in each unit that a wait is said in, the longest first.
UNITS = (("h", 3600), ("min", 60), ("s", 1))


def levels() -> str:
    """Return the service levels with the milestone that added each, and the capabilities that begin or end there.

    A milestone that adds no level is left out.
    """
    import tomllib

    plan = Plan.model_validate(tomllib.loads(replay_template()))
    rows: list[tuple[str, str, str, str, str]] = []
    for milestone in plan.milestones:
        if code(milestone.subject) in {side for side, *_ in rows}:
            continue
        new = ", ".join(code(part.name) for part in LINE if part.since == milestone.level)
        if milestone.level > HIGHEST_LEVEL:
            new = "not built yet"
        gone = ", ".join(code(part.name) for part in LINE if part.until == milestone.level - 1)
        rows.append((code(milestone.subject), f"{milestone.code} {milestone.title}", milestone.objective, new, gone))
    return table(("Side", "Milestone", "What for", "Adds", "Replaces"), rows)


def answers() -> str:
    """Return what the service does after an answer, by the function that decides it."""
    now = datetime(2013, 1, 1, tzinfo=UTC)
    rows = [("2xx, complete, but not 206 and 207", "delivered", "yes")]
    for status, retry_after in ANSWERS:
        failure = status_failure("", status, retry_after, now)
        answer = f"{status}{' with `Retry-After`' if retry_after else ''}"
        rows.append((answer, what_follows(failure), UNKNOWN[failure.unknown]))
    return table(("Answer", "The service", "Did the partner take it?"), rows)


def what_follows(failure: DeliveryFailed) -> str:
    """Return what the service does after a failure."""
    if failure.kind == "stop" and failure.code == TOO_LARGE:
        return HALVES
    if failure.kind == "stop" and is_about_address(failure):
        return ADDRESS
    if failure.kind == "wait" and not failure.wait_s:  # a wait of no time
        return NEXT["retry"]
    return NEXT[failure.kind]


def retry_schedule() -> str:
    """Return the schedule of attempts as a sentence."""
    *waits, last = map(duration, SCHEDULE_S[1:])
    return f"After a failure, Milepost waits {', '.join(waits)} and {last}: {len(SCHEDULE_S)} attempts in all."


def duration(seconds: int) -> str:
    """Return a number of seconds in the largest unit that divides it."""
    name, size = next((name, size) for name, size in UNITS if seconds % size == 0)
    return f"{seconds // size} {name}"
