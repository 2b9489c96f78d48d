"""Where bodies and answers end, however the network cuts them into pieces."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from poc.capture.answer_framing import AnswerFraming
from poc.capture.body_framing import ChunkedBody

CONTENTS = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
CUTS = st.lists(st.integers(0, 400), max_size=8)


def chunked(contents):
    """A body in chunks with an extension and a trailer."""
    chunks = b"".join(b"%X;e=1\r\n%s\r\n" % (len(content), content) for content in contents)
    return chunks + b"0\r\nT: 1\r\n\r\n"


def pieces(data, cuts):
    """The data, cut at some places."""
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


@given(CONTENTS, CUTS)
def test_chunks_have_the_same_content_in_any_pieces(contents, cuts):
    """The body ends with its last line, and what follows it is none of it."""
    data = chunked(contents)
    body, content, used = ChunkedBody(strict=True), b"", 0
    for piece in pieces(data + b"next", cuts):
        taken, parts = body.feed(piece)
        used, content = used + taken, content + b"".join(parts)
    assert (content, used, body.done) == (b"".join(contents), len(data), True)


@given(CONTENTS, CUTS, st.booleans())
def test_an_answer_ends_at_the_same_byte_in_any_pieces(contents, cuts, has_length):
    """An answer after interim ones has its status and its end, with a length or in chunks."""
    plain = b"".join(contents)
    body = plain if has_length else chunked(contents)
    framing = b"Content-Length: %d" % len(plain) if has_length else b"Transfer-Encoding: chunked"
    data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\n" + framing + b"\r\n\r\n" + body
    answer, used = AnswerFraming("POST"), 0
    for piece in pieces(data + b"next", cuts):
        used += answer.feed(piece)
    assert (answer.status, answer.done, answer.malformed, used) == (201, True, False, len(data))
