"""Whatever two sides send, a comparison finds what differs, invents nothing, and is the same from either side."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from poc.parity.causes.names import CAUSES, SWAPPED
from poc.parity.comparison import compare
from poc.parity.records import SentRecords

#: Texts that are alike in many ways, so that every cause comes up.
TEXTS = st.sampled_from(
    (None, "", " ", "a", "A", " a", "b;a", "a;b", "7", "007", "7.0", "7.04", "8", "NULL", "2026-03-01", "01.03.2026",
     "2026-03-01T10:00:00Z", "2026-03-01T11:00:00+01:00", "\u00fc", "u\u0308", "\u00c3\u00bc", "?")
)  # fmt: skip
KEYS = st.sampled_from(("1", "2", "3", "03"))
RECORDS = st.lists(st.fixed_dictionaries({"id": KEYS, "a": TEXTS, "b": TEXTS}), max_size=8)
KEY = st.sampled_from(((), ("id",)))

#: A text, and the same one as each cause of values changes it.
PLANTS = {
    "whitespace": ("ab c", "ab  c"),
    "case": ("ab c", "AB C"),
    "null-or-blank": (None, "NULL"),
    "leading-zeros": ("70", "0070"),
    "number-format": ("1234.50", "1,234.5"),
    "rounding": ("12.345", "12.35"),
    "date-format": ("2026-03-01", "01/03/2026"),
    "time-zone": ("2026-03-01T10:00:00Z", "2026-03-01T05:00:00-05:00"),
    "unicode-form": ("M\u00fcnch", "Mu\u0308nch"),
    "order": ("x;y;z", "z;x;y"),
    "encoding": ("M\u00fcnch", "M\u00c3\u00bcnch"),
    "value": ("one", "two"),
}


def differences(left, right, key):
    """The differences of two sides, by field and cause."""
    return compare(SentRecords("l", lambda: left, 1), SentRecords("r", lambda: right, 1), key).differences


@settings(deadline=None, max_examples=60)
@given(records=RECORDS, key=KEY, order=st.randoms(use_true_random=False))
def test_the_same_records_in_any_order_have_no_difference(records, key, order):
    """Copies of a side never differ from it, also where keys occur twice."""
    shuffled = [*records]
    order.shuffle(shuffled)
    assert differences(records, shuffled, key) == Counter()


@settings(deadline=None, max_examples=60)
@given(left=RECORDS, right=RECORDS, key=KEY)
def test_the_sides_exchanged_give_the_same_differences(left, right, key):
    """What was missing is extra and the other way round; all other causes stay."""
    there, back = differences(left, right, key), differences(right, left, key)
    assert {(name, SWAPPED.get(cause, cause)): n for (name, cause), n in there.items()} == dict(back)
    assert {cause for _, cause in there} <= set(CAUSES)


@settings(deadline=None, max_examples=60)
@given(left=RECORDS, right=RECORDS, key=KEY)
def test_every_record_is_equal_in_a_pair_or_without_a_partner(left, right, key):
    """The counts of both sides add up, so that nothing is left out."""
    result = compare(SentRecords("l", lambda: left, 1), SentRecords("r", lambda: right, 1), key)
    single = Counter(
        cause for (_, cause), n in result.differences.items() for _ in range(n) if cause.startswith("row-")
    )
    paired = 2 * (result.equal_records + result.different_records)
    assert len(left) + len(right) == paired + single.total()


@settings(deadline=None, max_examples=60)
@given(
    plants=st.lists(st.sampled_from(sorted(PLANTS)), max_size=8),
    singles=st.lists(st.sampled_from(("row-missing", "row-extra", "row-twice")), max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_planted_differences_are_found_with_their_causes(plants, singles, order):
    """Each planted difference is found once, with its cause, in its field, and nothing else is."""
    left = [{"id": f"p{n}", "a": PLANTS[cause][0], "b": "same"} for n, cause in enumerate(plants)]
    right = [{"id": f"p{n}", "a": PLANTS[cause][1], "b": "same"} for n, cause in enumerate(plants)]
    left.append({"id": "both", "a": "same", "b": "same"})
    right.append(left[-1])
    for n, cause in enumerate(singles):
        record = {"id": f"s{n}", "a": f"only {n}", "b": f"{n}"}
        left += [record] * (cause != "row-extra")
        right += [record] * {"row-missing": 0, "row-extra": 1, "row-twice": 2}[cause]
    order.shuffle(left)
    order.shuffle(right)
    expected = Counter([("a", cause) for cause in plants] + [("", cause) for cause in singles])
    assert differences(left, right, ("id",)) == expected
