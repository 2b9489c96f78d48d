"""What is said of the two years of a replay."""

from datetime import date, timedelta

import pytest

from metrics.replay.input_files import SECOND_YEAR
from metrics.replayed_years import SECOND_YEAR_NOTE, SECOND_YEAR_START, second_year_note, year_option


def test_the_second_year_starts_with_its_first_block():
    """The day that decides what is said is that of the input itself."""
    assert SECOND_YEAR.days[0] == SECOND_YEAR_START


@pytest.mark.parametrize(
    ("mode", "last_day", "note"),
    [
        ("replay", SECOND_YEAR_START, SECOND_YEAR_NOTE),
        ("replay", SECOND_YEAR_START - timedelta(days=1), ""),
        ("replay", None, ""),
        ("live", date(2026, 11, 30), ""),
    ],
)
def test_the_note_is_about_replays_of_the_second_year_alone(mode, last_day, note):
    """Production and the first year have no note."""
    assert second_year_note(mode, last_day) == note


def test_a_command_names_the_second_year_and_never_the_first():
    """The first year is the default."""
    assert year_option(SECOND_YEAR_START) == " --year 2"
    assert year_option(date(2013, 12, 31)) == ""
