"""Hours of a feed: each mistake is named with the choices, and hours change no request."""

import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from poc.config import hours
from poc.config.hours import Expect, Send
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.pipeline.prepared_feed import settings_digest

HOURS = """
[feed.flights.expect]
by = "06:00"
zone = "Europe/Berlin"
days = "mon-fri"
holidays = "DE-BY"
[feed.flights.send]
not_before = "22:00"
cut_off = "05:00"
"""


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "there is none of them"),
        ({"by": "06:00", "within": "3h"}, "there is `by` and `within`"),
        ({"by": "06:00", "every": "0 6 * * *"}, "there is `by` and `every`"),
        ({"by": "6:00"}, "pattern"),
        ({"by": "24:00"}, "pattern"),
        ({"within": "3 hours"}, "pattern"),
        ({"by": "06:00", "zone": "Europe/Berln"}, "zones with such names: Europe/Berlin"),
        ({"by": "06:00", "zone": "Europe"}, "is not known; zones with such names: "),
        ({"by": "06:00", "zone": "../zoneinfo/UTC"}, "is not known; zones with such names: "),
        ({"by": "06:00", "holidays": "DE-"}, "write 'DE' for the whole country"),
        ({"by": "06:00", "days": "mon-fry"}, "'mon-fry' is no weekday; write ranges and lists of mon, tue"),
        ({"by": "06:00", "holidays": "DX"}, "countries with such codes: "),
        ({"by": "06:00", "holidays": "DE-XX"}, "parts of DE: BB, BE, BW, BY"),
        ({"every": "0 6 * *"}, "has 4 fields; it needs 5: minute, hour, day, month, weekday"),
        ({"every": "60 6 * * *"}, "minute '60' of a crontab line is not among 0 to 59"),
        ({"every": "0 6 * jem *"}, "month 'jem' of a crontab line is not among 1 to 12 or jan, feb"),
        ({"every": "0 6 30 2 *"}, "names a date that no year has"),
        ({"every": "0 6 * * sat", "days": "mon-fri"}, "are none of 'mon-fri'"),
        ({"every": "2d"}, "has 1 fields"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_expectation_names_the_choices(keys, said):
    """A rule that cannot be followed is refused when the file is read, not when its time has come."""
    with pytest.raises(ValidationError, match=said):
        Expect(**keys)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "give `not_before`, `cut_off` or both"),
        ({"not_before": "22:00", "cut_off": "22:00"}, "are the same time"),
        ({"cut_off": "00:00"}, "are the same time"),
        ({"not_before": "22:00", "by": "06:00"}, "Extra inputs"),
    ],
)  # fmt: skip
def test_hours_in_which_nothing_could_be_sent_are_refused(keys, said):
    """Sending hours have a beginning or an end, and some time between both."""
    with pytest.raises(ValidationError, match=said):
        Send(**keys)


def test_holidays_without_their_package_name_the_extra(monkeypatch):
    """The base install has no calendars of holidays; the error says how to get them."""
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(ValidationError, match=r"pip install 'milepost\[holidays\]'"):
        Expect(by="06:00", holidays="DE")


def test_a_system_without_time_zones_is_named(monkeypatch):
    """A small container may have none; the error says what to install."""
    monkeypatch.setattr(hours, "available_timezones", set)
    with pytest.raises(ValidationError, match="install its package `tzdata`"):
        Expect(by="06:00", zone="Europe/Nowhere")


def test_hours_leave_the_digest_of_the_settings_alone(tmp_path):
    """A file that was reserved before hours were added goes on as it was: hours do not change what a request holds."""
    create_workspace(tmp_path, "test", "live", {"AA": AIRLINES["AA"]}, "schema = 1\n")
    contract = tmp_path / "contracts" / "flights.schema.json"
    _, before = load_workspace(tmp_path).get_feed("AA", "flights")
    path = Path(tmp_path / "partners" / "AA.toml")
    path.write_text(path.read_text() + HOURS)
    _, after = load_workspace(tmp_path).get_feed("AA", "flights")
    assert after.expect is not None
    assert after.send is not None
    assert settings_digest(after, contract) == settings_digest(before, contract)
