"""The page of definitions: everything that the code knows is on it, in the code's own words."""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
import tomllib
from contextlib import closing
from datetime import date
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from roadmap.plan.grades import GRADES
from roadmap.plan.loader import load_plan
from roadmap.wording import gains
from roadmap.wording.verdicts import STATUS, VERDICT

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask


#: What `Reading.scale` holds for each way to compute a range.
SCALES = {
    "count": None, "log_ratio": "log_ratio", "covered": "plain", "blocks": "plain", "wilson": "wilson",
    "newcombe": "plain", "outages": None, "effort": "plain",
}  # fmt: skip

PLAN = Path(roadmap.__file__).with_name("milestones.toml")


@pytest.fixture(scope="module")
def page(year_app: Flask, get_html: Callable) -> Any:
    """The page of a year."""
    return get_html(year_app.test_client(), "/method")


@pytest.fixture(scope="module")
def definitions() -> dict[str, method.MeasureDefinition]:
    """Each measure by name, with the targets of the plan."""
    return {definition.name: definition for definition in method.definitions(load_plan(PLAN), "replay")}


def test_every_measure_has_its_definition(definitions: dict[str, method.MeasureDefinition]) -> None:
    """Title, definition, formula and what is left out are those of the registry, in its order."""
    assert list(definitions) == list(MEASURES)
    counted = {"census": "In full (a census)", "sampled": "As a sample"}
    better = {"at_least": "more is better", "at_most": "less is better"}
    for measure, one in zip(MEASURES.values(), definitions.values(), strict=True):
        assert (one.title, one.definition, one.formula) == (measure.title, measure.definition, measure.formula)
        facts = dict(one.facts)
        assert facts["Left out"] == measure.exclusions
        assert facts["Counted"].startswith(counted[measure.kind])
        assert facts["Better"].startswith(better[measure.direction])


def test_every_term_of_the_code_has_an_entry_at_its_own_anchor(page: Any) -> None:
    """Measures, statuses, verdicts, grades, answers and states of feeds, each under its label."""
    anchors = {part["id"]: part.text for name in ("h3", "dt") for part in page.all(name, id=True)}
    labels = {name: measure.title for name, measure in MEASURES.items()}
    labels |= {f"status-{name}": label for name, label in STATUS.items()}
    labels |= {f"verdict-{name}": label for name, label in VERDICT.items()}
    labels |= {f"grade-{grade}": f"Grade {grade}" for grade in GRADES}
    labels |= {f"answer-{name}": rule for name, (rule, _) in glossary.SITUATIONS.items()}
    labels |= {f"feed-{state.name}": state.label for state in feed_rows.STATES}
    assert {name: label for name, label in labels.items() if not anchors.get(name, "").startswith(label)} == {}


def test_no_entry_is_without_a_term_in_the_code() -> None:
    """The rules name the same words as the rooms that use them: no more and no fewer."""
    assert set(glossary.STATUS_WHEN) == set(STATUS)
    assert set(glossary.VERDICT_WHEN) == set(VERDICT)
    assert set(glossary.GRADE_WHEN) == set(GRADES)
    told = set(re.findall(r'return "(\w+)", |^- `(\w+)`', inspect.getsource(feed_health), re.MULTILINE))
    beside_runs = {feed_rows.MONOLITH_ONLY, "partner_down"}  # by what the service has open now, not by its runs
    assert {one or other for one, other in told} == set(feed_rows.STATES_BY_NAME) - beside_runs


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


def test_the_constants_are_those_of_the_code(page: Any) -> None:
    """Method, limits and least sizes are not typed again."""
    for text in (
        f"(method {METHOD})", f"limited to 0 to {MAX_AUTOCORRELATION}",
        f"the range is tightest, for its number of blocks, at {TIGHTEST_AT} blocks",
        "73 below 5% and 381 below 1%", "not before day 14, not after day 21",
    ):  # fmt: skip
        assert text in page.text


def test_every_fault_stands_with_its_rate_and_the_hash() -> None:
    """The file of faults is told in full, in words, and so is its hash."""
    labelled = set()
    for name in ("standard", "stress"):
        raw = (resources.files("metrics.replay") / f"faults-{name}.toml").read_bytes()
        data = tomllib.loads(raw.decode())
        keys = [f"{part}.{key}" for part, rates in data.items() if isinstance(rates, dict) for key in rates]
        faults = method.fault_rates(name)
        assert [label for label, _ in faults.rates] == [method.FAULT_LABELS[key] for key in keys]
        assert "1 of every 5,000" in dict(faults.rates).values()
        assert (faults.sha256, faults.rounds) == (hashlib.sha256(raw).hexdigest(), data.get("rounds"))
        labelled |= set(keys)
    assert labelled == set(method.FAULT_LABELS)


def test_the_stress_series_stands_beside_the_standard_faults_with_its_reason() -> None:
    """Every fault has both rates in a row; the reason is in the numbers of the bound that decides."""
    table = {label: rates for label, *rates in method.fault_table()}
    assert table["Requests answered with 503"] == ["20 of every 1,000"] * 2
    assert table["Partners that are down for one day each"] == ["3", "0"]
    assert table["Days of each quarter on which every partner is down, a day for each"] == ["0", "1"]
    facts = method.stress_facts()
    assert (facts["failures"], facts["weeks"], facts["fixed_on"]) == (154, 13, "30 Nov 2026")
    assert facts["measures"] == ("Recovered without a person", "Calls to a partner that is down")


def test_targets_and_windows_are_those_of_the_plan(definitions: dict[str, method.MeasureDefinition]) -> None:
    """Each measure says which milestone asks for it, and each milestone over which days."""
    assert definitions["busy_time_saved"].targets[0] == ("M1", "at least 30%, under standard faults")
    assert method.milestone_windows(load_plan(PLAN))[0]["days"] == "1 Jan to 31 Mar 2013"


@pytest.mark.parametrize(("name", "notice"), [("none", "Nothing measured yet. "), ("empty", "No runs yet on M1. ")])
def test_the_page_can_be_read_before_anything_is_measured(
    app_on: Callable[..., Flask], values_of: Callable, tmp_path: Path, name: str, notice: str
) -> None:
    """Without a store, and with an empty one, definitions and windows stand there, and that there are no runs."""
    if name == "empty":
        open_store(tmp_path / name, "replay").close()
    values = values_of(app_on(tmp_path / name).test_client(), "/method")
    assert values["notices"][0].startswith(notice)
    assert len(values["page"]["measures"]) == len(MEASURES)
    assert values["page"]["windows"][0]["title"] == "Receive"


def test_a_series_without_a_hash_says_so(page: Any) -> None:
    """What an older release did not record is not recorded, and never taken for the hash of today."""
    rows = page.one("table", class_="series").texts("tr")
    assert "5e1f00d2b7c9 standard replay not recorded" in rows


def test_details_are_folded_and_targets_are_not(page: Any) -> None:
    """Each measure shows its definition, formula and who asks for it; the rest unfolds, and is all there."""
    for part in page.all("article", class_="definition"):
        folded = ["Unit", "Better", "Counted", "Likely range", "Left out", "It takes"]
        assert part.texts("dt") == ["Asked by", *folded]
        assert part.one("details").texts("dt") == folded
