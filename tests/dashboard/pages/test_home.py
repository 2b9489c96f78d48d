"""The front page beside its three figures: partners, the narrowest week, units, and where it is printed."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

import pytest

from dashboard.charts.gains import gains_chart
from dashboard.presenters.feed_rows import describe_range
from dashboard.queries.partner_gains import (
    MilestoneGains,
    PartnerGain,
    describe_split,
    gains_by_milestone,
    split_by_direction,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient


def gain(partner: str, low: float | None, high: float | None) -> PartnerGain:
    """A partner's gain with a likely range, or without."""
    known = low is not None and high is not None
    return PartnerGain(
        partner=partner, estimate=(low + high) / 2 if known else 0.5, low=low, high=high, blocks=13, runs=52
    )


@pytest.fixture
def ranges(client: FlaskClient) -> MilestoneGains:
    """Gains of six partners: two less, two more, one unclear, one with too few runs."""
    made = client.application.extensions["views"].newest().cached(gains_by_milestone)["M1"]
    partners = (
        gain("AA", 0.4, 0.6), gain("UA", 0.1, 0.2), gain("HA", -2.0, -0.5), gain("AS", -0.5, -0.1),
        gain("VX", -0.2, 0.1), gain("OO", None, None),
    )  # fmt: skip
    return MilestoneGains(**{name: getattr(made, name) for name in made.__slots__} | {"partners": partners})


def test_partners_are_counted_by_their_likely_range(ranges: MilestoneGains) -> None:
    """A range on one side of the same time is less or more; one across it is unclear; none is too few."""
    found = split_by_direction(ranges)
    assert (found.less, found.more) == (("AA", "UA"), ("AS", "HA"))
    assert (found.unclear, found.unknown) == (("VX",), ("OO",))
    assert describe_split(found, 6) == "Less time with 2 of 5 partners, more with 2 (AS, HA), unclear with 1"
    assert describe_split(found, 1) == "Less time with 2 of 5 partners, more with 2 (AS and 1 other), unclear with 1"


def test_the_chart_of_partners_counts_those_unclear_too(ranges: MilestoneGains) -> None:
    """Its title accounts for every dot in it."""
    chart = gains_chart(ranges)
    assert chart is not None
    assert chart.title == "Less time with 2 of 5 partners, more with 2, unclear with 1"


def test_the_front_page_says_how_many_partners_gain_and_leads_there(client: FlaskClient, get_html: Callable) -> None:
    """The number of partners with less time stands under the answer, with the way to each of them."""
    line = get_html(client, "/").one("p", class_="split")
    assert line.text == "Less time with 4 of 4 partners. Gain by partner"
    assert line.links() == {"/milestones/M1#partners": "Gain by partner"}
    assert get_html(client, "/milestones/M1").one("h2", id="partners")


def test_an_answer_without_gains_by_partner_has_no_such_line(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], values_of: Callable
) -> None:
    """Six weeks are too few for anybody's range: nothing is counted, rather than 0 of 0."""
    assert values_of(app_on(made_up(weeks=6)).test_client(), "/")["page"].partners == ""


def test_the_narrowest_week_is_named_and_leads_to_its_runs(
    client: FlaskClient, values_of: Callable, get_html: Callable
) -> None:
    """Below the chart stands where the least was saved; the link lists that week's runs, with no key left out."""
    (address,) = get_html(client, "/").links("Runs of these days")
    assert address == "/runs?side=monolith,service@1&faults=standard&from=2013-01-28&to=2013-02-03"
    values = values_of(client, address)
    assert values["notices"] == ()
    assert values["many"] > 0


def test_short_times_are_in_milliseconds_everywhere_but_in_the_data(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], client: FlaskClient, values_of: Callable
) -> None:
    """Chart, hover and table have one unit with three figures; CSV and JSON stay in seconds under the same names."""
    quick = app_on(_quick(made_up())).test_client()
    for pages, words, unit in ((client, "in seconds, by week", "s"), (quick, "in milliseconds, by week", "ms")):
        chart = values_of(pages, "/")["charts"][0]
        assert words in chart.what
        assert f"Service, {unit}" in [column.heading for column in chart.columns]
    body = quick.get("/charts/busy.json").json
    assert body["columns"]["subject_s"] == "Service, s"
    seconds = float(next(csv.DictReader(io.StringIO(quick.get("/charts/busy.csv").text)))["subject_s"])
    assert seconds < 0.1
    line = next(trace for trace in body["figure"]["data"] if trace["meta"] == "service")
    assert line["y"][0] == pytest.approx(seconds * 1000, rel=1e-3)
    assert line["hovertemplate"] == "%{y:,.1f} ms"
    assert f"{seconds * 1000:.1f}" in chart.cells[0]


def _quick(store: Path) -> Path:
    """The same year on a machine that is two hundred times as fast."""
    import sqlite3

    db = sqlite3.connect(store)
    with db:
        db.execute("UPDATE run_block SET busy_ns = busy_ns / 200")
    db.close()
    return store


def test_the_key_names_one_target_or_just_says_target(
    client: FlaskClient, example: FlaskClient, values_of: Callable
) -> None:
    """Under several milestones with targets of their own nobody reads "target: target"."""
    keys = [dict(values_of(pages, "/")["charts"][0].key)["target"] for pages in (client, example)]
    assert keys == ["target: 30% less", "target"]


def test_a_series_is_named_once_where_measuring_is_explained(
    client: FlaskClient, values_of: Callable, get_html: Callable
) -> None:
    """Each series stands with its faults under "How we measure", and nowhere above it."""
    assert values_of(client, "/")["page"].series == (
        "5e1f00d2b7c9: under standard faults", "0a1b2c3d4e5f: without faults",
    )  # fmt: skip
    *above, below = get_html(client, "/").texts("section")
    assert below.startswith("How we measure")
    assert below.count("5e1f00d2b7c9") == 1
    assert not [text for text in above if "series" in text]


def test_the_printed_page_is_led_to_from_the_answer(client: FlaskClient, get_html: Callable) -> None:
    """Beside the status, not at the foot; the day that is looked at is kept."""
    hero = get_html(client, "/?as_of=2013-03-03").one("section", class_="hero")
    assert hero.links("Print") == {"/report?as_of=2013-03-03": "Print"}


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.55, 0.002, "likely 55% more to the same time"),
        (-0.002, 0.1, "likely the same time to 10% less"),
        (-0.2, 0.1, "likely 20% more to 10% less"),
    ],
)
def test_a_bound_of_nothing_is_the_same_time(low: float, high: float, said: str) -> None:
    """Nobody reads "0% less"."""
    assert describe_range(low, high, 0) == said


def test_each_milestone_has_a_line_under_the_question(example: FlaskClient, get_html: Callable) -> None:
    """Page one speaks of the whole plan: code, title, computed status, and the time saved where it was measured."""
    lines = get_html(example, "/").one("div", class_="lines")
    assert [re.sub(r"\d+%", "N%", text) for text in lines.texts("li")] == [
        "M1 Receive proven N% less time", "M2 Quarantine proven N% less time", "M3 Deliver once proven N% less time",
        "M4 Persist at risk N% less time", "M5 Pass not started", "M6 Move not started",
    ]  # fmt: skip
    assert "/milestones/M4" in lines.links()
