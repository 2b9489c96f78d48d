"""Caveats of the headline, out of a made-up year."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import roadmap
from metrics.store.database import open_store
from roadmap.judge.evaluate import evaluate
from roadmap.plan.loader import load_plan
from roadmap.report.caveats import caveats, short_caveats
from roadmap.report.headline import headline_candidates, pick_headline

if TYPE_CHECKING:
    from collections.abc import Callable

    from roadmap.report.caveats import Caveat

PLAN = load_plan(Path(roadmap.__file__).with_name("milestones.toml"))


def caveats_of(store: Path, today: date) -> tuple[tuple[Caveat, ...], tuple[str, ...]]:
    """The caveats for a page and for a printed page."""
    with closing(open_store(store, "replay")) as db:
        verdicts = evaluate(db, PLAN, today, 1, now_us=0)
        head = pick_headline(headline_candidates(db, PLAN, verdicts, today, 1, "replay"))
        return tuple(caveats(db, head)), short_caveats(db, head)


def test_caveats_are_facts_of_the_store(made_up: Callable[..., Path]) -> None:
    """A replay, few weeks, a week without the service and a missing A/A check are named, the most serious first."""
    page, printed = caveats_of(made_up(without=(4,)), date(2013, 12, 31))
    titles = [caveat.title for caveat in page if caveat.text]
    assert titles[0] == "A replay, not production"
    assert {"12 weeks of evidence", "1 week left out", "The mix is held constant", "No A/A check yet"} <= set(titles)
    assert len(printed) == 3
    assert printed[0].startswith("A replay, not production: durations are real")


def test_before_any_comparison_there_is_one_caveat(made_up: Callable[..., Path]) -> None:
    """Where nothing was compared, nothing else can be wrong."""
    page, printed = caveats_of(made_up(weeks=0), date(2013, 1, 10))
    assert [caveat.title for caveat in page] == ["Nothing compared yet"]
    assert printed == ("Nothing is compared yet, so nothing is known of the time saved.",)
    assert short_caveats(None, None) == ("Nothing was measured, so nothing here can be wrong yet but the plan.",)
