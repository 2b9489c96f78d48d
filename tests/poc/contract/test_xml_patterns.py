"""Patterns mean what XML Schema says, or are refused by the name of the construct."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poc.batch import ROW
from poc.contract.contract import load_contract
from poc.contract.xml_patterns import compile_pattern

MATCHES = [
    (r"[a-z-[aeiou]]+", ["bcd", "z"], ["abc", "e", "", "[", "-"]),
    (r"[^a-z-[0-4]]", ["5", "A"], ["3", "b"]),
    (r"[a-z-[b-y-[m]]]", ["a", "z", "m"], ["b", "n"]),
    (r"[\d-[5-9]]+", ["01234"], ["5"]),
    (r"\w+", ["aé٣", "a+b", "$"], ["a_b", "a-b", "a b", "a.b", "a\u200bb"]),
    (r"\W+", ["_-. "], ["a", "+"]),
    (r"\s+", [" \t\n\r"], ["\u00a0", "\u2003", "\v", "\f"]),
    (r"\S+", ["\u00a0", "a"], [" ", "a\n"]),
    (r"a.b", ["axb", "a\u2028b", "a\u0085b"], ["a\nb", "a\rb", "ab"]),
    (r"\d+", ["12", "٣", "१"], ["½", "²", "1a"]),
    (r"\D", ["a", "½"], ["1", "٣"]),
    (r"\i\c*", ["a-1", "_x.y", ":a", "é·"], ["1a", "-a", ".", "a b"]),
    (r"\I\C", ["1 ", "-/"], ["a ", "1a"]),
    (r"a&&b", ["a&&b"], ["a", "ab"]),
    (r"[a&&b]+", ["a&b"], ["c", ""]),
    (r"[a~~b]+", ["a~b"], ["c"]),
    (r"^abc$", ["abc"], ["^abc$", "xabc", "abc\n"]),
    (r"a^b", ["a^b"], ["ab"]),
    (r"a$b", ["a$b"], ["ab"]),
    (r"a\^|\\$", ["a^", "\\"], ["a", "\\$"]),
    (r"[$^]", ["$", "^"], [""]),
    (r"[\-a]|[-b]|[c-]", ["a", "b", "c", "-"], ["d"]),
    (r"[\t-\r]\n", ["\t\n", "\r\n"], ["a\n"]),
    (r"\p{Lu}\p{L}*\P{N}", ["Éa!"], ["éa!", "Éa1"]),
    (r"[\p{IsBasicLatin}-[\p{Nd}]]+", ["ab"], ["a1", "é"]),
    (r"\P{IsGreek}", ["a"], ["α"]),
    (r"(a|b){2,3}", ["ab", "bbb"], ["a", "abab"]),
    (r"a|b", ["a", "b"], ["ab", ""]),
    (r"", [""], ["a"]),
    (r"()", [""], ["a"]),
    (r"# x\.", ["# x."], ["x."]),
]

REFUSED = [
    (r"[[:alpha:]]", r"`\[:`, a class of POSIX, \(at character 2\)"),
    (r"[a[b]]", r"`\[` in a class"),
    (r"(?i)a", "`\\(\\?`, flags"),
    (r"(?=a)", "a lookahead"),
    (r"(?!a)", "a negative lookahead"),
    (r"(?<=a)b", "a lookbehind"),
    (r"(?P<n>a)", "a named group"),
    (r"(?:a)", r"a group with `\?:`; write `\(`"),
    (r"a*?", "lazy and possessive ones do not exist"),
    (r"a{2}+", "lazy and possessive ones do not exist"),
    (r"*a", r"`\*` after nothing"),
    (r"(|+)", r"`\+` after nothing"),
    (r"\bword\b", r"`\\b`, a word boundary, \(at character 1\)"),
    (r"^\Aa", r"`\\A`, an anchor, \(at character 2\)"),
    (r"(a)\1", "a reference to a group"),
    (r"\x41", "a character by its number"),
    (r"\$", r"`\\\$`, an escape; write `\[\$\]`"),
    (r"\/", r"write `\[/\]`"),
    (r"\p{Greek}", r"`\\p\{Greek\}`, no category and none of the blocks IsBasicLatin"),
    (r"\p{^L}", "no category"),
    (r"\pL", "without a category in braces"),
    (r"a{,2}", r"`\{` alone"),
    (r"a]", r"`\]` alone"),
    (r"a)", r"`\)` without `\(`"),
    (r"(a", r"`\(` without `\)`"),
    (r"[a", r"`\[` without `\]`"),
    (r"[]", "an empty class"),
    (r"[a-z-9]", "`-` in the middle of a class"),
    (r"[z-a]", "a range from `z` to `a`"),
    (r"[\d-z]", "a range from a class"),
    (r"[a-\d]", "to a class"),
    (r"[a-[b]c]", "anything after a subtraction"),
    ("[a-" * 30 + "[b" + "]" * 31, "more than 20 subtractions"),
    ("a\\", "an escape"),
]


@pytest.mark.parametrize(("pattern", "good", "bad"), MATCHES, ids=lambda part: str(part)[:30])
@pytest.mark.parametrize("copies", [1, 1500], ids=["few rows", "many rows"])
def test_a_pattern_has_the_meaning_of_xml_schema(tmp_path, pattern, good, bad, copies):
    """It matches whole values, alike in small and in large files."""
    path = tmp_path / "a.schema.json"
    field = {"name": "a", "type": "string", "constraints": {"pattern": pattern}}
    path.write_text(json.dumps({"fields": [field], "missingValues": []}))
    texts = [*good * copies, *bad]
    _, findings = load_contract(path).check(pl.DataFrame({ROW: range(len(texts)), "a": texts}))
    assert [finding.row for finding in findings] == list(range(len(good) * copies, len(texts)))


@pytest.mark.parametrize(("pattern", "note"), REFUSED, ids=lambda part: str(part)[:30])
def test_a_construct_of_another_dialect_is_refused_by_its_name(pattern, note):
    """With its position, so that it can be found."""
    with pytest.raises(ValueError, match=note):
        compile_pattern(pattern)


def test_a_note_says_where_anchors_are_taken_as_such():
    """Both what is done with them at the ends, and what is not done in the middle."""
    assert compile_pattern("a+").note == ""
    assert compile_pattern(r"a\^\\").note == ""
    assert "taken as anchors" in compile_pattern("^a").note
    assert "taken as anchors" in compile_pattern("a$").note
    assert compile_pattern("a^b").note == "`^` and `$` elsewhere are these characters, as XML Schema says"


CHARACTERS = st.text(st.sampled_from("aZ0_-^$&~[]{}()|.*+?\\ \n\ré\U0001f600"), max_size=6)


@settings(max_examples=200, deadline=None)
@given(text=CHARACTERS, other=CHARACTERS)
def test_escaped_characters_match_themselves_only(text, other):
    """Outside and inside a class, whatever they mean in other dialects."""
    escaped = "".join(
        f"\\{char}" if char in "-^[]{}()|.*+?\\" else f"[{char}]" if char == "$" else char for char in text
    )
    column = pl.Series([text, other])
    assert column.str.contains(compile_pattern(escaped).rust).to_list() == [True, other == text]
    members = "".join(f"\\{char}" if char in "-^[]\\" else char for char in text)
    if members:
        rust = compile_pattern(f"[{members}]+").rust
        assert column.str.contains(rust).to_list() == [True, bool(other) and set(other) <= set(text)]


@settings(max_examples=300, deadline=None)
@given(pattern=st.text(st.sampled_from("ab-^$&~[]{}()|.*+?\\:,12dwpLP"), max_size=12))
def test_any_pattern_is_translated_or_refused(pattern):
    """A translation is always an expression that polars takes, unless its repetitions are out of order or too many."""
    try:
        rust = compile_pattern(pattern).rust
    except ValueError:
        return
    try:
        pl.Series(["a"]).str.contains(rust)
    except pl.exceptions.PolarsError:
        assert "{" in pattern or "[" in pattern
