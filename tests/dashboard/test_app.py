"""What the app gives every page: texts of partners cannot reorder or hide what a person reads."""

from dataclasses import replace

import pytest

NAME, ESCAPED = "\x1b[2J\u202egpj.csv", r"\x1b[2J\u202egpj.csv"


@pytest.mark.parametrize("address", ["/runs", "/runs/1", "/failures"])
def test_a_page_escapes_control_characters(on, a_run, address):
    """A file name and an error with an escape sequence and a direction mark are shown with their escapes."""
    run = a_run(outcome="failed", file=NAME, error=f"cannot be read: {NAME}", error_type="status-500")
    page = on(replace(run, key=replace(run.key, exchange_id="1"))).get(address)
    text = page.get_data(as_text=True)
    assert (page.status_code, ESCAPED in text) == (200, True)
    assert not {"\x1b", "\u202e"} & set(text)
