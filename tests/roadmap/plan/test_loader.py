"""The milestone file: read strictly, and refused with words that mend it."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path

import pytest

import roadmap
from poc.pipeline.levels import HIGHEST_LEVEL
from roadmap.errors import PlanError
from roadmap.plan import loader, milestones
from roadmap.plan.template import live_template

TEMPLATE = Path(roadmap.__file__).with_name("milestones.toml")


def test_template_holds_the_targets_fixed_before_anything_was_measured():
    """The milestones of this proof of concept, by quarter, with evidence.md's targets."""
    found = {
        m.code: (
            m.subject,
            m.start,
            m.due,
            [(t.name, t.direction, t.value, t.faults) for t in m.metrics],
            [(t.name, t.direction, t.value) for t in m.guardrails],
        )
        for m in loader.load_plan(TEMPLATE).milestones
    }
    saved, kept = ("busy_time_saved", "at_least", 0.30), ("lost_records", "at_most", 0)
    assert found == {
        "M1": (
            "service@1",
            date(2013, 1, 1),
            date(2013, 3, 31),
            [("answers_equal", "at_least", 1, "none"), ("busy_time_saved", "at_least", 0.30, "standard")],
            [],
        ),
        "M2": (
            "service@2",
            date(2013, 4, 1),
            date(2013, 6, 30),
            [("good_rows_delivered", "at_least", 1, "standard"), ("false_rejects", "at_most", 0, "standard")],
            [saved],
        ),
        "M3": (
            "service@3",
            date(2013, 7, 1),
            date(2013, 9, 29),
            [("lost_records", "at_most", 0, "standard"), ("partner_duplicates", "at_most", 0, "standard")],
            [saved, kept],
        ),
        "M4": (
            "service@4",
            date(2013, 9, 30),
            date(2013, 12, 31),
            [
                ("busy_time_saved", "at_least", 0.60, "standard"),
                ("recovered_unattended", "at_least", 0.95, "stress"),
                ("wasted_calls", "at_most", 5, "stress"),
            ],
            [saved, kept],
        ),
        "M5": (
            "service@5",
            date(2014, 1, 1),
            date(2014, 3, 30),
            [("busy_time_saved", "at_least", 0.75, "standard")],
            [saved, kept],
        ),
        "M6": (
            "service@5",
            date(2014, 3, 31),
            date(2014, 6, 29),
            [
                ("feeds_cut_over", "at_least", 1.0, "standard"),
                ("parity_unexplained", "at_most", 0, "standard"),
                ("lost_records", "at_most", 0, "standard"),
                ("partner_duplicates", "at_most", 0, "standard"),
            ],
            [],
        ),
    }


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"busy_time_saved"', '"time_saved"', "metric time_saved: unknown measure 'time_saved'; choose one of"),
        ("at_least = 0.30", "at_most = 0.30", "busy_time_saved: more is better, so write `at_least`, not `at_most`"),
        ("at_most = 0", "at_least = 0", "lost_records: less is better, so write `at_most`, not `at_least`"),
        ("at_least = 0.30", "at_least = 30", "30 is above 1; shares are 0 to 1, so write 0.60 for 60% (here perhaps"),
        ("at_most = 0", "at_most = -1", "lost_records: -1 is below 0, which it can never be"),
        ("at_least = 0.30", "", "busy_time_saved: give one of `at_least` and `at_most`; here it is `at_least`"),
        ("at_least = 0.30", 'at_least = "0.3"', "`at_least` = '0.3': input should be a valid number"),
        ("due = 2013-03-31", "due = 2013-03-30", "12 weekly blocks take 84 days, it leaves 83; make it 2013-03-31"),
        ("due = 2013-03-31", "due = 2012-03-31", "due 2012-03-31 is before start 2013-01-07"),
        ("start =", 'status = "proven"\nstart =', "`status` is computed from measurements, never written; delete the"),
        ("title =", "titel =", "milestone M1: unknown key `titel`; choose from code, title, objective, subject,"),
        ('title = "Receive"', "", "milestone M1: `title` is missing"),
        ('scope = ["*/flights"]', "scope = []", "milestone M1: `scope` = []: list should have at least 1 item"),
        ("at_most = 0", 'at_most = 0\nfault = "none"', "unknown key `fault`; choose from name, at_least, at_most,"),
        ("at_most = 0", 'at_most = 0\nfaults = "some"', "`faults` = 'some': input should be 'standard', 'none' or"),
        ("at_least = 0.30", 'at_least = 0.3\nfaults = "stress"', "busy_time_saved: the stress series replays the"),
        ('["*/flights"]', '["flights"]', "'flights' is not PARTNER/FEED"),
        ('"service@1"', '"service"', "unknown subject 'service'; choose `monolith` or `service@1`"),
        ("schema = 1", "schema = 2", "`schema` = 2: input should be 1"),
        ("schema = 1", "schema = ", "not TOML"),
        ("schema = 1", "schema = 1\nevidence = 1", "unknown key `evidence`; choose from schema, milestone"),
        ("schema = 1", 'schema = 1\nsha256 = "1"', "unknown key `sha256`"),
        ("start =", "evidence.min_blocks = 2\nstart =", "`min_blocks` = 2: input should be greater than or equal to 6"),
        ("start =", 'evidence.mode = "daily"\nstart =', "`mode` = 'daily': input should be 'anytime' or 'fixed'"),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_refused_in_one_line(one_milestone, old, new, said):
    """Each mistake names its place and value, and says how to correct it; the exit code is 2."""
    text = one_milestone.read_text()
    assert text.count(old) == 1
    one_milestone.write_text(text.replace(old, new))
    with pytest.raises(PlanError) as refused:
        loader.load_plan(one_milestone)
    assert said in str(refused.value)
    assert str(refused.value).startswith(f"{one_milestone}: ")
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 2


