"""Text for people: what a file name or a partner's answer contains never acts on a terminal or a page.

Escape sequences can hide or forge output, a direction mark reorders it, and a newline begins a line that looks like one
of this program.
"""

from __future__ import annotations

import unicodedata

import click


def escape_control_characters(text: str, keep: str = "") -> str:
    r"""Return a text in which every character that is not printable is replaced by its escape, such as `\x1b`.

    These are controls, format characters such as direction marks, line and paragraph separators, surrogates, and code
    points without a character. Spaces stay, and the characters in `keep`.
    """
    if text.isprintable():
        return text
    return "".join(char if is_harmless(char) or char in keep else escape(char) for char in text)


def is_harmless(char: str) -> bool:
    """Return whether a character is printable or a space of any width."""
    return char.isprintable() or unicodedata.category(char) == "Zs"


def escape(char: str) -> str:
    """Return the escape of a character, as in a Python string."""
    return char.encode("unicode_escape").decode()


def escape_for_page(value: object) -> object:
    """Return a value for a page, a text with its control characters escaped; markup and line breaks stay.

    A template engine calls it for each expression, as its `finalize`.
    """
    if type(value) is str and not value.isprintable():
        return escape_control_characters(value, keep="\n\r\t")
    return value


def print_line(text: str, *, err: bool = False) -> None:
    """Print a text as one line, to standard error with `err`; a line break in it is escaped, too."""
    click.echo(escape_control_characters(text), err=err)


def print_text(text: str) -> None:
    """Print a text of several lines."""
    click.echo(escape_control_characters(text, keep="\n"))
