"""Group similar failures: the text of an error without the parts that differ from one failure to the next."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

#: Replacement of a part that differs.
PLACEHOLDER = "…"

#: Characters of an error that are used; its beginning says what it is.
MAX_INPUT = 1000

#: Longest pattern, in characters.
MAX_PATTERN = 300

#: Suffixes by which a file name without digits is recognised.
_FILE_SUFFIXES = (
    ".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".xml", ".parquet", ".zip", ".gz", ".zst", ".bz2", ".xz",
    ".db", ".log", ".toml", ".part", ".tmp", ".dat", ".xlsx",
)  # fmt: skip

#: URLs and quoted names, whatever they contain; then words, which `_replace_variable` checks.
_PARTS = re.compile(
    r"""(?:https?|s?ftp|file)://[^\s'"<>]+"""
    r"""|(?<!\w)'[^']{0,200}'(?!\w)|"[^"]{0,200}"|`[^`]{0,200}`|“[^”]{0,200}”|‘[^’]{0,200}’|«[^»]{0,200}»"""
    r"""|[^\s'"`“”‘’«»()<>\[\]{};,=|]+"""
)
_REPEATED = re.compile(rf"{PLACEHOLDER}(?:[\s,;:]*{PLACEHOLDER})+")


def error_pattern(error_type: str, error: str) -> str:
    """Return the text that an error shares with similar ones, with `…` for names, numbers, ids, paths and days.

    Args:
        error_type: the kind of error; it is the pattern of an error without a text.
        error: the error's text, which may contain anything that a partner sent.
    """
    words = " ".join(error[:MAX_INPUT].split())
    blanked = _REPEATED.sub(PLACEHOLDER, _PARTS.sub(_replace_variable, words))
    shortened = blanked if len(blanked) <= MAX_PATTERN else blanked[: MAX_PATTERN - 1] + PLACEHOLDER
    return shortened or error_type


def fingerprint(error_type: str, error: str) -> str:
    """Return 12 hexadecimal digits that are equal for errors of one kind and pattern; empty without kind and text."""
    if not error_type and not error.strip():
        return ""
    return _hash_digits(error_type, error_pattern(error_type, error))


def _replace_variable(match: re.Match[str]) -> str:
    """Replace a part of an error that differs from one failure to the next; punctuation at its end stays."""
    part = match[0]
    if part[0] in "'\"`“‘«":
        return PLACEHOLDER
    word = part.rstrip(".:;,!?)")
    if "://" in word:
        return PLACEHOLDER + part[len(word) :]
    differs = (
        any(map(str.isdigit, word))
        or word.startswith(("/", "~/", "./", "../"))
        or word[1:3] == ":\\"
        or word.lower().endswith(_FILE_SUFFIXES)
    )
    return PLACEHOLDER + part[len(word) :] if (differs and len(word) > 1) or word.isdigit() else part


@lru_cache(maxsize=1024)
def _hash_digits(error_type: str, shared: str) -> str:
    data = f"{error_type}\x1f{shared}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()[:12]
