"""An answer means one outcome, and a partner's time to wait is understood in every form."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poc.config.endpoint import Success
from poc.transports.http_answer import Answer
from poc.transports.http_outcome import json_value, retry_after_s, status_failure, success_fault

NOW = datetime(2013, 3, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("-5", 0),
        ("1.5", 0),
        ("", 0),
        ("soon", 0),
        ("١٢", 0),
        ("9" * 5000, 1e9),
        ("Tue, 05 Mar 2013 06:01:30 GMT", 90),
        ("Tuesday, 05-Mar-13 06:01:30 GMT", 90),
        ("Tue Mar  5 06:01:30 2013", 90),
        ("Tue, 05 Mar 2013 08:01:30 +0200", 90),
        ("Tue, 05 Mar 2013 05:00:00 GMT", 0),
        ("Tue, 35 Mar 2013 05:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1e9),
    ],
)
def test_retry_after_is_read_in_both_forms(text, seconds):
    """Seconds, or a date relative to the given time; a past or invalid one asks for no wait."""
    assert retry_after_s(text, NOW) == seconds


@given(st.text())
def test_any_retry_after_is_a_finite_wait(text):
    """Any text gives a time to wait."""
    assert 0 <= retry_after_s(text, NOW) <= timedelta(days=366 * 100).total_seconds()


@given(status=st.integers(100, 999), retry_after=st.one_of(st.none(), st.text(), st.integers(0, 99).map(str)))
def test_any_status_has_one_kind(status, retry_after):
    """A time to wait is obeyed whatever the status is; what a server error took is unknown, but for 503."""
    failed = status_failure("http://h/", status, retry_after, NOW)
    assert failed.kind in {"retry", "wait", "pause", "stop"}
    assert failed.kind == "wait" or not failed.wait_s
    assert failed.unknown or not (status >= 500 and status != 503)


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", {"a": [{"b/c": 1, "~": 2}], "": 3}),
        ("/a/0/b~1c", 1),
        ("/a/0/~0", 2),
        ("/", 3),
        ("/a/0", {"b/c": 1, "~": 2}),
    ],
)
def test_a_json_pointer_leads_to_its_value(pointer, value):
    """As RFC 6901 says."""
    assert json_value({"a": [{"b/c": 1, "~": 2}], "": 3}, pointer) == value


@pytest.mark.parametrize("pointer", ["/b", "/a/1", "/a/-", "/a/x", "/a/0/b~1c/d", "/a/٠", "/a/00"])
def test_a_json_pointer_may_lead_nowhere(pointer):
    """A member that is not there, or an index that is none."""
    with pytest.raises(LookupError):
        json_value({"a": [{"b/c": 1}]}, pointer)


def test_a_json_answer_with_a_name_twice_is_no_success():
    """Which of the two values the partner means is unknown."""
    success = Success.model_validate({"json": "/ok", "equals": True})
    for body, fault in ((b'{"ok":true}', ""), (b'{"ok":false,"ok":true}', "not in JSON")):
        assert success_fault(Answer(200, {}, body, "complete", keep_alive=True, interim=0), success) == fault
