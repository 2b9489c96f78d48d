"""The home page and the report where nothing can be compared yet: runs of one side, of both apart, of one day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from metrics.events import RunEvent, RunKey
from metrics.store.database import open_store
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask

PLAN = """
schema = 1

[[milestone]]
code = "M1"
title = "Receive"
objective = "o"
subject = "service@1"
start = 2026-03-02
due = 2026-04-30
scope = ["*/*"]

[[milestone.metric]]
name = "busy_time_saved"
at_least = 0.30
"""
TODAY = date(2026, 3, 4)


def run(system: str, day: int, number: int, feed: str = "flights", delivered: int | None = 100) -> RunEvent:
    """A run in production of 100 records, that took one second."""
    key = RunKey(
        system=system, level=int(system == "service"), mode="live", faults="real", series="", round=1,
        exchange_id=f"AA/{feed}/{day}-{number}", attempt=1,
    )  # fmt: skip
    rows = {"in": 100} if delivered is None else {"in": 100, "delivered": delivered}
    block = f"2026-03-{day:02}"
    return RunEvent(
        key=key, partner="AA", feed=feed, file=f"{day}-{number}.csv", block=block, block_end=block, release="1",
        due_at_us=0, started_at_us=0, duration_ns=1_000_000_000, outcome="done", records=100, rows=rows,
        source="measured",
    )  # fmt: skip


@pytest.fixture
def texts(tmp_path: Path, app_on: Callable[..., Flask], get_html: Callable) -> Callable[..., dict[str, str]]:
    """The words of `/` and `/report` on some live runs."""
    plan = tmp_path / "milestones.toml"
    plan.write_text(PLAN, encoding="utf-8")

    def make(*runs: RunEvent) -> dict[str, str]:
        store = tmp_path / "live.db"
        db = open_store(store, "live")
        with db.atomic():
            insert_events(db, [("run", one) for one in runs])
        db.close()
        client = app_on(store, milestones=plan, clock="live", today=lambda: TODAY).test_client()
        return {path: get_html(client, path).text for path in ("/", "/report")}

    return make


def failed(one: RunEvent) -> RunEvent:
    """The same run, ended by a partner that answered 503."""
    return replace(one, outcome="failed", error_type="http-503", error="answered 503", rows={"in": 100, "failed": 100})


SERVICE = [run("service", 3, number) for number in range(3)]
MONOLITH = [run("monolith", 2, number) for number in range(2)]
OTHERS = [run("monolith", 3, number, "hotels") for number in range(2)]


ONLY_OURS = (
    "3 runs of service@1, none of the monolith to compare with. The monolith’s runs are recorded with "
    "milepost metrics record."
)
ONLY_THEIRS = "2 runs of the monolith, none of service@1 to compare with. It runs with milepost run --level 1."
APART = (
    "3 runs of service@1 and 2 of the monolith, and nothing to compare: service@1 and monolith have no feed and size "
    "of file in common."
)


@pytest.mark.parametrize(
    ("runs", "sentence"),
    [
        (SERVICE, ONLY_OURS),
        (MONOLITH, ONLY_THEIRS),
        (SERVICE + OTHERS, APART),
    ],
    ids=["service", "monolith", "both-apart"],
)
def test_runs_that_are_not_compared_are_told_as_runs(texts: Callable, runs: list[RunEvent], sentence: str) -> None:
    """Who has run and who has not is sentence, with the next command; nothing says that there are no runs."""
    for path, text in texts(*runs).items():
        assert f"Too early to say. {sentence}" in text, path
        assert "nothing compared yet" in text, path
        assert "o nothing is known of the time saved." in text, path
        for untrue in ("No runs yet", "othing measured", "othing was measured", "own history", "0 runs", "0 days"):
            assert untrue not in text, (path, untrue)


def test_days_apart_are_compared_and_none_is_called_left_out(texts: Callable) -> None:
    """Without a common day the monolith's history counts, so no day is called left out."""
    for path, text in texts(*SERVICE, *MONOLITH).items():
        assert "Too early to say. 1 of " in text, path
        assert "left out" not in text, path
        assert "history" in text, path


def test_one_common_day_is_too_little_evidence(texts: Callable) -> None:
    """A day with runs of both sides counts, and gives no verdict."""
    for path, text in texts(*SERVICE, *[run("monolith", 3, number) for number in range(3)]).items():
        assert "Too early to say. 1 of " in text, path
        assert "1 day of evidence" in text, path


def test_runs_outside_the_window_are_no_runs_of_the_milestone(texts: Callable) -> None:
    """Runs before the start of the milestone do not count."""
    text = texts(run("service", 1, 1))["/"]
    assert "No runs yet on M1. Started 2 Mar. It runs with milepost run --level 1." in text
    assert "nothing measured yet" in text


def test_one_of_three_is_not_called_a_rate(texts: Callable) -> None:
    """One failure of three exchanges is shown as 1 of 3, not as 333 of every 1,000."""
    for path, text in texts(*SERVICE[:2], failed(SERVICE[2])).items():
        assert "1 of 3 exchanges" in text, path
        assert "333" not in text.split("Day by day")[0], path


def test_a_chart_without_an_answer_shades_nothing(texts: Callable) -> None:
    """Without an answer no day is called shaded; a single day is one number without a range."""
    pages = texts(*SERVICE)
    assert "shaded" not in pages["/"]
    assert "service 10.0 s." in pages["/report"]
    assert "3 Mar to 3 Mar" not in pages["/report"]
