"""The printed sheet: what finds room on it, what gives way, and how it is drawn."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest

from metrics.store.database import open_store
from metrics.store.series import METHOD
from roadmap.judge.evaluate import evaluate
from roadmap.judge.status import judge
from roadmap.model import Evidence, Reason
from roadmap.plan.loader import load_plan
from roadmap.report import one_page, one_page_table, svg_chart
from roadmap.report.block_series import BlockPoint, MilestoneSpan, block_points, milestone_spans
from roadmap.wording import sentences as wording_text

TODAY = date(2013, 3, 31)


def week(number, control, subject, milestone="M1", target=None):
    """One week from 7 Jan 2013 with these busy seconds."""
    first = date(2013, 1, 7) + timedelta(weeks=number)
    rest = dict.fromkeys(
        ("control_held", "subject_held", "control_first", "subject_first", "control_after", "subject_after",
         "control_exchanges", "subject_exchanges"),
    )  # fmt: skip
    return BlockPoint(
        block=first, block_end=first + timedelta(days=6), milestone=milestone, control_s=control, subject_s=subject,
        target_s=target, **rest,
    )  # fmt: skip


@pytest.fixture
def judged(front, replay):
    """Twelve good weeks judged by the milestones of a file, and the store they are in."""

    def judge(text):
        front.milestones.write_text(text)
        with closing(open_store(front.store, "replay")) as db:
            replay(db, range(12))
            plan = load_plan(front.milestones)
            return one_page.gather(db, plan, evaluate(db, plan, TODAY, 1, 0), TODAY, "replay", 1)

    return judge


def copies(text, many, subject="service@1"):
    """A milestone file of so many milestones."""
    head, body = text.split("[[milestone]]", 1)
    one = "[[milestone]]" + body
    return head + "".join(
        one.replace('"M1"', f'"M{n + 1}"').replace("service@1", "service@1" if n < 3 else subject) for n in range(many)
    )


def test_the_page_in_words(judged, one_milestone):
    """Answer, standing, figures, row: the numbers of the full report, in the words of the pages."""
    made = judged(one_milestone.read_text())
    assert (made.headline, made.detail) == (
        "Proven. Runs take 59.5% less time.", "Likely between 59.1% and 59.9%; the target is 30%.",
    )  # fmt: skip
    assert made.standing == ("1 of 1 milestone proven: M1.",)
    assert [figure.big for figure in made.figures] == ["59.5%", "0 of 12", "not recorded"]
    assert made.figures[2].missing
    assert made.counted == (
        "service@1 against the monolith, feeds */flights, under standard faults, 7 Jan to 31 Mar 2013 (12 weeks)"
    )
    (row,) = made.rows
    assert (row.status, row.gain, row.range, row.proven, row.forecast) == (
        "proven", "59.5% less time", "likely 59.1% to 59.9%", "31 Mar 2013", "",
    )  # fmt: skip
    assert made.decision == "None recorded."
    assert (made.data_until, made.as_of, made.method) == ("Data up to 31 Mar 2013", "31 Mar 2013", METHOD)


def test_milestones_that_do_not_fit_are_counted(judged, one_milestone):
    """Of fourteen milestones twelve are shown; those not started are omitted first, and counted by status."""
    made = judged(copies(one_milestone.read_text(), 14, "service@9").replace("2013-03-31", "2013-06-30"))
    assert (made.fill, len(made.rows)) == ("dense", one_page_table.MOST)
    assert {row.code for row in made.rows} >= {f"M{n}" for n in range(4, 15)}  # at risk: they are not built
    assert made.omitted == "And 2 more in the dashboard: 2 proven."
    assert all(row.why == "" for row in made.rows)


def test_the_same_inputs_hash_the_same_and_others_do_not(judged, one_milestone):
    """The hashes change with the plan and with the numbers, and with nothing else."""
    first = judged(one_milestone.read_text())
    again = judged("# a comment\n" + one_milestone.read_text())
    other = judged(one_milestone.read_text().replace("0.30", "0.35").replace(
        'code = "M1"', 'code = "M1"\nrevision = 2'))  # fmt: skip
    assert (first.plan_sha256, first.inputs_sha256) == (again.plan_sha256, again.inputs_sha256)
    assert other.plan_sha256 != first.plan_sha256
    assert other.plan == "milestone file: M1 in revision 2"


@pytest.mark.parametrize(
    ("text", "most", "short"),
    [
        ("one two", 7, "one two"),
        ("one  two\nthree", 9, "one two…"),
        ("W" * 30, 10, "WWWWWWWWW…"),
        ("60% of it", 40, "60% of it"),
        ("anything", 0, ""),
    ],
)
def test_texts_are_shortened_between_words(text, most, short):
    """Never longer than asked; cut inside a word only where there is no other place."""
    assert wording_text.shortened(text, most) == short


def test_a_gap_and_a_switch_break_the_line():
    """A week without the service is no line through it, and one milestone's line does not run into the next's."""
    told = [week(0, 10, 4), week(1, 10, None), week(2, 10, 5), week(3, 12, 6, "M2"), week(4, 12, 6, "M2")]
    drawn = svg_chart.draw_chart(told, (), "under standard faults", "week", 150)
    assert drawn is not None
    paths = {line.role: line.path for line in drawn.lines}
    assert set(paths) == {"baseline", "service"}
    assert paths["baseline"].count("M") == 1
    assert [part[-4:] == "h0.1" for part in re.split("(?<=.)(?=M)", paths["service"])] == [True, True, False]
    assert drawn.title == "Less time per record in 4 of 4 weeks"


def test_labels_do_not_overlap():
    """Lines that end in one place have separate labels, all of them inside the drawing."""
    drawn = svg_chart.draw_chart([week(0, 10, 10, target=10), week(1, 10, 10, target=10)], (), "", "week", 118)
    assert drawn is not None
    places = sorted(line.y for line in drawn.lines)
    assert all(below - above >= 12.9 for above, below in pairwise(places))
    assert places[0] >= svg_chart.TOP
    assert places[-1] <= drawn.floor + 4


@pytest.mark.parametrize(("seconds", "unit"), [(0.05, "ms"), (9.0, "s"), (4200.0, "s")])
def test_the_axis_starts_at_0_with_round_steps(seconds, unit):
    """From 0 up past the highest value, in few round steps, in a unit that fits."""
    drawn = svg_chart.draw_chart([week(0, seconds, seconds / 2)], (), "", "week", 150)
    assert drawn is not None
    assert drawn.y_ticks[0].text == f"0 {unit}"
    assert 3 <= len(drawn.y_ticks) <= 6
    assert all(re.fullmatch(rf"[\d,.]+ {unit}", tick.text) for tick in drawn.y_ticks)
    assert drawn.y_ticks[-1].at >= svg_chart.TOP


def test_nothing_measured_is_not_drawn():
    """No week, or none with a number: no chart, rather than an empty one."""
    assert svg_chart.draw_chart([], (), "", "week", 150) is None
    assert svg_chart.draw_chart([week(0, None, None)], (), "", "week", 150) is None


def test_each_week_belongs_to_the_milestone_in_use(front, replay):
    """Each week is in order, under its milestone, with the target that this one sets."""
    with closing(open_store(front.store, "replay")) as db:
        replay(db, range(3))
        (part,) = milestone_spans(load_plan(front.milestones), 1, date(2013, 1, 27))
        found = block_points(db, [part], "replay", "standard")
    assert isinstance(part, MilestoneSpan)
    assert (part.start, part.end, part.target) == (date(2013, 1, 7), date(2013, 1, 27), 0.3)
    assert [one.milestone for one in found] == ["M1"] * 3
    assert [one.control_s for one in found] == pytest.approx([100, 100, 100])
    assert [one.subject_s for one in found] == pytest.approx([40, 41, 40])
    assert found[0].target_s == pytest.approx(70)


@pytest.mark.parametrize(
    ("clock", "how"), [("replay", "`milepost metrics measure` fills"), ("live", "`milepost run`, then")]
)
def test_without_measurements_there_is_the_plan(front, clock, how):
    """No number, no chart, and which command makes them."""
    plan = load_plan(front.milestones)
    verdicts = [judge(milestone, Evidence(mode=clock), TODAY, 1) for milestone in plan.milestones]
    made = one_page.gather(None, plan, verdicts, TODAY, clock, 1)
    assert (made.headline, made.drawing, made.data_until) == ("Nothing has been measured yet.", None, "No data")
    assert how in made.detail
    assert [figure.big for figure in made.figures] == ["not measured", "not measured", "not recorded"]
    assert [row.gain for row in made.rows] == ["not measured"]


@pytest.mark.parametrize(
    ("code", "text", "short"),
    [
        ("fact:not_met:busy_time_saved", "fact: Time: 50.1% less" + " and more" * 12,
         "Processing time saved: short of the target"),
        ("forecast:late:failed_first", "forecast: " + "a word " * 20,
         "Failed at the first attempt: expected after the due date"),
        ("not_met:busy_time_saved", "Processing time saved: not met", "Processing time saved: not met"),
        ("stalled", "no " * 40, "No" + " no" * 22 + "…"),
    ],
)  # fmt: skip
def test_a_reason_that_is_too_long_is_replaced_by_a_short_one(front, code, text, short):
    """A reason cut before its verdict is replaced by a short one with the verdict."""
    plan = load_plan(front.milestones)
    (verdict,) = [judge(milestone, Evidence(mode="replay"), TODAY, 1) for milestone in plan.milestones]
    told = replace(verdict, reasons=(Reason(code=code, text=text, change=""),))
    (row,), _ = one_page_table.one_page_rows([told], TODAY, "roomy")
    assert row.why == short
    assert one_page_table.one_page_rows([told], TODAY, "dense")[0][0].why == ""
