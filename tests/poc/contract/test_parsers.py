"""Parsers of each field type: valid texts with their values, and invalid texts."""

import json
import re
from datetime import date, datetime, time
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from poc.batch import ROW
from poc.contract import contract, schema


@pytest.fixture
def typed(tmp_path):
    """A function that types texts by a field's description: the values, and the rows that are type errors."""

    def read(field, *texts):
        path = tmp_path / "a.schema.json"
        path.write_text(json.dumps({"fields": [{"name": "a", **field}]}))
        rows = pl.DataFrame({ROW: range(1, len(texts) + 1), "a": pl.Series(texts, dtype=pl.String)})
        values, findings = contract.load_contract(path).check(rows)
        assert all((found.code, found.field) == ("type-error", "a") for found in findings)
        return values["a"].to_list(), [texts[found.row - 1] for found in findings]

    return read


STAMP = datetime(2024, 1, 26, 15, 0, 0)  # noqa: DTZ001, values in flight carry no zone

UUID = "123E4567-e89b-12d3-a456-426614174000"

GOOD = [
    ({"type": "string"}, " a\n", " a\n"),
    ({"type": "any"}, "1", "1"),
    ({}, "x", "x"),
    ({"type": "string", "format": "email"}, "a.b+c@example.co.uk", "a.b+c@example.co.uk"),
    ({"type": "string", "format": "email"}, "jörg@müller.example", "jörg@müller.example"),
    ({"type": "string", "format": "uri"}, "https://u@e.org:80/a%20b?q=1#f", "https://u@e.org:80/a%20b?q=1#f"),
    ({"type": "string", "format": "uri"}, "urn:isbn:0451450523", "urn:isbn:0451450523"),
    ({"type": "string", "format": "uri"}, "http://[2001:db8::7]/c", "http://[2001:db8::7]/c"),
    ({"type": "string", "format": "uuid"}, UUID, UUID),
    ({"type": "string", "format": "binary"}, "aGk=", "aGk="),
    ({"type": "integer"}, "-007", -7),
    ({"type": "integer"}, "9223372036854775807", 2**63 - 1),
    ({"type": "integer", "groupChar": ","}, "1,234,567", 1234567),
    ({"type": "integer", "groupChar": ","}, "12,34,567", 1234567),
    ({"type": "integer", "groupChar": ","}, "1234", 1234),
    ({"type": "integer", "groupChar": "."}, "1.234", 1234),
    ({"type": "integer", "bareNumber": False}, "EUR -95 each", -95),
    ({"type": "integer", "bareNumber": False}, "\u20ac 95 \u5186", 95),
    ({"type": "integer", "bareNumber": False}, "95%", 95),
    ({"type": "integer", "bareNumber": False}, "No. 95 [\u00b0C]", 95),
    ({"type": "integer", "bareNumber": False}, "\u200f95 \u20aa", 95),
    ({"type": "integer", "bareNumber": False}, "\u7d04 95\u338f", 95),
    ({"type": "number"}, "-1.23", "-1.23"),
    ({"type": "number"}, "+100000.00", "100000.00"),
    ({"type": "number"}, ".5E-3", "0.5E-3"),
    ({"type": "number"}, "-007.", "-7"),
    ({"type": "number"}, "5.e0001", "5e001"),
    ({"type": "number"}, "9007199254740993", "9007199254740993"),
    ({"type": "number"}, "1E-400", "1E-400"),
    ({"type": "number"}, "9" * 1000, "9" * 1000),
    ({"type": "number", "decimalChar": ",", "groupChar": "."}, "1.234.567,80", "1234567.80"),
    ({"type": "number", "decimalChar": ",", "groupChar": " ", "bareNumber": False}, "1 234,5 €", "1234.5"),
    ({"type": "number", "bareNumber": False}, "Rs. 5.25", "5.25"),
    ({"type": "boolean"}, "TRUE", True),
    ({"type": "boolean"}, "0", False),
    ({"type": "boolean", "trueValues": ["yes"], "falseValues": ["no"]}, "no", False),
    ({"type": "date"}, "2024-02-29", date(2024, 2, 29)),
    ({"type": "date", "format": "%m/%d/%Y"}, "1/2/2018", date(2018, 1, 2)),
    ({"type": "date", "format": "fmt:%d.%m.%y"}, "31.12.99", date(1999, 12, 31)),
    ({"type": "date", "format": "%d.%m.%y"}, "1.1.69", date(1969, 1, 1)),
    ({"type": "date", "format": "%y%m%d"}, "680229", date(2068, 2, 29)),
    ({"type": "date", "format": "%a %d-%b-%y"}, "Wed 01-Jan-69", date(1969, 1, 1)),
    ({"type": "datetime", "format": "%H:%M %D"}, "20:19 01/02/00", datetime(2000, 1, 2, 20, 19)),  # noqa: DTZ001
    ({"type": "date", "format": "%Y%m%d"}, "20240126", date(2024, 1, 26)),
    ({"type": "date", "format": "%d %B %Y"}, "26 january 2024", date(2024, 1, 26)),
    ({"type": "time"}, "15:00:59", time(15, 0, 59)),
    ({"type": "time", "format": "%I:%M %p"}, "12:05 am", time(0, 5)),
    ({"type": "datetime"}, "2024-01-26T15:00:00Z", STAMP),
    ({"type": "datetime"}, "2024-01-26T10:00:00-05:00", STAMP),
    ({"type": "datetime"}, "2024-01-26T15:00:00.300Z", STAMP.replace(microsecond=300_000)),
    ({"type": "datetime", "format": "%Y-%m-%dT%H:%M:%S"}, "2024-01-26T15:00:00", STAMP),
    ({"type": "datetime", "format": "%d/%m/%Y %H:%M:%S.%f"}, "26/1/2024 15:00:00.0", STAMP),
    ({"type": "datetime", "format": "%Y-%m-%d %H:%M:%S %z"}, "2024-01-26 16:30:00 +0130", STAMP),
    ({"type": "datetime", "format": "%Y-%m-%d %H:%M:%S%z"}, "2024-01-26 15:00:00Z", STAMP),
    ({"type": "datetime", "format": "%a, %d %b %Y %H:%M"}, "Fri, 26 Jan 2024 15:00", STAMP),
    ({"type": "year"}, "2024", "2024"),
    ({"type": "year"}, "-0044", "-0044"),
    ({"type": "yearmonth"}, "2024-12", "2024-12"),
    ({"type": "duration"}, "P1Y2M3DT4H5M6.7S", "P1Y2M3DT4H5M6.7S"),
    ({"type": "duration"}, "-PT36H", "-PT36H"),
]  # fmt: skip

