"""Sending hours: files wait outside them, also over midnight, weekends, and the days when clocks change."""

from datetime import UTC, datetime, timedelta

import pytest

from poc.config.hours import Send
from poc.schedule.send_hours import SendHours, waits_until

NIGHT = {"not_before": "22:00", "cut_off": "05:00", "zone": "Europe/Berlin"}


def at(text):
    """An instant of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("keys", "now", "until"),
    [
        (NIGHT, "2026-11-30T20:59", "2026-11-30T21:00"),
        (NIGHT, "2026-11-30T21:00", None),
        (NIGHT, "2026-12-01T03:59", None),
        (NIGHT, "2026-12-01T04:00", "2026-12-01T21:00"),
        ({**NIGHT, "days": "mon-fri"}, "2026-11-28T03:00", None),  # Saturday, in the hours of Friday
        ({**NIGHT, "days": "mon-fri"}, "2026-11-28T05:00", "2026-11-30T21:00"),
        ({**NIGHT, "holidays": "DE"}, "2026-12-24T12:00", "2026-12-24T21:00"),
        ({**NIGHT, "holidays": "DE"}, "2026-12-25T05:00", "2026-12-27T21:00"),
        ({"not_before": "08:00"}, "2026-11-30T23:59", None),
        ({"not_before": "08:00"}, "2026-12-01T00:00", "2026-12-01T08:00"),
        ({"cut_off": "05:00"}, "2026-12-01T00:00", None),
        ({"cut_off": "05:00"}, "2026-12-01T05:00", "2026-12-02T00:00"),
        # from 02:30 to 03:30, when 02:00 to 03:00 is left out, and when it comes twice
        ({"not_before": "02:30", "cut_off": "03:30", "zone": "Europe/Berlin"}, "2026-03-29T00:59", "2026-03-29T01:00"),
        ({"not_before": "02:30", "cut_off": "03:30", "zone": "Europe/Berlin"}, "2026-03-29T01:29", None),
        ({"not_before": "02:30", "cut_off": "03:30", "zone": "Europe/Berlin"}, "2026-10-25T00:30", None),
        ({"not_before": "02:30", "cut_off": "03:30", "zone": "Europe/Berlin"}, "2026-10-25T02:29", None),
        # hours that are left out whole are those of the next day
        ({"not_before": "02:10", "cut_off": "02:50", "zone": "Europe/Berlin"}, "2026-03-29T01:00", "2026-03-30T00:10"),
    ],
)  # fmt: skip
def test_a_feed_waits_until_its_hours_begin(keys, now, until):
    """The answer is the instant from which on files are sent, or none where they are sent now."""
    assert waits_until(Send(**keys), at(now)) == (until and at(until))


def test_a_kept_answer_is_the_same():
    """An answer is kept no longer than it is right, also for a clock that goes back."""
    send = Send(**NIGHT, days="mon-fri")
    hours = SendHours()
    instants = [at("2026-10-20T00:00") + step * timedelta(minutes=15) for step in range(14 * 96)]
    for now in [*instants, *instants[::-7]]:
        assert hours.waits_until(send, now) == waits_until(send, now)
    assert hours.waits_until(None, instants[0]) is None
