"""Look-ups: files of replacements."""

import pytest

from poc.config.map_field import MapField
from poc.errors import BadInput
from poc.mapping.look_ups import MAX_FILE_BYTES, parse_look_ups, read_look_up_files

FIELD = MapField.model_validate({"to": "x", "from": "a", "lookup_file": "lookups/codes.csv"})


def test_a_file_of_look_ups_is_a_csv_file_with_a_header(tmp_path):
    """Quoted cells, empty replacements, blank lines and a byte order mark are read as spreadsheets write them."""
    (tmp_path / "lookups").mkdir()
    data = '\ufefffrom,to\r\n"a,b",1\r\n\r\né,\r\n'.encode()
    (tmp_path / "lookups" / "codes.csv").write_bytes(data)
    files = read_look_up_files([FIELD, FIELD], tmp_path)
    assert parse_look_ups(*files.popitem()) == {"a,b": "1", "é": ""}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.csv: needs a header of two columns, the text and its replacement; it has 0"),
        (b"from;to\n1;2\n", "a.csv: needs a header of two columns, the text and its replacement; it has 1"),
        (b"from,to\n", "a.csv: has no row below its header"),
        (b"from,to\n1,2\n3\n", "a.csv: line 3 has 1 cells instead of two"),
        (b"from,to\n1,2\n1,2\n", "a.csv: line 3 has '1' for the second time"),
        (b"from,to\n\xe9,2\n", "a.csv: not UTF-8: byte 9"),
        (b'from,to\n"a"b,2\n', "a.csv: line 2: "),
    ],
    ids=str,
)
def test_a_mistake_in_a_file_of_look_ups_names_its_line(data, message):
    """Nothing is guessed: one text has one replacement."""
    with pytest.raises(BadInput) as error:
        parse_look_ups("a.csv", data)
    assert str(error.value).startswith(message)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """It is missing, or larger than what is held in memory."""
    with pytest.raises(BadInput, match=r"lookups/codes\.csv: no such file, but `lookup_file` names it"):
        read_look_up_files([FIELD], tmp_path)
    (tmp_path / "lookups").mkdir()
    with (tmp_path / "lookups" / "codes.csv").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(BadInput, match="too large for a look-up"):
        read_look_up_files([FIELD], tmp_path)
