"""Stage changes of routes as marks of charts."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from dashboard.charts.stage_marks import MAX_MARKS, join_near_marks, mark_days
from metrics.route_events import RouteEvent
from metrics.store.database import open_store
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask


def test_moves_of_one_day_are_one_mark_and_names_are_text() -> None:
    """The newest days alone, the oldest first; a name cannot be markup of the drawing."""
    day = date(2013, 4, 2)
    moves = [(day, "<b>/f", "canary at 0.1"), (date(2013, 4, 1), "a/f", "shadow"), (date(2013, 4, 1), "b/f", "service")]
    assert [(mark.day.day, mark.text) for mark in mark_days(moves)] == [
        (1, "2 stage changes"), (2, "&lt;b&gt;/f: canary at 10%"),
    ]  # fmt: skip
    many = [(date(2013, 3, number), "a/f", "shadow") for number in range(31, 0, -1)]
    assert len(mark_days(many)) == MAX_MARKS


def test_texts_of_near_days_are_one_text() -> None:
    """Of three days in one month of a year, the first has the number of all changes; all lines stay."""
    days = [date(2013, 2, 1), date(2013, 9, 1), date(2013, 9, 8), date(2013, 9, 15)]
    moves = [(day, f"{name}/f", "service") for day in reversed(days) for name in ("a", "b")]
    joined = join_near_marks(mark_days(moves), date(2013, 1, 1), date(2013, 12, 31))
    assert [(mark.day, mark.text) for mark in joined] == [
        (days[0], "2 stage changes"), (days[1], "6 stage changes"), (days[2], ""), (days[3], ""),
    ]  # fmt: skip


def test_the_charts_of_both_sides_mark_a_change(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """The weekly charts and the partner's own have a line on the day, and the partner's chart no other partner's."""
    store = made_up(weeks=20)
    at = datetime(2013, 3, 6, 12, tzinfo=UTC)
    moved = RouteEvent(
        mode="replay", faults="standard", series="", partner="UA", feed="flights", block="2013-03-06",
        block_end="2013-03-06", changed_at_us=round(at.timestamp() * 1e6), stage="service", previous="canary",
    )  # fmt: skip
    with closing(open_store(store, "replay")) as db, db.conn:
        insert_events(db, [("", moved)])
    client = app_on(store).test_client()
    for name in ("busy", "failed"):
        shapes = client.get(f"/charts/{name}.json").json["figure"]["layout"]["shapes"]
        assert [shape["x0"] for shape in shapes if shape["name"] == "target" and shape["type"] == "line"] == [
            "2013-03-06"
        ]
    texts = [note["text"] for note in client.get("/charts/busy.json").json["figure"]["layout"]["annotations"]]
    assert "UA/flights: service" in texts
    for partner, count in (("UA", 1), ("AA", 0)):
        layout = client.get(f"/charts/partner.json?partner={partner}").json["figure"]["layout"]
        assert len([note for note in layout["annotations"] if note["text"] == "flights: service"]) == count
