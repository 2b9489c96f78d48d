"""Number shown = length of the list it links to, on random data and for every link that counts."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import roadmap
from dashboard.app import create_app
from dashboard.config import Config
from dashboard.pages import links
from metrics.events import HoldingEvent, RunEvent, RunKey
from metrics.queries import runs as queries_runs
from metrics.queries.run_filter import RunFilter
from metrics.store.database import open_reader, open_store
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask

PLAN = Path(roadmap.__file__).with_name("milestones.toml")

WEEKS = (("2013-01-01", "2013-01-06"), ("2013-01-07", "2013-01-13"), ("2013-12-30", "2013-12-31"))
PARTNERS = ("AA", "a,b\\c", "<b>%2C&amp;", "ua", "UA")
ERRORS = (
    ("", ""), ("http-503", "http://127.0.0.1:1/x: answered 503"), ("http-503", "http://127.0.0.1:2/y: answered 500"),
    ("", "cannot read <script>alert(1)</script>"), ("missing-cell", "row 7: 3 cells"),
    ("missing-cell", "row 9: 4 cells"),
)  # fmt: skip


@dataclass(frozen=True)
class Exchange:
    """What is made up of one exchange: how each attempt ended, and with what error."""

    side: tuple[str, int]
    faults: str
    partner: str
    feed: str
    week: tuple[str, str]
    number: int
    attempts: tuple[tuple[str, tuple[str, str]], ...]
    aside: dict[str, int] | None
    held: bool


exchanges = st.builds(
    Exchange,
    side=st.sampled_from([("monolith", 0), ("service", 1), ("service", 2)]),
    faults=st.sampled_from(["none", "standard"]),
    partner=st.sampled_from(PARTNERS),
    feed=st.sampled_from(["flights", "a/b"]),
    week=st.sampled_from(WEEKS),
    number=st.integers(0, 3),
    attempts=st.lists(
        st.tuples(st.sampled_from(["done", "failed", "refused", "due", "abandoned"]), st.sampled_from(ERRORS)),
        min_size=1,
        max_size=3,
    ).map(tuple),
    aside=st.none() | st.dictionaries(st.sampled_from(["type-error", "<i>"]), st.integers(1, 3), min_size=1),
    held=st.booleans(),
)


#: A store whose replay has come nowhere has no pages; this exchange is in each.
FIRST = Exchange(("monolith", 0), "none", "AA", "flights", WEEKS[0], 9, (("done", ("", "")),), None, held=True)


def told(made: list[Exchange]) -> Iterator[RunEvent | HoldingEvent]:
    """The events of some exchanges."""
    for one in (FIRST, *made):
        system, level = one.side
        name = f"{one.number}.csv"
        for attempt, (outcome, (kind, error)) in enumerate(one.attempts, 1):
            aside = sum((one.aside or {"": 1}).values()) if outcome == "done" else 0
            yield RunEvent(
                key=RunKey(
                    system=system, level=level, mode="replay", faults=one.faults, series="5e1f", round=1,
                    attempt=attempt, exchange_id=f"{one.side}{one.partner}{one.feed}{one.week[0]}{name}",
                ),
                release="0.1.0", partner=one.partner, feed=one.feed, file=name, block=one.week[0],
                block_end=one.week[1], due_at_us=1_000, started_at_us=1_357_000_000_000_000 + attempt,
                duration_ns=1_000_000 * attempt,
                outcome=outcome, records=9, error_type="" if outcome == "done" else kind,
                error="" if outcome == "done" else error,
                rows={"in": 9} | ({"delivered": 9 - aside, "quarantined": aside} if aside else {"failed": 9}),
                aside=one.aside if outcome == "done" else None,
            )  # fmt: skip
        if one.held:
            yield HoldingEvent(
                system=system, level=level, mode="replay", faults=one.faults, series="5e1f", round=1,
                partner=one.partner, feed=one.feed, file=name, block=one.week[0], block_end=one.week[1], due=9, held=9,
                twice=0, lost=0, foreign=0,
            )  # fmt: skip


def served(folder: Path, made: list[Exchange]) -> Flask:
    """A dashboard on a store of these."""
    with closing(open_store(folder / "store.db", "replay")) as db, db.conn:
        insert_events(db, [("", event) for event in told(made)])
    return create_app(Config(store=folder / "store.db", milestones=PLAN, built=4, workspace_name="demo"))


few = settings(
    max_examples=4, deadline=None, phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)  # fmt: skip


@few
@given(made=st.lists(exchanges, min_size=20, max_size=60))
def test_every_number_is_the_length_of_its_list(
    made: list[Exchange], check_counts: Callable[..., list[int]], walk_list: Callable[..., list[str]]
) -> None:
    """On failures, quarantine and runs, each number that links to a list is that list's length."""
    folder = Path(tempfile.mkdtemp())
    try:
        client = served(folder, made).test_client()
        runs = walk_list(client, "/runs")
        failed = any(outcome != "done" for one in made for outcome, _ in one.attempts)
        failures, first, last, *_ = check_counts(
            client, "/failures", runs[0], runs[-1], "/failures?side=service&partner=ua&range=30d", "/quarantine",
            "/runs", "/runs?state=failed",
        )  # fmt: skip
        assert failures >= 2 * failed
        assert min(first, last) >= 2
    finally:
        shutil.rmtree(folder)


lists = st.builds(
    RunFilter,
    sides=st.sampled_from([(), ("service",), ("service@2", "monolith")]),
    states=st.sampled_from([(), ("failed",), ("done",), ("due", "refused")]),
    partners=st.lists(st.sampled_from(PARTNERS), unique=True, max_size=3).map(tuple),
    feeds=st.sampled_from([(), ("a/b",)]),
    faults=st.sampled_from([(), ("standard",)]),
    attempt=st.sampled_from(["", "first", "last"]),
)


@few
@given(made=st.lists(exchanges, min_size=40, max_size=60), picked=st.lists(lists, min_size=4, max_size=6))
def test_a_count_is_the_length_of_the_list_at_its_address(
    made: list[Exchange],
    picked: list[RunFilter],
    walk_list: Callable[..., list[str]],
    get_html: Callable,
) -> None:
    """Whatever a list holds: the count, the number in its heading, and the runs found by going on to its end."""
    folder = Path(tempfile.mkdtemp())
    try:
        app = served(folder, made)
        client = app.test_client()
        for one in picked:
            with app.test_request_context("/runs"):
                address = links.runs(
                    side=one.sides, state=one.states, partner=one.partners, feed=one.feeds, faults=one.faults,
                    attempt=one.attempt,
                )  # fmt: skip
            with closing(open_reader(folder / "store.db")) as db:
                many = queries_runs.count_runs(db, one)
            assert len(walk_list(client, address)) == many
            assert get_html(client, address).one("p", data_total=True)["data-total"] == str(many)
    finally:
        shutil.rmtree(folder)
