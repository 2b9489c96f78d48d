"""Open problems as rows of a list, and how they change the state of a feed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dashboard.actions.forms import forms_of
from dashboard.filters.partner_slug import display_name, encode_partner
from dashboard.presenters.feed_rows import STATE_ORDER, STATES_BY_NAME
from roadmap.wording import dates, numbers, sentences

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from dashboard.access.users import Visitor
    from dashboard.actions.forms import ActForm
    from dashboard.presenters.feed_rows import FeedRow
    from dashboard.service_state import ExpectedFiles, FeedNow, Problem, ServiceState

#: The milestone status whose chip a severity looks like.
CHIPS = {"critical": "missed", "warning": "at_risk"}

#: The most problems on a page that is about something else.
MAX_SHORT = 3

#: The most due moments that Today shows.
MAX_NEXT = 5

#: The state of a feed by the kind of its problem; all other kinds need a person.
STATE_OF_KIND = {"not_arrived": "not_arriving", "late": "late", "partner_down": "partner_down"}

#: Kinds that say nothing of whether a feed's files are exchanged.
NOT_OF_FEEDS = frozenset({"milestone_status", "disk_full"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRow:
    """A problem as text."""

    chip: str
    label: str  #: "Partner down", "3 files failed"
    partner: str  #: to show; empty for the whole workspace
    feed: str
    address: str  #: of the partner's page; empty where there is none
    lasts: str  #: for how long it has been so; empty for less than a minute
    summary: str
    command: str
    forms: tuple[ActForm, ...] = ()  #: what the reader may do about it here


def problem_rows(
    problems: Iterable[Problem],
    now: datetime,
    partners_with_page: Collection[str] = (),
    visitor: Visitor | None = None,
) -> tuple[ProblemRow, ...]:
    """Return problems as rows, in their order, with the acts of `visitor`; `partners_with_page` are linked."""
    return tuple(
        ProblemRow(
            chip=CHIPS.get(problem.severity, "at_risk"),
            label=describe_problem(problem),
            partner=display_name(problem.partner) if problem.partner else "",
            feed=display_name(problem.feed) if problem.feed else "",
            address=encode_partner(problem.partner) if problem.partner in partners_with_page else "",
            lasts=""
            if (now - problem.since).total_seconds() < 60
            else f"for {dates.rough_duration(now - problem.since)}",
            summary=problem.summary,
            command=problem.next_step,
            forms=forms_of(problem, visitor),
        )
        for problem in problems
    )


def describe_problem(problem: Problem) -> str:
    """Return the kind of a problem with its number: "Partner down", "3 files failed"."""
    return sentences.capital(problem.label if problem.count == 1 else f"{problem.count:,} {problem.label}")


def problems_of(state: ServiceState, partner: str) -> tuple[Problem, ...]:
    """Return the problems of one partner."""
    return tuple(problem for problem in state.problems if problem.partner == partner)


def next_files(expected: Iterable[ExpectedFiles]) -> list[ExpectedFiles]:
    """Return the expected files that are due next, the first first."""
    coming = [(files.next_at, number, files) for number, files in enumerate(expected) if files.next_at is not None]
    return [files for _, _, files in sorted(coming)[:MAX_NEXT]]


def count_sentence(problems: Collection[Problem]) -> str:
    """Return how many problems there are, in words: "1 problem, critical", "5 problems, 2 of them critical"."""
    critical = sum(problem.severity == "critical" for problem in problems)
    text = numbers.plural(len(problems), "problem")
    if not critical:
        return text
    if critical == len(problems):
        return f"{text}, {'critical' if critical == 1 else 'all critical'}"
    return f"{text}, {critical} of them critical"


def with_open_problems(rows: tuple[FeedRow, ...], state: ServiceState) -> tuple[FeedRow, ...]:
    """Return feeds with the worst of what was measured and what is open now, the worst first.

    What is due is late, also before it is a problem; a partner's problem is one of each of its feeds.
    """
    worst: dict[tuple[str, str], tuple[int, str, str, str]] = {}

    def note(partner: str, feed: str, name: str, since: str, why: str) -> None:
        found = (STATE_ORDER[name], name, since, why)
        worst[partner, feed] = min(worst.get((partner, feed), found), found, key=lambda each: each[0])

    for problem in state.problems:
        if problem.partner and problem.kind not in NOT_OF_FEEDS:
            name = STATE_OF_KIND.get(problem.kind, "action_needed")
            step = f" `{problem.next_step}`" if problem.next_step else ""
            why = f"{describe_problem(problem)}: {problem.summary}.{step}"
            note(problem.partner, problem.feed, name, f"since {dates.day(problem.since.date())}", why)
    for feed in state.feeds:
        if feed.due:
            note(feed.partner, feed.feed, "late", *_due_text(feed))
    if not worst:
        return rows
    changed = []
    for row in rows:
        open_now = [worst[key] for key in ((row.partner, row.feed), (row.partner, "")) if key in worst]
        order, name, since, why = min(open_now, key=lambda each: each[0], default=(len(STATE_ORDER), "", "", ""))
        if order <= STATE_ORDER[row.state.name]:
            changed.append(replace(row, state=STATES_BY_NAME[name], since=since, why=why))
        else:
            changed.append(row)
    return tuple(sorted(changed, key=lambda row: STATE_ORDER[row.state.name]))


def _due_text(feed: FeedNow) -> tuple[str, str]:
    since = "" if feed.oldest_due_at is None else f"since {dates.day(feed.oldest_due_at.date())}"
    return since, f"{numbers.plural(feed.due, 'file')} not delivered yet; sent again automatically."
