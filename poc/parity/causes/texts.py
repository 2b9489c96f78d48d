"""Causes in the characters of two texts: white space, case, blanks, Unicode, order, encoding.

Each function takes pairs of different texts, the columns `left` and `right`, and returns which of them it explains.
White space, case, blanks and Unicode are compared column by column; the others look at the few pairs that can match.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable

#: Texts that stand for no value, in lower case.
BLANKS = ("", "null", "none", "nil", "nan", "na", "n/a", "#n/a", "\\n", "-", "--")

#: White space, and characters without a width that programs add to texts.
SPACE = r"[\s\u{00AD}\u{200B}\u{2060}\u{FEFF}]+"

#: What parts the items of a list in a text, or the members of a JSON value.
SEPARATORS = re.compile(r"[\s,;|\[\]{}]+")

#: Encodings that are taken for one another.
ENCODINGS = ("utf-8", "cp1252", "latin-1", "iso8859-15", "cp850", "cp437", "cp1250", "mac-roman")

#: Longer texts are not compared in other encodings.
MAX_ENCODED_CHARACTERS = 2_000

#: Characters that stand for one that an encoding does not have.
REPLACED = re.compile(r"[?\ufffd]+")

Left, Right = pl.col("left"), pl.col("right")


def differs_in_whitespace(pairs: pl.DataFrame) -> pl.Series:
    """Return which pairs are equal without their white space."""
    return pairs.select(Left.str.replace_all(SPACE, "") == Right.str.replace_all(SPACE, "")).to_series()


def differs_in_case(pairs: pl.DataFrame) -> pl.Series:
    """Return which pairs are equal in lower case, or in upper case."""
    lower = Left.str.to_lowercase() == Right.str.to_lowercase()
    return pairs.select(lower | (Left.str.to_uppercase() == Right.str.to_uppercase())).to_series()


def is_null_or_blank(pairs: pl.DataFrame, missing: tuple[str, ...] = ()) -> pl.Series:
    """Return which pairs are two notations of no value; `missing` are further ones, of the contract."""

    def blank(text: pl.Expr) -> pl.Expr:
        return text.is_null() | text.str.strip_chars().str.to_lowercase().is_in(BLANKS) | text.is_in(missing)

    return pairs.select(blank(Left) & blank(Right)).to_series()


def differs_in_unicode_form(pairs: pl.DataFrame) -> pl.Series:
    """Return which pairs are equal in one normal form of Unicode (NFKC, Unicode Standard Annex 15)."""
    return pairs.select(Left.str.normalize("NFKC") == Right.str.normalize("NFKC")).to_series()


def differs_in_order(pairs: pl.DataFrame) -> pl.Series:
    """Return which pairs have the same parts in another order, as lists and JSON objects can."""
    separated = r"[\s,;|]"
    can_match = Left.str.contains(separated) & Right.str.contains(separated)
    return of_candidates(pairs, can_match, has_same_parts)


def has_same_parts(left: str, right: str) -> bool:
    """Return whether two texts have the same parts, two at least, in different orders."""
    one, other = ([part for part in SEPARATORS.split(text) if part] for text in (left, right))
    return len(one) == len(other) > 1 and one != other and sorted(one) == sorted(other)


def differs_in_encoding(pairs: pl.DataFrame) -> pl.Series:
    """Return which pairs are one text, read in two encodings, or written in one that lacks its characters."""
    odd = r"[^\x00-\x7f]|&#?[A-Za-z0-9]+;"
    return of_candidates(pairs, Left.str.contains(odd) | Right.str.contains(odd), is_other_encoding)


def is_other_encoding(left: str, right: str) -> bool:
    """Return whether one of two texts comes from the other by a wrong or a poorer encoding, or by escapes of HTML."""
    if max(len(left), len(right)) > MAX_ENCODED_CHARACTERS:
        return False
    if _encoded(left) & _encoded(right):
        return True
    return _is_poorer(left, right) or _is_poorer(right, left)


def _encoded(text: str) -> set[bytes]:
    """Return the bytes of a text in all encodings that have its characters."""
    result = set()
    for encoding in ENCODINGS:
        try:
            result.add(text.encode(encoding))
        except UnicodeEncodeError:
            continue
    return result


def _is_poorer(poor: str, text: str) -> bool:
    """Return whether a text has lost characters: replaced, without accents, or escaped."""
    if html.unescape(poor) == text:
        return True
    plain = "".join(sign for sign in unicodedata.normalize("NFD", text) if not unicodedata.combining(sign))
    if plain == poor:
        return True
    pieces = REPLACED.split(poor)
    if len(pieces) == 1:
        return False
    # a character of several bytes may be replaced by as many signs; only beside ASCII is it clear where they end
    least = "1," if "".join(pieces).isascii() else ""
    lost = [f"[^\\x00-\\x7f]{{{least}{len(run)}}}" for run in REPLACED.findall(poor)]
    pattern = "".join(re.escape(piece) + gap for piece, gap in zip(pieces, [*lost, ""], strict=True))
    return re.fullmatch(pattern, text) is not None


def of_candidates(pairs: pl.DataFrame, can_match: pl.Expr, matches: Callable[[str, str], bool]) -> pl.Series:
    """Return which pairs match; only those that can, of which no text is null, are looked at one by one."""
    candidates = pairs.select((can_match & Left.is_not_null() & Right.is_not_null()).fill_null(value=False)).to_series()
    found = pairs.filter(candidates)
    if found.is_empty():
        return candidates
    texts = zip(found.get_column("left").to_list(), found.get_column("right").to_list(), strict=True)
    result = [False] * len(candidates)
    for row, (left, right) in zip(candidates.arg_true().to_list(), texts, strict=True):
        result[row] = matches(left, right)
    return pl.Series("left", result, dtype=pl.Boolean)