def test_one_mistake_is_one_error(one_milestone):
    """A missing title is one error, not that and all that follows from it."""
    one_milestone.write_text(one_milestone.read_text().replace('title = "Receive"', ""))
    with pytest.raises(PlanError) as refused:
        loader.load_plan(one_milestone)
    assert str(refused.value) == f"{one_milestone}: milestone M1: `title` is missing"


def test_a_missing_file_says_how_to_make_one(tmp_path):
    """No file is an error with the command that makes it."""
    with pytest.raises(PlanError, match="there is no such file; `milepost init` makes one"):
        loader.load_plan(tmp_path / "milestones.toml")


def test_the_same_code_twice_is_refused(one_milestone):
    """Two milestones of one code could not be told apart."""
    text = one_milestone.read_text()
    one_milestone.write_text(text + text.replace("schema = 1", ""))
    with pytest.raises(PlanError, match="milestone M1 occurs twice"):
        loader.load_plan(one_milestone)


def test_the_same_target_twice_is_refused(one_milestone):
    """A repeated target would count twice."""
    one_milestone.write_text(
        one_milestone.read_text() + '[[milestone.guardrail]]\nname = "lost_records"\nat_most = 1\n'
    )
    with pytest.raises(PlanError, match="guardrail lost_records occurs twice; keep one"):
        loader.load_plan(one_milestone)


def test_an_unknown_code_names_the_codes_of_the_file(one_milestone):
    """Asking for a milestone that is not in the file."""
    with pytest.raises(PlanError, match="unknown milestone 'M9'; choose one of M1"):
        loader.load_plan(one_milestone).milestone("M9")


def test_a_proof_is_tied_to_targets_and_not_to_titles(one_milestone):
    """The fingerprint changes with a target, and not with a title or a due date."""
    text = one_milestone.read_text()
    before = loader.load_plan(one_milestone).milestone("M1").fingerprint
    one_milestone.write_text(text.replace("Receive", "Take in").replace("2013-03-31", "2013-04-07"))
    assert loader.load_plan(one_milestone).milestone("M1").fingerprint == before
    one_milestone.write_text(text.replace("0.30", "0.20"))
    assert loader.load_plan(one_milestone).milestone("M1").fingerprint != before


def test_in_production_a_block_is_a_day(one_milestone):
    """Twelve days of evidence fit into twelve days; into eleven they do not, and the message says days."""
    text = one_milestone.read_text()
    one_milestone.write_text(text.replace("2013-03-31", "2013-01-18"))
    assert loader.load_plan(one_milestone, 1).milestone("M1").due == date(2013, 1, 18)
    with pytest.raises(PlanError, match="12 weekly blocks take 84 days, it leaves 12; make it 2013-03-31 or later"):
        loader.load_plan(one_milestone)
    one_milestone.write_text(text.replace("2013-03-31", "2013-01-17"))
    with pytest.raises(PlanError, match="12 daily blocks take 12 days, it leaves 11; make it 2013-01-18 or later"):
        loader.load_plan(one_milestone, 1)


