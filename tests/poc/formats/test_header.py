"""Comparison of a header with the contract."""

import time

import pytest

from poc.errors import ContractBreach
from poc.formats.header import SchemaDrift


@pytest.mark.parametrize(
    ("header", "code", "said"),
    [
        ("a", "missing-label", "lacks b"),
        ("a,b,c", "extra-label", "has c"),
        ("b,a", "incorrect-label", "order is b, a"),
        ("a,bb", "incorrect-label", "column 2 is 'bb' instead of 'b'; it was probably renamed"),
        ("a,a", "duplicate-label", "label 'a' occurs 2 times, in columns 1, 2"),
        ("a,", "blank-label", "column 2 has no label"),
        ("", "source-error", "the file is empty"),
        ("a\xff,b", "encoding-error", "the header is not utf-8"),
        ('a,"b', "source-error", "the header cannot be read: badly quoted"),
    ],
)
@pytest.mark.parametrize("on_drift", ["refuse", "quarantine"])
def test_another_header_is_reported_once(read, header, code, said, on_drift):
    """A header that differs from the contract is one breach of the file, not one per row."""
    with pytest.raises(ContractBreach, match=said) as caught:
        read(f"{header}\n1,2\n".encode("latin-1") if header else "", on_drift=on_drift)
    assert caught.value.code == code


def test_extra_columns_may_be_accepted(read, codes):
    """They are ignored and noted once; any other drift still refuses the file."""
    valid, rejected, notes = read("a,c,b\n1,!,x\n2,y\n", on_drift="accept-extra")
    assert valid == [(1, "1", "x")]
    assert codes(rejected) == {2: "missing-cell"}
    assert [(note.row, note.code, note.field) for note in notes] == [(0, "extra-label", "c")]
    assert read("a,c,b\n", on_drift="accept-extra")[2] == notes
    for header in ("b,c,a", "a,c", "a,a,b"):
        with pytest.raises(ContractBreach):
            read(header + "\n", on_drift="accept-extra")


@pytest.mark.parametrize(
    ("match", "header", "wanted"),
    [
        ("equal", "b,a", [(1, "2", "1")]),
        ("equal", "b,a,c", "extra-label"),
        ("equal", "b", "missing-label"),
        ("subset", "c,b,a", [(1, "3", "2")]),
        ("subset", "c,b", "incorrect-label"),
        ("superset", "b", [(1, None, "1")]),
        ("superset", "b,c", "extra-label"),
        ("partial", "c,b", [(1, None, "2")]),
        ("partial", "c,d", "missing-label"),
    ],
)
def test_fields_match_as_the_contract_says(read, expected, match, header, wanted):
    """Columns are ordered, filled or ignored as `fieldsMatch` allows, and the file is refused otherwise."""
    row = ",".join(str(n) for n, _ in enumerate(header.split(","), 1))
    data = f"{header}\n{row}\n"
    if isinstance(wanted, list):
        assert read(data, expected(fields_match=match)) == (wanted, {}, [])
    else:
        with pytest.raises(ContractBreach) as caught:
            read(data, expected(fields_match=match))
        assert caught.value.code == wanted


@pytest.mark.parametrize("data", ["a,b", "a,b\n", "\n\na,b\r\n\r\n\n"])
def test_a_header_alone_is_a_file_without_rows(read, data):
    """A file with only a header is complete; blank lines are not rows."""
    assert read(data) == ([], {}, [])


def test_a_file_of_only_a_preamble_has_no_header(read):
    """It is refused; a file that needs no header has no rows."""
    with pytest.raises(ContractBreach, match="ends before its header"):
        read("x\ny\n", preamble_lines=2)
    assert read("x\ny\n", preamble_lines=2, header=False)[:2] == ([], {})
    assert read("", header=False)[:2] == ([], {})


def test_a_header_of_very_many_labels_is_compared_quickly(read):
    """Time grows with the labels, not with their square, and no finding is longer than a sentence."""
    start_s = time.process_time()
    for label in ("c{}", "", "c", "x" * 500 + "{}"):
        with pytest.raises(SchemaDrift) as caught:
            read(",".join(label.format(n) for n in range(30_000)) + "\n")
        assert len(caught.value.findings) <= 103
        assert all(len(finding.note) < 2000 and len(finding.field) <= 80 for finding in caught.value.findings)
    assert time.process_time() - start_s < 10  # the square took minutes
