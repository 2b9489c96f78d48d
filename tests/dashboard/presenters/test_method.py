"""The page of definitions: everything that the code knows is on it, in the code's own words."""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
import tomllib
from contextlib import closing
from datetime import date
from html import unescape
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import roadmap
from dashboard.presenters import feed_rows, glossary, method
from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from metrics.queries import feed_health
from metrics.question import Question
from metrics.stats.confidence import MAX_AUTOCORRELATION, TIGHTEST_AT
from metrics.store.database import open_reader, open_store
from metrics.store.series import METHOD
from roadmap.criteria import GRADES
from roadmap.plan.loader import load_plan
from roadmap.wording import dates, gains
from roadmap.wording.verdicts import STATUS, VERDICT

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient

#: What `Reading.scale` holds for each way to compute a range.
SCALES = {
    "count": None, "log_ratio": "log_ratio", "covered": "plain", "blocks": "plain", "wilson": "wilson",
    "newcombe": "plain", "outages": None,
}  # fmt: skip

PLAN = Path(roadmap.__file__).with_name("milestones.toml")


@pytest.fixture
def text(client: FlaskClient) -> str:
    """The page as people read it: its characters, not their entities."""
    return unescape(client.get("/method").text)


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_stands_at_its_own_anchor(text: str, name: str) -> None:
    """Title, definition and formula are those of the code, where other pages link to."""
    part = text.split(f'<h3 id="{name}">')[1].split("</article>", maxsplit=1)[0]
    measure = MEASURES[name]
    for said in (measure.title, measure.definition, measure.formula, measure.exclusions):
        assert said in part
    assert {"census": "In full (a census)", "sampled": "As a sample"}[measure.kind] in part
    assert {"at_least": "more is better", "at_most": "less is better"}[measure.direction] in part


def test_every_term_of_the_code_has_an_entry(text: str) -> None:
    """Statuses, verdicts, grades and answers have an anchor each, with their word."""
    for name, said in STATUS.items():
        assert said in text.split(f'id="status-{name}"')[1].split("</dt>", maxsplit=1)[0]
    for name, said in VERDICT.items():
        assert said in text.split(f'id="verdict-{name}"')[1].split("</dt>", maxsplit=1)[0]
    for grade in GRADES:
        assert f'id="grade-{grade}"' in text
    for name in glossary.SITUATIONS:
        assert f'id="answer-{name}"' in text
    for state in feed_rows.STATES:
        assert state.label in text.split(f'id="feed-{state.name}"')[1].split("</dt>", maxsplit=1)[0]


def test_no_entry_is_without_a_term_in_the_code() -> None:
    """The rules name the same words as the rooms that use them: no more and no fewer."""
    assert set(glossary.STATUS_WHEN) == set(STATUS)
    assert set(glossary.VERDICT_WHEN) == set(VERDICT)
    assert set(glossary.GRADE_WHEN) == set(GRADES)
    told = set(re.findall(r'return "(\w+)", |^- `(\w+)`', inspect.getsource(feed_health), re.MULTILINE))
    assert {one or other for one, other in told} == set(feed_rows.STATES_BY_NAME) - {feed_rows.MONOLITH_ONLY}


def test_statuses_are_listed_in_the_order_of_their_tests() -> None:
    """The first that fits counts, so their order is part of the rule."""
    assert [rule.name for rule in glossary.status_entries()][:3] == ["proven", "paused", "stopped"]
    assert [rule.name for rule in glossary.status_entries()][-2:] == ["insufficient", "on_track"]


def test_each_example_gets_its_own_answer() -> None:
    """Each example gets the answer that it stands for, and no answer lacks one."""
    for name, (_, gain) in glossary.SITUATIONS.items():
        assert gains.answer(gain).situation == name
    known = set(
        re.findall(
            r'"(\w+)"',
            " ".join(re.findall(r"situation=[^,]+,", inspect.getsource(sys.modules[gains.answer.__module__]))),
        )
    )
    assert known == set(glossary.SITUATIONS)


