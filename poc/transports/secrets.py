"""Secrets: the configuration names them, they are read when needed, and only `reveal` shows them."""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import json
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote, quote_plus

from poc.config.endpoint import HEADER_VALUE, SECRET_REFERENCE
from poc.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

#: The most bytes of a file with a secret.
MAX_BYTES = 64 * 1024

#: Tables of an endpoint whose secrets are encoded before they are sent, so that they may be any text.
TEXT_TABLES = frozenset({"basic", "oauth2"})

#: What is shown instead of a secret.
MASK = "***"

#: A secret that is cut at the end of a text is masked from so many of its characters on.
MIN_CUT = 4


class Secret:
    """A text that no `repr`, `str`, traceback, pickle or copy shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, to be used at once and stored nowhere."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is neither copied nor written down")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret is neither copied nor written down")


def resolve_secret(text: str, environ: Mapping[str, str], root: Path) -> Secret:
    """Read the secret of a reference `${env:NAME}` or `${file:PATH}`, with `Bearer `, `Basic ` or `Token ` before it.

    Args:
        text: the reference, from `secret_headers`; the scheme before it is optional and part of the secret.
        environ: the environment.
        root: the workspace, to which PATH is relative. One line end at the end of the file is removed.

    Raises:
        BadInput: the text is no reference, there is no such variable or file, or its value is not a valid header value.
            The message names the variable or file and never shows its value.
    """
    match = SECRET_REFERENCE.fullmatch(text)
    if match is None:
        raise BadInput("write a reference to a secret, `${env:NAME}` or `${file:PATH}`, never the secret itself")
    kind, name = match.groups()
    value = _read_variable(name, environ) if kind == "env" else _read_file(root / name)
    if not HEADER_VALUE.fullmatch(value):
        fault = "is empty" if not value.strip() else "has characters that no header can carry, or spaces at an end"
        raise BadInput(f"the secret {text[match.start(1) - 2 :]} {fault}")
    return Secret(text[: match.start(1) - 2] + value)


def resolve_endpoint_secret(table: str, reference: str, environ: Mapping[str, str], root: Path) -> Secret:
    """Read the secret of a reference in a table of an endpoint. Raises BadInput."""
    return (resolve_text if table in TEXT_TABLES else resolve_secret)(reference, environ, root)


def resolve_text(reference: str, environ: Mapping[str, str], root: Path) -> Secret:
    """Read the secret of a reference `${env:NAME}` or `${file:PATH}` that is any text: a password or a private key.

    Raises:
        BadInput: there is no such variable or file, it is empty, or not UTF-8. The message never shows its value.
    """
    match = SECRET_REFERENCE.fullmatch(reference)
    if match is None:
        raise BadInput("write a reference to a secret, `${env:NAME}` or `${file:PATH}`, never the secret itself")
    kind, name = match.groups()
    value = _read_variable(name, environ) if kind == "env" else _read_file(root / name, "utf-8")
    if not value:
        raise BadInput(f"the secret {reference} is empty")
    if any(character == "\ufffd" or "\ud800" <= character <= "\udfff" for character in value):
        raise BadInput(f"the secret {reference} is not UTF-8")
    return Secret(value)


def shown_text(data: bytes, secrets: Iterable[Secret], size_bytes: int) -> str:
    """Return the beginning of what a partner answered as people may see it, at most `size_bytes` of it.

    The partner may have repeated the request: its secrets are masked. Characters that a terminal would obey, or that
    change the order of a line, are escaped.
    """
    forms = sorted({ascii_lower(form) for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
    longest = len(forms[0]) if forms else 0
    most_bytes = size_bytes + 4 + 6 * longest
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    text = decoder.decode(data[:most_bytes], final=len(data) <= most_bytes)
    for form in forms:
        text = _mask(text, form)
    text = text.strip()
    shown = text.encode("utf-8", "backslashreplace")[:size_bytes].decode("utf-8", "ignore")
    ellipsis = "…" if len(shown) < len(text) or len(data) > most_bytes else ""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown) + ellipsis


def ascii_lower(text: str) -> str:
    """Return a text with its ASCII letters in lower case; every character keeps its place."""
    return "".join(character.lower() if character.isascii() else character for character in text)


def _forms(secret: Secret) -> Iterator[str]:
    """Yield the texts by which a partner may repeat a secret: with and without its scheme, decoded, and as encoded."""
    value = secret.reveal()
    scheme, space, token = value.partition(" ")
    parts = [value, token] if space else [value]
    if scheme == "Basic":
        try:
            pair = base64.b64decode(token, validate=True).decode()
            parts += [pair, pair.partition(":")[2]]
        except (binascii.Error, UnicodeDecodeError):
            pass
    for part in filter(None, parts):
        in_json = json.dumps(part)[1:-1]
        yield from (part, quote(part), quote(part, safe=""), quote_plus(part))
        yield from (html.escape(part), in_json, in_json.replace("/", "\\/"))


def _mask(text: str, form: str) -> str:
    """Replace a secret, and its beginning at the end of a text that was cut there."""
    lowered = ascii_lower(text)
    pieces, at = [], 0
    while (start := lowered.find(form, at)) >= 0:
        pieces += [text[at:start], MASK]
        at = start + len(form)
    rest = text[at:]
    cut = next((size for size in range(len(form) - 1, MIN_CUT - 1, -1) if lowered[at:].endswith(form[:size])), 0)
    return "".join([*pieces, rest[:-cut] + MASK if cut else rest])


def _read_variable(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise BadInput(f"the environment variable {name} is not set, but the configuration refers to it as a secret")
    return environ[name]


def _read_file(path: Path, encoding: str = "ascii") -> str:
    try:
        if not path.is_file():
            raise BadInput(f"{path}: no such file, but the configuration refers to it as a secret")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a valid file name"
        raise BadInput(f"{path}: the secret in it cannot be read: {reason}") from error
    if len(data) > MAX_BYTES:
        raise BadInput(f"{path}: larger than {MAX_BYTES} bytes, too large for a secret")
    # other bytes become characters that are rejected later: a decoding error would contain the secret
    return data.decode(encoding, "replace").removesuffix("\n").removesuffix("\r")