BAD = [
    ({"type": "string", "format": "email"}, "a@b", "a b@c.de", "@c.de", ".a@c.de", "a@c..de", "a@-c.de", "a@c.de\n"),
    ({"type": "string", "format": "uri"}, "example.org", "http://a b", "http://a/%zz", "1a:b", "a:#b#c", "http://ü.de"),
    ({"type": "string", "format": "uuid"}, "123e4567e89b12d3a456426614174000", "g23e4567-e89b-12d3-a456-426614174000"),
    ({"type": "string", "format": "binary"}, "aGk", "a=Gk", "aG k", "====", "aGk=\n"),
    ({"type": "integer"}, "1.0", "1e3", " 1", "1 ", "1_000", "", "+", "0x1", "٣", "9223372036854775808", "1\n"),
    ({"type": "integer", "groupChar": ","}, "1,5", ",500", "1,,000", "1234,567", "1,000,", "9,223,372,036,854,775,808"),
    ({"type": "integer", "bareNumber": False}, "5.7", "(5)", "5-", "-€5", "1 2", "EUR", "5e3"),
    ({"type": "number"}, "NaN", "INF", "-INF", "inf", "nan", "0x1p3", "1_0", "1,5", " 1", "1e", ".", "1.2.3",
     "1e1000", "1E-1000", "9" * 1001),
    ({"type": "number", "decimalChar": ","}, "1.5", "1,2,3"),
    ({"type": "integer", "groupChar": "."}, "1.23", "1,234", "1.234.5"),
    ({"type": "number", "bareNumber": False}, "\u22125", "\u20135", "\u20145", "\uff0d5", "\u207b5", "\u27965",
     "\u00b15", "5\u00bd", "\u0665 5", "5\uff15", "5\u20ac\u2075", "\u22485", "\u221a5", "<5", "5 \u4e07", "\u4e945",
     "\u066b5", "\u00b75", "5\u20e3"),
    ({"type": "number", "bareNumber": False}, "\u02d75", "\u00ad5", "\u25005"),
    ({"type": "number", "bareNumber": False}, "€.-5", "..5", "(1.5)", "1.5-", "$1,5"),
    ({"type": "integer", "bareNumber": False}, "\u30fc5", "\uff705", "\u31615", "\u06405", "\u20435", "\u06d45",
     "\u203e5", "\u00af5", "\u2f005", "\u16ed5", "\u20645", "\u202e15", "\U000e002d5", "\u32c05", "\ufe355", "5\ufffd"),
    ({"type": "boolean"}, "yes", "tRUE", "", " 1", "1.0"),
    ({"type": "date"}, "2024-02-30", "2024-2-03", "20240203", "0000-01-01", " 2024-01-01", "2024-01-01Z", "24-01-01"),
    ({"type": "date", "format": "%m/%d/%Y"}, "13/1/2018", "1/2/18", " 1/2/2018", "1//2/2018", "2/30/2018"),
    ({"type": "date", "format": "%d.%m.%y"}, "1.1.6", "1.1.1969"),
    ({"type": "date", "format": "%Y%m%d"}, "2024126", "2024 126"),
    ({"type": "time"}, "24:00:00", "15:00", "15:00:60", "5:00:00", "15:00:00.5"),
    ({"type": "datetime"}, "2024-01-26T15:00", "2024-01-26 15:00:00Z", "2024-01-26 15:00:00",
     "2024-02-30T15:00:00", "2024-01-26T24:00:00Z",
     "2024-01-26T15:00:60Z", "2024-02-30T15:00:00Z", "0000-01-26T15:00:00Z", "2024-01-26T15:00:00.1234567Z",
     "2024-01-26T15:00:00+15:00", "2024"),
    ({"type": "datetime", "format": "%a, %d %b %Y %H:%M"}, "Mon, 26 Jan 2024 15:00"),
    ({"type": "year"}, "24", "0000", "02024", "2024Z", "+2024"),
    ({"type": "yearmonth"}, "2024-13", "2024-1", "202401", "0000-01"),
    ({"type": "duration"}, "P", "PT", "P1YT", "1Y", "P1S", "P1.5D", "P1M1Y", "P1W", "PT1.S"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "text", "value"), GOOD, ids=lambda part: str(part)[:40])
