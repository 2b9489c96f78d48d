"""What a person reads contains no character that acts on a terminal or reorders text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from metrics.terminal import escape_control_characters, escape_for_page, print_line, print_text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("a\nmilepost: all is well\r\t", r"a\nmilepost: all is well\r\t"),
        ("\x9b31m", r"\x9b31m"),
        ("gpj\u202e.exe\u2066\u200f\ufeff", r"gpj\u202e.exe\u2066\u200f\ufeff"),
        ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\x85d"),
        ("\udcff\ud800", r"\udcff\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("Ünï 文字 😀 é\u0301 a\u00a0b\u3000c", "Ünï 文字 😀 é\u0301 a\u00a0b\u3000c"),
    ],
)
def test_only_what_is_not_printable_is_escaped(text, escaped):
    """Escape sequences, line breaks, direction marks, surrogates and tags are escaped; letters and spaces stay."""
    assert escape_control_characters(text) == escaped


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_becomes_one_printable_line(text):
    """Whatever the text, no control, format or line separator is left, and a second escape changes nothing."""
    escaped = escape_control_characters(text)
    assert not {unicodedata.category(char) for char in escaped} & {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
    assert len(f"{escaped}x".splitlines()) == 1
    assert escape_control_characters(escaped) == escaped
    escaped.encode()


def test_a_line_is_one_line_and_a_text_keeps_its_lines(capsys):
    """A line break is escaped in a line, and kept in a text; nothing else differs."""
    print_line("a\nb\x1b")
    print_text("a\nb\x1b")
    print_line("c\u202e", err=True)
    assert tuple(capsys.readouterr()) == ("a\\nb\\x1b\na\nb\\x1b\n", "c\\u202e\n")


def test_a_page_keeps_markup_and_line_breaks():
    """Texts of a page are escaped without their line breaks; markup, numbers and None are as they were."""
    markup = Markup("<b>\x1b</b>")
    assert escape_for_page("a\n\u202eb") == "a\n\\u202eb"
    assert escape_for_page(markup) is markup
    assert [escape_for_page(value) for value in (3, None)] == [3, None]
