"""The cause of a difference is the first one that explains it."""

import polars as pl
import pytest

from poc.parity.causes.classify import FieldFacts, classify
from poc.parity.causes.names import VALUE_CAUSES


def cause(left: str | None, right: str | None, facts: FieldFacts | None = None) -> str:
    """Return the cause of one pair."""
    texts = pl.DataFrame({"left": [left], "right": [right]}, schema={"left": pl.String, "right": pl.String})
    return classify(texts, facts or FieldFacts()).item()


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (" a", "a", "whitespace"),
        ("a\u00a0b", "a b", "whitespace"),
        ("Ab", "aB", "case"),
        ("Straße", "STRASSE", "case"),
        (None, "", "null-or-blank"),
        ("NULL", "n/a", "null-or-blank"),
        ("007", "7", "leading-zeros"),
        ("-05", "-5", "leading-zeros"),
        ("0.5", ".5", "leading-zeros"),
        ("1.50", "1.5", "number-format"),
        ("1,234.5", "1234.5", "number-format"),
        ("1.234,5", "1234.5", "number-format"),
        ("(5)", "-5", "number-format"),
        ("1e3", "1000", "number-format"),
        ("3.142", "3.14", "rounding"),
        ("187.4", "187", "rounding"),
        ("1.24", "1.23", "rounding"),
        ("2013-01-02", "02.01.2013", "date-format"),
        ("02/03/2013", "2013-02-03", "date-format"),
        ("2 Jan 2013", "20130102", "date-format"),
        ("2013-01-02T10:00:00Z", "2013-01-02 10:00:00+00:00", "date-format"),
        ("2013-01-02", "2013-01-02T00:00:00", "date-format"),
        ("1:05 PM", "13:05:00", "date-format"),
        ("2013-01-02T10:00:00Z", "2013-01-02T11:00:00+01:00", "time-zone"),
        ("2013-01-02T10:00:00", "2013-01-02T10:00:00Z", "time-zone"),
        ("2013-01-02 23:30:00", "2013-01-03 00:30:00", "time-zone"),
        ("caf\u00e9", "cafe\u0301", "unicode-form"),
        ("\uff21\uff22", "AB", "unicode-form"),
        ("b;a", "a;b", "order"),
        ('{"a":1,"b":2}', '{"b":2,"a":1}', "order"),
        ("M\u00fcller", "M\u00c3\u00bcller", "encoding"),
        ("M\u00fcller", "M?ller", "encoding"),
        ("M\u00fcller", "M??ller", "encoding"),
        ("M\u00fcller 5 \u20ac", "M\u00fcller 5 ?", "encoding"),
        ("M\u00fcller", "Muller", "encoding"),
        ("A&amp;B", "A&B", "encoding"),
    ],
)
def test_a_difference_of_notation_has_its_cause_from_either_side(left: str | None, right: str | None, expected: str):
    """Each notation is named by its cause, and by the same one with the sides exchanged."""
    assert (cause(left, right), cause(right, left)) == (expected, expected)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("a", "b"),
        (None, "x"),
        ("0", ""),
        ("5", "6"),
        ("1.2", "1.4"),
        ("1.20", "1.1"),
        ("AB 12", "AB 13"),
        ("2013-01-02", "2013-01-03"),
        ("2013-01-02T10:00:00Z", "2013-01-02T10:20:00Z"),
        ("10:00", "10:01"),
        ("a,b", "a,c"),
        ("M\u00fcller", "M\u00f6ller"),
        ("what?", "what!"),
        ("1" * 100, "2" * 100),
        ("99999999999999999999999999", "99999999999999999999999998"),
    ],
)
def test_a_difference_of_meaning_is_one_of_values(left: str | None, right: str | None):
    """What no notation explains is a difference of values."""
    assert (cause(left, right), cause(right, left)) == ("value", "value")


def test_two_whole_numbers_are_rounded_only_where_the_field_is_a_number():
    """A count that is one off is a mistake; a measure that is one off may be rounded."""
    assert cause("1400", "1401") == "value"
    assert cause("1400", "1401", FieldFacts("number")) == "rounding"


def test_the_contract_names_further_texts_without_a_value():
    """A missing value of the contract is a blank."""
    assert cause("none given", "") == "value"
    assert cause("none given", "", FieldFacts(missing=("none given",))) == "null-or-blank"


def test_a_hostile_text_takes_no_time():
    """Texts that match in many ways up to their ends are decided at once."""
    poor, text = "??\u00fc" * 600, "\u00fc" * 1_800 + "x"
    assert cause(poor, text) == "value"
    assert cause("1," * 50_000, "1;" * 50_000) == "value"
    assert cause("?" * 100_000, "\u00fc" * 100_000) == "value"


def test_only_one_cause_explains_a_difference():
    """Two notations that both changed are a difference of values, so that accepting one cause hides no other."""
    assert cause(" AB", "ab") == "value"


def test_each_pair_of_many_has_its_own_cause():
    """Causes stand at the places of their pairs."""
    texts = pl.DataFrame({"left": ["a", "1.0", "x ", "b"], "right": ["b", "1", "x", "B"]})
    assert classify(texts, FieldFacts()).to_list() == ["value", "number-format", "whitespace", "case"]
    assert len(VALUE_CAUSES) == 11
