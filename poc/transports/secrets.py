"""Secrets: the configuration names them, they are read when needed, and only `reveal` shows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from poc.config.partner import SECRET_REFERENCE
from poc.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: The most bytes of a file with a secret.
MAX_BYTES = 64 * 1024

#: A valid header value: visible ASCII characters, with spaces between them.
HEADER_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")


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


def _read_variable(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise BadInput(f"the environment variable {name} is not set, but the configuration refers to it as a secret")
    return environ[name]


def _read_file(path: Path) -> str:
    try:
        if not path.is_file():
            raise BadInput(f"{path}: no such file, but the configuration refers to it as a secret")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a valid file name"
        raise BadInput(f"{path}: the secret in it cannot be read: {reason}") from error
    if len(data) > MAX_BYTES:
        raise BadInput(f"{path}: larger than {MAX_BYTES} bytes, too large for a header")
    # bytes beyond ASCII become characters that are rejected later: a decoding error would contain the secret
    return data.decode("ascii", "replace").removesuffix("\n").removesuffix("\r")