def test_a_valid_text_becomes_its_value(typed, field, text, value):
    """A text that matches the type is parsed to its value, beside a missing one."""
    assert typed(field, text, None) == ([value, None], [])


@pytest.mark.parametrize("case", BAD, ids=lambda case: str(case[0])[7:50])
def test_a_text_that_does_not_match_its_type_exactly_is_a_type_error(typed, case):
    """It is reported, never repaired."""
    field, *texts = case
    _, bad = typed({**field, "missingValues": []}, *texts)
    assert bad == texts


def test_a_valid_text_stays_valid_beside_invalid_ones(typed):
    """The parser of whole columns and the one of columns with invalid texts agree."""
    assert typed({"type": "datetime"}, "2024-01-26T15:00:00Z", "x", None) == ([STAMP, None, None], ["x"])
    assert typed({"type": "number"}, "1.5", "inf", None) == (["1.5", None, None], ["inf"])


def test_many_rows_are_parsed_like_few(typed):
    """Integers of a large batch, which are cast together, have the same values."""
    texts = [*map(str, range(3000)), "1.0", None, "-5"]
    assert typed({"type": "integer"}, *texts) == ([*range(3000), None, None, -5], ["1.0"])


LETTERS = st.text("0123456789+-.eE_ nifaNIFA,\n", max_size=8)

DIGITS = st.text("0123456789", max_size=30)

DECIMALS = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "+", "-"]),
    DIGITS,
    st.sampled_from(["", "."]),
    DIGITS,
    st.one_of(st.just(""), st.builds("{}{}".format, st.sampled_from("eE"), st.integers(-1100, 1100))),
)

GRAMMAR = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(st.one_of(LETTERS, DECIMALS), min_size=1, max_size=5), copies=st.sampled_from([1, 300]))
def test_a_number_keeps_its_value_and_its_digits(texts, copies):
    """A text is a number exactly if XML Schema's grammar says so, and is held as JSON of the same value and digits."""
    plain = contract.compile_contract(
        schema.Schema.model_validate({"fields": [{"name": "n", "type": "number"}], "missingValues": []})
    )
    rows = pl.DataFrame({ROW: range(len(texts) * copies), "n": texts * copies})
    values, _ = plain.check(rows)
    for text, value in zip(texts * copies, values["n"].to_list(), strict=True):
        if not GRAMMAR.fullmatch(text) or abs(int(re.split("[eE]", f"{text}e0")[1])) >= 1000:
            assert value is None
        else:
            assert json.loads(value, parse_int=Decimal, parse_float=Decimal) == Decimal(text)
            assert Decimal(value).as_tuple()[2] == Decimal(text).as_tuple()[2]


PIECES = st.lists(
    st.sampled_from(["2024", "0000", "-", "01", "13", "T", " ", "00", ":", "Z", "+01:00", "59", "60", ".5"])
)


@settings(max_examples=200, deadline=None)
@example(texts=["2024-01-01T00:00:00", "Z2024-01-01T00:00:00Z"])
@example(texts=["0000-01-01T00:00:00Z", "2024-01-01T00:00:00Z"])
@given(texts=st.lists(st.one_of(PIECES.map("".join), st.just("2024-01-01T00:59:00Z")), min_size=1, max_size=4))
def test_datetimes_are_parsed_the_same_together_and_alone(texts):
    """A value does not depend on its neighbours in the column."""
    stamps = contract.compile_contract(
        schema.Schema.model_validate({"fields": [{"name": "n", "type": "datetime"}], "missingValues": []})
    )
    together, _ = stamps.check(pl.DataFrame({ROW: range(len(texts)), "n": texts}))
    alone = [stamps.check(pl.DataFrame({ROW: [0, 1], "n": [text, "x"]}))[0]["n"].to_physical()[0] for text in texts]
    assert together["n"].to_physical().to_list() == alone


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_datetime_outside_the_years_of_utc_is_a_type_error(typed, text):
    """Its year would be 0 or have five digits, which no partner reads."""
    values, wrong = typed({"type": "datetime"}, text, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
    assert wrong == [text]
    assert (values[0], values[1].year, values[2].year) == (None, 1, 9999)
