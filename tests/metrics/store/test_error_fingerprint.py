"""Similar failures have one fingerprint, different ones have different fingerprints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.store.error_fingerprint import MAX_PATTERN, error_pattern, fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("row 197: distance 99999 is not between 1 and 20000", "row 3: distance 0 is not between 1 and 20000"),
        (
            "503 Server Error for url: http://127.0.0.1:1/r1/EV",
            "503 Server Error for url: http://10.0.0.1:22/r2/B6?a=b",
        ),
        ("cannot open '/srv/in box/a.csv'", 'cannot open "b.csv"'),
        ("/var/lib/x/flights.csv: gone", "./y.csv.gz: gone"),
        ("flights.csv: cut short", "crews.jsonl: cut short"),
        ("due at 2013-12-31 06:00:02 UTC", "due at 2014-01-01T07:00:00+00:00 UTC"),
        ("exchange 3f2a9c1b is lost", "exchange 77d0e2aa9f004c11 is lost"),
        ("1,234 rows", "5 rows"),
        ("took 5%", "took 17.5%"),
        ("no\n  answer", "no answer"),
    ],
)
def test_variable_parts_make_no_difference(one, other):
    """Numbers, quoted names, URLs, paths, files, days and ids are replaced."""
    assert error_pattern("", one) == error_pattern("", other)
    assert fingerprint("x", one) == fingerprint("x", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("http-503", "answered 503"), ("http-429", "answered 429")),
        (("", "hour 24 is not between 0 and 23"), ("", "minute 75 is not between 0 and 59")),
        (("type-error", ""), ("constraint-error", "")),
        (("", "connection refused"), ("", "connection reset")),
        (("a", "b"), ("ab", "")),
    ],
)
def test_other_words_are_another_failure(one, other):
    """So is another kind of error."""
    assert fingerprint(*one) != fingerprint(*other)


def test_the_pattern_stays_readable():
    """A replaced part is visible, and nothing else is lost: an apostrophe does not open a quote."""
    error = "can't read 'a b': row 5, (7 of 9) at http://h/x; see /tmp/y."
    assert error_pattern("", error) == "can't read …: row …, (… of …) at …; see …."
    assert error_pattern("late", "") == "late"


def test_no_error_has_no_fingerprint():
    """Failures without kind and text are not a group."""
    assert fingerprint("", "") == fingerprint("", " \n") == ""


@given(st.text(), st.text(st.sampled_from("'\"`“/.:-,a1 \ud800…(\\"), max_size=3000))
def test_any_text_has_a_fingerprint(kind, error):
    """Any text gives 12 digits, the same each time, and a pattern of limited length."""
    digits = fingerprint(kind, error)
    assert digits == fingerprint(kind, error)
    assert len(digits) == 12 or not (kind or error.strip())
    assert len(error_pattern("", error)) <= MAX_PATTERN
