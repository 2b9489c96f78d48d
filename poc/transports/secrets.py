"""Secrets: named in the configuration, read at the edge, and shown by nothing but `reveal`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from poc.config.partner import SECRET_REFERENCE
from poc.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Bytes that a file of one secret may have.
MAX_BYTES = 64 * 1024

#: What a header can carry: visible ASCII, and spaces between.
HEADER_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")


class Secret:
    """A text that no `repr`, `str`, traceback, pickle or copy shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, to be passed on at once and kept nowhere."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is neither copied nor written down")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret is neither copied nor written down")


def resolve_secret(text: str, environ: Mapping[str, str], root: Path) -> Secret:
    """The secret that a reference names: `${env:NAME}` or `${file:PATH}`, after `Bearer `, `Basic ` or `Token ` if so.

    Args:
        text: the reference, as `secret_headers` has it.
        environ: the environment.
        root: the workspace, to which PATH is relative. One line end at the file's end is left off.

    Raises:
        BadInput: it is no reference, there is no such variable or file, or a header cannot carry what it holds. The
            message names the variable or file and never what is in it.
    """
    match = SECRET_REFERENCE.fullmatch(text)
    if match is None:
        raise BadInput("a secret is named by `${env:NAME}` or `${file:PATH}`, and stands nowhere itself")
    kind, name = match.groups()
    found = _read_variable(name, environ) if kind == "env" else _read_file(root / name)
    if not HEADER_VALUE.fullmatch(found):
        what = "is empty" if not found.strip() else "holds signs that no header can carry, or spaces at an end"
        raise BadInput(f"the secret {text[match.start(1) - 2 :]} {what}")
    return Secret(text[: match.start(1) - 2] + found)


def _read_variable(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise BadInput(f"the environment variable {name} is not set, and a secret is named by it")
    return environ[name]


def _read_file(path: Path) -> str:
    try:
        if not path.is_file():
            raise BadInput(f"{path}: no such file, and a secret is named by it")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no name of a file"
        raise BadInput(f"{path}: the secret in it cannot be read: {reason}") from error
    if len(data) > MAX_BYTES:
        raise BadInput(f"{path}: larger than {MAX_BYTES} bytes, which is no secret for a header")
    # bytes beyond ASCII become signs that are refused later: a decoding error would carry the bytes along
    return data.decode("ascii", "replace").removesuffix("\n").removesuffix("\r")
