"""Two sides are compared by a key or as whole records, in bounded memory, and nothing is left out of the count."""

import pytest

from poc.errors import BadInput
from poc.parity.comparison import compare
from poc.parity.pairing import matching, pair_texts
from poc.parity.records import SentRecords
from poc.parity.result import MAX_EXAMPLES

Records = list[dict[str, str | None]]


def side(records: Records, name: str = "left") -> SentRecords:
    """Return records as one side."""
    return SentRecords(name, lambda: records, 1)


def differences(left: Records, right: Records, key: tuple[str, ...] = ("id",)) -> dict[tuple[str, str], int]:
    """Return the differences of two sides by field and cause."""
    return dict(compare(side(left), side(right, "right"), key).differences)


def test_records_are_compared_by_their_key_in_any_order():
    """Only the record that differs is a difference, wherever it stands."""
    left: Records = [{"id": "1", "price": "2.50"}, {"id": "2", "price": "3"}]
    right: Records = [{"id": "2", "price": "3"}, {"id": "1", "price": "2.5"}]
    result = compare(side(left), side(right), ["id"])
    assert (result.equal_records, result.different_records) == (1, 1)
    assert dict(result.differences) == {("price", "number-format"): 1}
    (example,) = result.examples["number-format"]
    assert (example.left_record, example.right_record, example.left, example.right, example.key) == (
        1, 2, "2.50", "2.5", ("1",),
    )  # fmt: skip


def test_a_record_of_one_side_is_missing_or_extra():
    """What only the left side has is missing; what only the right side has is extra."""
    assert differences(
        [{"id": "1", "a": "x"}, {"id": "2", "a": "x"}], [{"id": "1", "a": "x"}, {"id": "3", "a": "y"}]
    ) == {
        ("", "row-missing"): 1,
        ("", "row-extra"): 1,
    }


def test_a_record_that_one_side_has_once_more_is_there_twice():
    """A further copy is `row-twice`, equal to the first one or not; equally many copies are no difference."""
    one: Records = [{"id": "1", "a": "x"}]
    assert differences(one, one * 3) == {("", "row-twice"): 2}
    assert differences(one, [*one, {"id": "1", "a": "y"}]) == {("", "row-twice"): 1}
    assert differences(one * 2, one * 2) == {}


def test_duplicate_keys_on_both_sides_are_paired_without_inventing_differences():
    """Records of one key come in any order; equal ones are matched before those that differ are paired."""
    left: Records = [{"id": "1", "a": "x"}, {"id": "1", "a": "y"}, {"id": "1", "a": "z"}]
    right: Records = [{"id": "1", "a": "z"}, {"id": "1", "a": "x"}, {"id": "1", "a": "Y"}]
    assert differences(left, right) == {("a", "case"): 1}


def test_a_field_of_one_side_counts_once():
    """A field that a side lacks is one difference, and the others are still compared."""
    assert differences([{"id": "1", "a": "x", "b": "1"}], [{"id": "1", "b": "2", "c": "y"}]) == {
        ("a", "field-missing"): 1,
        ("c", "field-extra"): 1,
        ("b", "value"): 1,
    }


def test_records_without_a_common_field_are_not_equal():
    """Sides that share no field share no record."""
    result = compare(side([{"a": "1"}, {"a": "2"}]), side([{"b": "1"}]))
    assert (result.equal_records, result.by_cause()) == (
        0,
        {"field-missing": 1, "field-extra": 1, "row-missing": 2, "row-extra": 1},
    )


def test_the_same_key_in_another_notation_is_a_difference_of_that_field():
    """`007` and `7` are one record where all else is equal; another key is another record."""
    assert differences([{"id": "007", "a": "x"}], [{"id": "7", "a": "x"}]) == {("id", "leading-zeros"): 1}
    assert differences([{"id": "007", "a": "x"}], [{"id": "8", "a": "x"}]) == {
        ("", "row-missing"): 1,
        ("", "row-extra"): 1,
    }


def test_whole_records_without_a_key_are_paired_where_one_field_differs():
    """Without a key, a record whose other fields are all equal is the same one."""
    left: Records = [{"a": "1", "b": "2", "c": str(n)} for n in range(5)]
    right: Records = [*left[:3], {"a": "1", "b": "2.0", "c": "3"}, {"a": "9", "b": "9", "c": "9"}]
    assert differences(left, right, ()) == {("b", "number-format"): 1, ("", "row-missing"): 1, ("", "row-extra"): 1}


def test_a_side_without_records_lacks_all():
    """An empty side is no error: each record of the other one is missing or extra."""
    records: Records = [{"id": "1"}, {"id": "2"}]
    assert differences(records, []) == {("", "row-missing"): 2}
    assert differences([], records) == {("", "row-extra"): 2}
    assert differences([], []) == {}


def test_a_key_that_a_side_lacks_is_named_with_its_fields():
    """The message says which side lacks which field, and what it has."""
    with pytest.raises(BadInput, match="right: no field 'id', which is in the key; its fields: no"):
        compare(side([{"id": "1"}]), side([{"no": "1"}], "right"), ["id"])


def test_examples_of_a_cause_are_limited():
    """All differences are counted, and the first ones are kept."""
    left: Records = [{"id": str(n), "a": "x", "b": "1"} for n in range(100)]
    right: Records = [{"id": str(n), "a": f"y{n}", "b": f"2{n}"} for n in range(100)]
    result = compare(side(left), side(right), ["id"])
    assert result.differences["a", "value"] == 100
    assert len(result.examples["value"]) == MAX_EXAMPLES


def test_many_records_are_compared_on_disk_as_in_memory(monkeypatch: pytest.MonkeyPatch):
    """Buckets of hashes and chunks of texts give the differences that are found at once, in any order of records."""
    left: Records = [{"id": str(n), "a": str(n % 7), "b": "1.0"} for n in range(500)] + [
        {"id": "3", "a": "3", "b": "1.0"}
    ]
    right: Records = [{"id": str(n), "a": str(n % 5), "b": "1"} for n in range(600, 20, -1)]
    at_once = compare(side(left), side(right), ["id"])
    monkeypatch.setattr(matching, "HELD_RECORDS", 10)
    monkeypatch.setattr(pair_texts, "CHUNK_PAIRS", 7)
    in_parts = compare(side(left), side(right), ["id"])
    assert in_parts.differences == at_once.differences
    assert (in_parts.equal_records, in_parts.different_records) == (at_once.equal_records, at_once.different_records)
    assert in_parts.examples["row-extra"] == at_once.examples["row-extra"]
    assert in_parts.differences["b", "number-format"] == 479
