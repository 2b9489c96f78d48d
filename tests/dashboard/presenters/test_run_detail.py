"""One run with all that is known of it, and runs beside one another: on a few runs made up for it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dashboard.presenters.range_bar import RangeBar
from dashboard.presenters.run_detail import run_page
from metrics.queries.runs import get_run
from metrics.store.database import open_store
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flask.testing import FlaskClient

    from dashboard.presenters.run_detail import RunPage
    from metrics.events import RunEvent

    On = Callable[..., FlaskClient]


def named(run: RunEvent, exchange: str, **changes: object) -> RunEvent:
    """The same run as one of another exchange."""
    return replace(run, key=replace(run.key, exchange_id=exchange), **changes)  # type: ignore[arg-type]


@pytest.fixture
def page_of(tmp_path: Path) -> Iterator[Callable[..., RunPage]]:
    """The page of the last of some runs."""
    with closing(open_store(tmp_path / "store.db", "replay")) as db:

        def make(*runs: RunEvent) -> RunPage:
            with db.conn:
                insert_events(db, [("", run) for run in runs])
            run = get_run(db, len(runs))
            assert run is not None
            return run_page(db, run)

        yield make


def test_a_duration_is_compared_with_the_usual_one(
    page_of: Callable[..., RunPage], a_run: Callable[..., RunEvent]
) -> None:
    """Its duration, the usual range of the completed runs before it, and a drawing of both."""
    before = [named(a_run(duration_ns=(30 + n) * 10**9), f"e{n}", started_at_us=n) for n in range(21)]
    page = page_of(*before, named(a_run(duration_ns=61 * 10**9), "e", started_at_us=99))
    assert (page.duration, page.usual, page.comparison) == (
        "1m 01s", "usually 31 s to 49 s, 21 runs", "Longer than usual.",
    )  # fmt: skip
    assert page.range == RangeBar(low=145.4, high=226.3, dot=280.3, mark=185.9)


def test_too_few_runs_give_no_usual_range(page_of: Callable[..., RunPage], a_run: Callable[..., RunEvent]) -> None:
    """No range is made up, and a run without an end has no duration."""
    page = page_of(a_run(outcome="abandoned", duration_ns=None))
    assert page.duration == "not recorded: its end was never recorded"
    assert page.usual == "Too few runs before it to know what is usual (fewer than 5 completed)."
    assert page.range is None


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ({"in": 9, "delivered": 7, "quarantined": 2}, "9 in = 7 delivered + 2 quarantined. It balances."),
        ({"in": 9, "delivered": 7}, "It does not balance: 9 in, 7 accounted for; 2 rows missing."),
        ({"in": 9, "delivered": 10}, "It does not balance: 9 in, 10 accounted for; 1 row too many."),
        ({"in": 0}, "No rows entered this run."),
    ],
)
def test_the_account_of_rows(
    page_of: Callable[..., RunPage], a_run: Callable[..., RunEvent], rows: dict[str, int], text: str
) -> None:
    """The rows by outcome as a sum, and whether it balances."""
    page = page_of(a_run(rows=rows))
    assert page.account_text == text
    assert page.balances is ("not balance" not in text)


@pytest.mark.parametrize(
    ("reasons", "text", "rows"),
    [
        (None, "3 rows quarantined; reasons not recorded.", ()),
        ({"type-error": 2, "extra-cell": 1}, "3 rows quarantined.", (("type-error", "2"), ("extra-cell", "1"))),
        ({"type-error": 2}, "3 rows quarantined.", (("type-error", "2"), ("reasons not recorded", "1"))),
    ],
)
def test_quarantined_rows_by_reason(
    page_of: Callable[..., RunPage],
    a_run: Callable[..., RunEvent],
    reasons: dict[str, int] | None,
    text: str,
    rows: tuple[tuple[str, str], ...],
) -> None:
    """An unrecorded reason is a row of its own, and is not 0."""
    page = page_of(a_run(rows={"in": 4, "delivered": 1, "quarantined": 3}, aside=reasons))
    assert (page.quarantined_text, page.quarantined) == (text, rows)


def test_the_page_shows_all_parts(on: On, a_run: Callable[..., RunEvent], get_html: Callable) -> None:
    """The duration with its drawing, the account and the quarantined rows stand on the page."""
    before = [named(a_run(duration_ns=(30 + n) * 10**9), f"e{n}", started_at_us=n) for n in range(5)]
    rows = {"in": 4, "delivered": 1, "quarantined": 3}
    client = on(*before, named(a_run(rows=rows, aside={"type-error": 3}), "e", started_at_us=99))
    parts = {part["aria-labelledby"]: part for part in get_html(client, "/runs/6").all("section")}
    assert parts["took"].one("svg", class_="range")
    assert "4 in = 1 delivered + 3 quarantined. It balances." in parts["account"].text
    assert parts["aside"].text.endswith("3 rows quarantined. Quarantined rows by reason Reason Rows type-error 3")


def test_a_run_leads_to_its_other_attempts(on: On, a_run: Callable[..., RunEvent], get_html: Callable) -> None:
    """All attempts of its exchange stand in order, with this one marked and without a link."""
    page = get_html(on(a_run(outcome="failed"), a_run(attempt=2)), "/runs/1")
    part = page.one("section", aria_labelledby="attempts")
    assert "2 attempts at this file" in part.text
    assert list(part.links()) == ["/runs/2"]
    assert "/runs/1" not in page.links()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/runs/2", "There is no run 2."),
        ("/runs/99999999999999999999999", "There is no run 99999999999999999999999."),
        ("/runs/abc", "There is no page at"),
        ("/runs/-1", "There is no page at"),
    ],
)
def test_no_such_run_is_said_in_words(on: On, a_run: Callable[..., RunEvent], path: str, said: str) -> None:
    """A number that no run has, and what is no number, have no page."""
    answer = on(a_run()).get(path)
    assert answer.status_code == 404
    assert said in answer.text


def test_passes_of_a_replay_are_told_apart(on: On, a_run: Callable[..., RunEvent], values_of: Callable) -> None:
    """Runs of one file differ in their pass; faults stand in each row only where rows differ in them."""
    first, third = a_run(), replace(a_run(), key=replace(a_run().key, round=3))
    bare = replace(a_run(), key=replace(a_run().key, faults="standard"))
    client = on(first, third, bare)
    page = values_of(client, "/runs")
    assert [(line.round, line.faults) for line in page["lines"]] == [
        ("1", "standard faults"), ("3", "no faults"), ("1", "no faults"),
    ]  # fmt: skip
    assert page["columns"] == {"faults": True, "round": True}
    assert page["met"] == ""
    assert "pass 3, attempt 1." in client.get("/runs/2").text
    assert values_of(client, "/runs?faults=none")["columns"] == {"faults": False, "round": True}


def test_the_error_of_a_run_stands_first(on: On, a_run: Callable[..., RunEvent], get_html: Callable) -> None:
    """What went wrong stands above the duration; without an error, the page says nothing of errors."""
    client = on(a_run(outcome="failed", error_type="http-503", error="answered 503"), named(a_run(), "other"))
    failed, done = (get_html(client, f"/runs/{number}").all("section") for number in (1, 2))
    assert failed[0].text == "Partner answered 503 answered 503 Code of the error: http-503"
    assert [part["aria-labelledby"] for part in done] == ["took", "account", "attempts", "alike", "facts"]


def test_what_leaves_no_choice_is_no_filter(on: On, a_run: Callable[..., RunEvent], get_html: Callable) -> None:
    """A field with one name to choose is left out, unless the address asks for it."""
    client = on(a_run(), named(a_run(), "other", partner="UA"))
    fields = [field["name"] for field in get_html(client, "/runs").all("select")]
    assert fields == ["state", "partner", "range", "attempt"]
    assert get_html(client, "/runs?feed=f").one("select", name="feed")