def test_ranges_are_computed_as_their_details_say(made_up: Callable[..., Path]) -> None:
    """What a reading says of its own range is what the page says of it."""
    asked = Question(subject="service@2", start=date(2013, 4, 1), end=date(2013, 6, 30), series=None, faults="standard")
    with closing(open_reader(made_up(moves=True))) as db:
        window = load_window(db, asked)
        readings = [measure.compute(window) for measure in MEASURES.values()]
    told = {one.measure: one.scale for one in readings if one.estimate is not None}
    assert {"busy_time_saved", "programme_time_saved", "failed_first", "delay_p50", "lost_records"} <= set(told)
    assert told == {name: SCALES[MEASURES[name].range] for name in told}
    assert {measure.kind for measure in MEASURES.values() if measure.range == "count"} == {"census"}
    assert {measure.range for measure in MEASURES.values()} == set(SCALES)


def test_the_constants_are_those_of_the_code(text: str) -> None:
    """Method, limits and least sizes are not typed again."""
    assert f"(method {METHOD})" in text
    assert f"limited to 0 to {MAX_AUTOCORRELATION}" in text
    assert f"the range is tightest, for its number of blocks, at {TIGHTEST_AT} blocks" in text
    assert "73 below 5% and 381 below 1%" in text
    assert "not before day 14, not after day 21" in text


def test_every_fault_stands_with_its_rate_and_the_hash(text: str) -> None:
    """The file of faults is told in full, in words, and so is its hash."""
    raw = (resources.files("metrics.replay") / "faults-standard.toml").read_bytes()
    keys = {
        f"{part}.{key}" for part, told in tomllib.loads(raw.decode()).items() if isinstance(told, dict) for key in told
    }
    assert keys == set(method.FAULT_LABELS)
    for said in method.FAULT_LABELS.values():
        assert said in text
    assert "1 of every 5,000" in text
    assert hashlib.sha256(raw).hexdigest() in text


def test_targets_and_windows_are_those_of_the_plan(text: str) -> None:
    """Each measure says which milestone asks for it, and each milestone over which days."""
    part = text.split('<h3 id="busy_time_saved">')[1].split("</article>", maxsplit=1)[0]
    assert re.search(r"M1</a> at least 30%", part)
    first = load_plan(PLAN).milestones[0]
    assert dates.days_between(first.start, first.due) in text


def test_the_page_can_be_read_before_anything_is_measured(app_on: Callable[..., Flask], tmp_path: Path) -> None:
    """Without a store, and with an empty one, definitions and windows stand there, and that there are no runs."""
    for name, said in (("none.db", "Nothing measured yet"), ("empty.db", "No runs yet on M1.")):
        if name == "empty.db":
            open_store(tmp_path / name, "replay").close()
        response = app_on(tmp_path / name).test_client().get("/method")
        assert response.status_code == 200
        assert said in response.text
        assert 'id="lost_records"' in response.text
        assert '<th scope="row" role="rowheader"><a href="/milestones#M1">M1</a> Receive</th>' in response.text


def test_a_series_without_a_hash_says_so(client: FlaskClient) -> None:
    """What an older release did not record is not recorded, and never taken for the hash of today."""
    part = client.get("/method").text.split('id="series"')[1]
    assert "5e1f00d2b7c9" in part
    assert "not recorded" in part


def test_markup_in_the_plan_stays_text(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], tmp_path: Path
) -> None:
    """A title with markup in it is shown as it is written."""
    plan = tmp_path / "milestones.toml"
    plan.write_text(PLAN.read_text().replace('"Receive"', '"<b>Receive"'), encoding="utf-8")
    assert "&lt;b&gt;Receive" in app_on(made_up(), milestones=plan).test_client().get("/method").text


def test_details_are_folded_and_targets_are_not(text: str) -> None:
    """Each measure shows its definition, formula and who asks for it; the rest unfolds, and is all there."""
    for part in text.split('<article class="definition"')[1:]:
        shown, folded = part.split("</article>")[0].split("<details")
        assert "Asked by" in shown
        assert all(f"<dt>{label}</dt>" in folded for label in ("Unit", "Counted", "Likely range", "It takes"))
