"""Records of bodies as text."""

import gzip
import zlib

import pytest

from poc.capture.bodies import SentBody, read_bodies
from poc.errors import BadInput

READ = {
    "JSON Lines": (b'{"a":1.50,"b":null}\n\n{"a":"x","b":true}', [{"a": "1.50", "b": None}, {"a": "x", "b": "true"}]),
    "an array": (b' [ {"a":1e3} ,\n{"a":[1.0,{"x":"y"}]} ] \n', [{"a": "1e3"}, {"a": '[1.0,{"x":"y"}]'}]),
    "an empty array": (b"[]", []),
    "one object in lines": (b'{\n "a": 12345678901234567890.10\n}\n', [{"a": "12345678901234567890.10"}]),
    "CSV with quotes and a mark": (b'\xef\xbb\xbfa,b\r\n"x,1",\r\n', [{"a": "x,1", "b": ""}]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize("case", READ)
def test_numbers_keep_their_digits_in_every_format(case, tmp_path):
    """The first bytes decide the format, and a value is the text that was sent."""
    content, records = READ[case]
    (tmp_path / "body").write_bytes(content)
    assert list(read_bodies([SentBody(tmp_path / "body")])) == records


def test_later_csv_bodies_may_have_the_header_again_or_none(tmp_path):
    """The header of the first body holds for the next ones."""
    for name, content in (("1", b"a,b\n1,2\n"), ("2", b"3,4\n"), ("3", b"b,a\n6,5\n")):
        (tmp_path / name).write_bytes(content)
    records = list(read_bodies(SentBody(tmp_path / name) for name in "123"))
    assert records == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}, {"b": "6", "a": "5"}]


def test_content_codings_are_undone_as_a_stream(tmp_path):
    """A compressed body of more than one piece has all its records."""
    content = b'{"a":1}\n' * 100_000
    for coding, packed in (("gzip", gzip.compress(content)), ("deflate", zlib.compress(content))):
        (tmp_path / coding).write_bytes(packed)
        assert sum(1 for _ in read_bodies([SentBody(tmp_path / coding, coding=coding)])) == 100_000


def test_a_form_has_the_records_of_its_files(tmp_path):
    """What `curl --form` uploads is read file by file, compressed or not; other fields are no records."""
    head = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n'
    files = (
        head % b'f"; filename="a.csv'
        + b"a,b\r\n1,2\r\n\r\n"
        + head % b'f"; filename="b.gz'
        + gzip.compress(b"a,b\n3,4\n")
    )
    (tmp_path / "body").write_bytes(head % b"note" + b"a,b\r\n" + files + b"\r\n--x--\r\n")
    for boundary in ("x", '"x"'):
        body = SentBody(tmp_path / "body", media_type=f"multipart/form-data; boundary={boundary}")
        assert list(read_bodies([body])) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    (tmp_path / "body").write_bytes(files)
    with pytest.raises(BadInput, match="the form has no end"):
        list(read_bodies([SentBody(tmp_path / "body", media_type="multipart/form-data; boundary=x")]))


BROKEN = (
    b'[{"a":1}',
    b'[{"a":1} {"a":2}]',
    b"[1]",
    b"[{}] x",
    b'{"a":1',
    b'{"a":1,"a":2}',
    b'{"a":NaN}',
    b"a,b\n1\n",
    b"a\n\xff\n",
)


@pytest.mark.parametrize("content", BROKEN)
def test_what_is_no_records_is_an_error_that_names_the_file(content, tmp_path):
    """A comparison never takes half of a body for all of it."""
    (tmp_path / "body").write_bytes(content)
    with pytest.raises(BadInput, match="body: its records cannot be read: "):
        list(read_bodies([SentBody(tmp_path / "body")]))
