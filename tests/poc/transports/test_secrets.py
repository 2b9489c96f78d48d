"""Secrets are read where the configuration says, and nothing but `reveal` shows them."""

import pickle
import traceback
from copy import deepcopy

import pytest

from poc.errors import BadInput
from poc.transports.secrets import Secret, resolve_secret

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