@pytest.mark.parametrize(
    ("block_days", "rules", "day"),
    [
        (7, "", date(2013, 1, 7)),
        (1, "", date(2013, 3, 20)),
        (1, "evidence.review_days = 10", date(2013, 3, 10)),
        (7, "evidence.min_blocks = 6", date(2013, 2, 18)),
    ],
)
def test_the_last_responsible_start(one_milestone, block_days, rules, day):
    """Due 31 Mar 2013, less the blocks that a verdict takes, less the days that people take to review it."""
    text = one_milestone.read_text()
    one_milestone.write_text(text.replace('code = "M1"', f'code = "M1"\n{rules}'))
    assert loader.load_plan(one_milestone).milestone("M1").last_start(block_days) == day


def test_a_promise_is_plain_data(one_milestone):
    """Dates, targets, rules, scope and money; a new title does not change it, a new due date does."""
    text = one_milestone.read_text()
    told = loader.load_plan(one_milestone).milestone("M1").as_dict()
    assert json.loads(json.dumps(told)) == told
    assert told == {
        "subject": "service@1",
        "control": "monolith",
        "start": "2013-01-07",
        "due": "2013-03-31",
        "scope": ["*/flights"],
        "budget": None,
        "evidence": {
            "mode": "anytime",
            "alpha": 0.05,
            "min_grade": "B",
            "min_blocks": 12,
            "min_coverage": 0.80,
            "review_days": 0,
        },
        "metrics": [{"name": "busy_time_saved", "at_least": 0.30, "at_most": None, "faults": "standard"}],
        "guardrails": [{"name": "lost_records", "at_least": None, "at_most": 0.0, "faults": "standard"}],
    }
    one_milestone.write_text(text.replace("Receive", "Take in"))
    assert loader.load_plan(one_milestone).milestone("M1").as_dict() == told
    one_milestone.write_text(text.replace("2013-03-31", "2013-04-07"))
    assert loader.load_plan(one_milestone).milestone("M1").as_dict() != told


def test_a_production_workspace_starts_with_measures_of_production():
    """They are about the level that runs; the first starts on the day, and a log and a service can prove it."""
    text = live_template(date(2026, 11, 23))
    found = milestones.Plan.model_validate(tomllib.loads(text), context={"block_days": 1})
    first, second = found.milestones
    assert (first.start, first.due, second.start) == (date(2026, 11, 23), date(2027, 2, 20), date(2027, 2, 21))
    assert (first.evidence.min_grade, second.evidence.min_grade) == ("D", "C")
    for milestone in found.milestones:
        assert milestone.subject == f"service@{HIGHEST_LEVEL}"
        assert {target.name for target in (*milestone.metrics, *milestone.guardrails)} == {
            "busy_time_saved", "failed_final_avoided",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "at_least = 0.30",
            "at_least = nan",
            "metric busy_time_saved: `at_least` = nan: input should be a finite number",
        ),
        ("at_most = 0", "at_most = inf", "guardrail lost_records: `at_most` = inf: input should be a finite number"),
        ('code = "M1"', 'code = "M1"\nbudget = inf', "`budget` = inf: input should be a finite number"),
        (
            'code = "M1"',
            'code = "M1"\nbudget = 1e13',
            "`budget` = 10000000000000.0: input should be less than or equal",
        ),
        (
            'code = "M1"',
            'code = "M1"\nevidence = { review_days = 900000 }',
            "`review_days` = 900000: input should be less than or equal to 365",
        ),
        (
            'code = "M1"',
            'code = "M1"\nevidence = { min_blocks = 521 }',
            "`min_blocks` = 521: input should be less than or equal to 520",
        ),
        (
            "start = 2013-01-07",
            "start = 1969-12-31",
            "`start` = 1969-12-31: input should be greater than or equal to 1970",
        ),
        (
            "due = 2013-03-31",
            "due = 2200-01-01",
            "`due` = 2200-01-01: input should be less than or equal to 2199-12-31",
        ),
    ],
)
def test_numbers_and_days_out_of_bounds_are_refused(one_milestone, old, new, said):
    """A value that is no number or out of bounds is named with its bound."""
    one_milestone.write_text(one_milestone.read_text().replace(old, new))
    with pytest.raises(PlanError) as refused:
        loader.load_plan(one_milestone)
    assert said in str(refused.value)


def test_the_longest_plan_can_be_computed(one_milestone):
    """At the bounds every computed day is a valid day."""
    text = one_milestone.read_text().replace("2013-01-07", "2185-01-01").replace("2013-03-31", "2199-12-31")
    rules = 'code = "M1"\nevidence = { min_blocks = 520, review_days = 365 }'
    one_milestone.write_text(text.replace('code = "M1"', rules))
    assert loader.load_plan(one_milestone).milestone("M1").last_start() == date(2189, 1, 13)
