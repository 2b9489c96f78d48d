"""Secrets are read where the configuration says, and nothing but `reveal` shows them."""

import base64
import html
import json
import pickle
import traceback
from copy import deepcopy
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poc.errors import BadInput
from poc.transports.secrets import Secret, resolve_secret, shown_text

SECRET = "s3cr3t-t0k3n"


def test_only_reveal_shows_a_secret():
    """No way of writing the object shows it."""
    secret = Secret(SECRET)
    assert SECRET not in f"{secret} {secret!r} {[secret]} {secret!s:>40}"
    for write in (pickle.dumps, deepcopy, lambda s: s.__getstate__(), vars):
        with pytest.raises(TypeError):
            write(secret)
    assert secret.reveal() == SECRET


def test_a_secret_is_read_from_its_source(tmp_path):
    """From a variable or a file of the workspace, with the scheme before it and without one line end."""
    (tmp_path / "token").write_bytes(SECRET.encode() + b"\n")
    (tmp_path / "windows").write_bytes(SECRET.encode() + b"\r\n")
    environ = {"TOKEN": SECRET}
    for text, found in (
        ("${env:TOKEN}", SECRET),
        ("Bearer ${env:TOKEN}", f"Bearer {SECRET}"),
        ("Basic ${file:token}", f"Basic {SECRET}"),
        ("${file:windows}", SECRET),
        (f"Token ${{file:{tmp_path}/token}}", f"Token {SECRET}"),
    ):
        assert resolve_secret(text, environ, tmp_path).reveal() == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${env:NONE}", "environment variable NONE is not set"),
        ("${file:none}", "none: no such file"),
        ("${file:.}", "no such file"),
        ("${file:a\x00b}", "no "),
        ("${env:EMPTY}", r"\$\{env:EMPTY\} is empty"),
        ("Bearer ${env:SPLIT}", r"\$\{env:SPLIT\} has characters that no header can carry"),
        ("${file:split}", r"\$\{file:split\} has characters"),
        ("${file:binary}", r"\$\{file:binary\} has characters"),
        ("${file:huge}", "huge: larger than 65536 bytes"),
        (f"Bearer {SECRET}", "write a reference to a secret"),
    ],
)
def test_an_unusable_secret_is_named_and_not_shown(tmp_path, text, words):
    """The message names the source, never the value, and neither do the causes of the error."""
    environ = {"EMPTY": "", "SPLIT": f"{SECRET}\r\nX-Other: 1"}
    (tmp_path / "split").write_text(f"{SECRET}\n\n")
    (tmp_path / "binary").write_bytes(SECRET.encode() + b"\xff\xfe")
    (tmp_path / "huge").write_text(SECRET * 10_000)
    with pytest.raises(BadInput, match=words) as caught:
        resolve_secret(text, environ, tmp_path)
    text = "".join(traceback.format_exception(caught.value))
    assert SECRET not in text


AWKWARD = 'a/b+c "d" <e>&=%'
PAIR = base64.b64encode(b"user:p@ss/word").decode()


@pytest.mark.parametrize(
    ("secret", "repeated"),
    [
        (f"Bearer {SECRET}", f"Bearer {SECRET}"),
        (f"Bearer {SECRET}", SECRET),
        (f"Bearer {SECRET}", SECRET.upper()),
        (AWKWARD, AWKWARD),
        (AWKWARD, quote(AWKWARD)),
        (AWKWARD, quote(AWKWARD, safe="").lower()),
        (AWKWARD, quote_plus(AWKWARD)),
        (AWKWARD, html.escape(AWKWARD)),
        (AWKWARD, json.dumps(AWKWARD)[1:-1]),
        (AWKWARD, json.dumps(AWKWARD)[1:-1].replace("/", "\\/")),
        (f"Basic {PAIR}", PAIR),
        (f"Basic {PAIR}", "user:p@ss/word"),
        (f"Basic {PAIR}", "p@ss/word"),
    ],
)
def test_a_secret_that_the_partner_repeats_is_masked(secret, repeated):
    """As it was sent, decoded, or as HTML, JSON and addresses write it, wherever the text is cut."""
    text = f"<{repeated}> and {repeated}"
    assert shown_text(text.encode(), [Secret(secret)], 500) == "<***> and ***"
    for size in range(4, len(repeated)):
        assert repeated[:size] not in shown_text(f"you said {repeated[:size]}".encode(), [Secret(secret)], 500)
        shown = shown_text(f"you said {repeated}".encode(), [Secret(secret)], 9 + size)
        assert repeated[:4] not in shown


def test_what_a_terminal_obeys_is_escaped():
    """Control characters, line breaks and marks that change the order of a line; the beginning is shown."""
    said = "\x1b]0;title\x07 a\nb \u202e \u2028 é 你\0".encode() + b"\xff\xfe"
    assert shown_text(said, [], 500) == r"\x1b]0;title\x07 a\nb \u202e \u2028 é 你\x00\xff\xfe"
    assert shown_text(b"  \r\n", [], 500) == ""
    assert shown_text(b"x" * 501, [], 500) == "x" * 500 + "…"
    assert shown_text("é".encode() * 300, [], 499) == "é" * 249 + "…"


@given(data=st.binary(max_size=200), before=st.text(max_size=20), size=st.integers(1, 300))
def test_no_answer_shows_a_secret(data, before, size):
    """Whatever surrounds it."""
    shown = shown_text(before.encode("utf-8", "replace") + SECRET.encode() + data, [Secret(f"Token {SECRET}")], size)
    assert SECRET[:8] not in shown
    assert shown.isprintable()
