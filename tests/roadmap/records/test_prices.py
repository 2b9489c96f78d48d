"""Prices: recorded with a date, append-only, and another series when they change."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import date

import pytest

from metrics.prices import Prices
from metrics.store.database import open_store
from roadmap.errors import Refused

PRICES = Prices(currency="EUR", person_hour=60.0, touch_minutes=15.0, machine_hour=36_000.0, since=date(2012, 12, 1))
TARGET = '\n[[milestone.metric]]\nname = "effort_saved"\nat_least = 0.30\n'


def test_prices_fixed_with_the_plan_serve_a_milestone_and_later_ones_do_not(measured, run, data):
    """The reading names them; others need a later `since`, and then prove nothing of a milestone that has started."""
    measured.milestones.write_text(measured.milestones.read_text() + TARGET)
    measured.prices = PRICES
    effort = data("status")[0]["metrics"][1]
    assert (effort["name"], effort["verdict"], effort["prices"]) == ("effort_saved", "met", PRICES.sha256[:8])
    assert "Effort saved: 60%, likely 56% to 63%; 60% at half" in run("report").output
    measured.prices = replace(PRICES, person_hour=90.0)
    with pytest.raises(Refused, match="differs from the prices that hold since 2012-12-01: EUR 60 an hour of a person"):
        raise run("status").exception
    measured.prices = replace(PRICES, person_hour=90.0, since=date(2013, 3, 1))
    effort = data("status")[0]["metrics"][1]
    assert effort["verdict"] == "insufficient"
    assert effort["why"] == "its prices hold since 2013-03-01, which is not before the start, 2013-01-07"


def test_the_store_refuses_to_change_prices(measured, run):
    """UPDATE and DELETE fail."""
    measured.prices = PRICES
    run("status")
    db = open_store(measured.store, "replay")
    for sql in ("UPDATE price SET person_hour = 1", "DELETE FROM price"):
        with pytest.raises(sqlite3.IntegrityError, match="price is append-only"):
            db.execute(sql)
    db.close()
