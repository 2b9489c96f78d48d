"""Values from a file to the partner: exact, and of the type that they have in JSON."""

import io
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poc.config.partner import Feed
from poc.contract.contract import compile_contract
from poc.contract.schema import Schema
from poc.formats.registry import make_encoder, make_reader
from poc.mapping.expressions import literal_fields
from poc.stages.check import Check
from poc.stages.map import Map


def deliver(data, fields, partner_fields, primary_key=(), **feed):
    """Read, check, map and encode a file: the body that the partner gets, and the findings of rejected rows."""
    settings_of_feed = Feed.model_validate({"contract": "c", "map": partner_fields, **feed})
    contract = compile_contract(
        Schema.model_validate({"fields": fields, "primaryKey": primary_key}),
        json_values=settings_of_feed.format == "jsonl",
    )
    mapped = Map(settings_of_feed.map, contract)
    encoder = make_encoder(settings_of_feed, literal_fields(settings_of_feed.map, contract))
    batches = list(mapped(Check(contract)(make_reader(settings_of_feed, contract).read(io.BytesIO(data.encode())))))
    findings = [finding for batch in batches for row in batch.rejected for finding in row.findings]
    return b"".join(encoder.encode(batch.rows) for batch in batches).decode(), findings


DIGITS = st.text("0123456789", min_size=1, max_size=40)

TEXTS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "+", "-"]),
    DIGITS,
    st.one_of(st.just(""), DIGITS.map(".{}".format)),
    st.one_of(st.just(""), st.integers(-999, 999).map("e{}".format)),
)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=5))
@pytest.mark.parametrize("copies", [1, 1100])
def test_every_number_is_delivered_with_the_value_it_was_read_with(texts, copies):
    """For any decimal, in a copy, in a joined text and as the product with 1."""
    data = "".join(f"{text}\n" for text in ["n", *texts * copies])
    partner_fields = [
        {"to": "copy", "from": "n"},
        {"to": "text", "join": ["n"]},
        {"to": "tenth", "from": "n", "times": 1, "decimals": 0},
    ]
    body, findings = deliver(data, [{"name": "n", "type": "number"}], partner_fields)
    records = [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in body.splitlines()]
    numbers = [Decimal(text) for text in texts]
    too_long = [number for number in numbers if number and number.adjusted() >= 1000]
    assert len(findings) == len(too_long) * copies
    if not too_long:
        assert [(record["copy"], Decimal(record["text"])) for record in records] == [(n, n) for n in numbers] * copies


def test_money_and_identifiers_keep_their_digits():
    """Numbers that a 64-bit float would change, or write otherwise, arrive as they were written."""
    texts = ["9007199254740993", "99999999999999.99", "1E-400", "1.50", "-0.00", "+007.10", "12345678901234567890.1"]
    body, findings = deliver("n\n" + "\n".join(texts), [{"name": "n", "type": "number"}], [{"to": "n", "from": "n"}])
    wanted = ["9007199254740993", "99999999999999.99", "1E-400", "1.50", "-0.00", "7.10", "12345678901234567890.1"]
    assert (body, findings) == ("".join(f'{{"n":{text}}}\n' for text in wanted), [])


def test_numbers_in_keys_are_told_apart_exactly():
    """Two values that have the same nearest float are two keys; two notations of one value are one."""
    data = "n\n0.1\n0.100000000000000001\n0.10\n"
    body, findings = deliver(data, [{"name": "n", "type": "number"}], [{"to": "n", "from": "n"}], ["n"])
    assert body == '{"n":0.1}\n{"n":0.100000000000000001}\n'
    assert [(finding.row, finding.code) for finding in findings] == [(3, "primary-key")]


def test_a_number_joins_a_text_with_its_own_digits():
    """`b` and `100` are `b100`, whatever notation of numbers the partner's format has."""
    fields = [{"name": "b", "type": "string"}, {"name": "n", "type": "number"}, {"name": "i", "type": "integer"}]
    partner_fields = [{"to": "id", "join": ["b", "n"]}, {"to": "i", "from": "i", "times": 1.0}]
    body, _ = deliver("b,n,i\nb,100,9007199254740993\n", fields, partner_fields)
    assert body == '{"id":"b100","i":9007199254740993}\n'


def test_json_values_are_no_texts():
    """The options of a field do not alter a JSON number or boolean; a value of any type stays what it is."""
    fields = [
        {"name": "n", "type": "number", "decimalChar": ",", "groupChar": "."},
        {"name": "b", "type": "boolean", "trueValues": ["Y"], "falseValues": ["N"]},
        {"name": "a"},
    ]
    partner_fields = [{"to": name, "from": name} for name in "nba"] + [{"to": "j", "join": ["n", "a"]}]
    data = '{"n":1.234,"b":true,"a":1.50}\n{"n":"1.234,5","b":"N","a":"1.50"}\n{"n":-1,"b":false,"a":true}\n'
    body, findings = deliver(data, fields, partner_fields, format="jsonl")
    assert findings == []
    assert body == (
        '{"n":1.234,"b":true,"a":1.50,"j":"1.2341.50"}\n'
        '{"n":1234.5,"b":false,"a":"1.50","j":"1234.51.50"}\n'
        '{"n":-1,"b":false,"a":true,"j":"-1true"}\n'
    )
    body, _ = deliver(data, fields, partner_fields, format="jsonl", out="csv")
    assert body == "1.234,true,1.50,1.2341.50\r\n1234.5,false,1.50,1234.51.50\r\n-1,false,true,-1true\r\n"


def test_keys_of_any_type_tell_a_number_from_a_text():
    """`1.5` and `1.50` are one number; `"1.5"` is a text."""
    data = '{"a":1.5}\n{"a":"1.5"}\n{"a":1.50}\n{"a":"1.50"}\n{"a":true}\n{"a":"true"}\n'
    _, findings = deliver(data, [{"name": "a"}], [{"to": "a", "from": "a"}], ["a"], format="jsonl")
    assert [finding.row for finding in findings] == [3]


def test_constraints_of_any_type_see_the_text_of_a_value():
    """A pattern and a length are for the text, without the quotes of JSON."""
    fields = [{"name": "a", "constraints": {"pattern": "[a-z0-9.]+", "maxLength": 4}}]
    data = '{"a":"abcd"}\n{"a":12.5}\n{"a":"a\\""}\n{"a":"abcde"}\n'
    body, findings = deliver(data, fields, [{"to": "a", "from": "a"}], format="jsonl")
    assert body == '{"a":"abcd"}\n{"a":12.5}\n'
    assert [(finding.row, finding.note) for finding in findings] == [
        (3, "'a\"' does not match [a-z0-9.]+"),
        (4, "'abcde' is longer than 4"),
    ]
