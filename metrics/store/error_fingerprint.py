"""What failures have in common: an error's words without what differs from one time to the next."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

#: What stands for anything that was left out.
PLACEHOLDER = "…"

#: How much of an error is looked at; the beginning says what it is.
MAX_INPUT = 1000

#: How long a pattern is at the most.
MAX_PATTERN = 300

#: A name of a file, told by its ending where it has no digit in it.
_FILE_SUFFIXES = (
    ".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".xml", ".parquet", ".zip", ".gz", ".zst", ".bz2", ".xz",
    ".db", ".log", ".toml", ".part", ".tmp", ".dat", ".xlsx",
)  # fmt: skip

#: Addresses and quoted names, whatever is in them; then words, of which `_without` says whether they differ.
_PARTS = re.compile(
    r"""(?:https?|s?ftp|file)://[^\s'"<>]+"""
    r"""|(?<!\w)'[^']{0,200}'(?!\w)|"[^"]{0,200}"|`[^`]{0,200}`|“[^”]{0,200}”|‘[^’]{0,200}’|«[^»]{0,200}»"""
    r"""|[^\s'"`“”‘’«»()<>\[\]{};,=|]+"""
)
_REPEATED = re.compile(rf"{PLACEHOLDER}(?:[\s,;:]*{PLACEHOLDER})+")


def error_pattern(error_type: str, error: str) -> str:
    """What an error shares with others like it: its words, with `…` for names, numbers, ids, paths and days.

    Args:
        error_type: the kind of error; it stands for an error without words.
        error: the error in words, whatever a partner put into them.
    """
    words = " ".join(error[:MAX_INPUT].split())
    blanked = _REPEATED.sub(PLACEHOLDER, _PARTS.sub(_replace_variable, words))
    found = blanked if len(blanked) <= MAX_PATTERN else blanked[: MAX_PATTERN - 1] + PLACEHOLDER
    return found or error_type


def fingerprint(error_type: str, error: str) -> str:
    """The same 12 hexadecimal digits for errors of one kind and pattern; empty where there is neither kind nor text."""
    if not error_type and not error.strip():
        return ""
    return _hash_digits(error_type, error_pattern(error_type, error))


def _replace_variable(found: re.Match[str]) -> str:
    """One part of an error, blanked where it differs from one time to the next; what ends a sentence stays."""
    part = found[0]
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
    told = f"{error_type}\x1f{shared}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(told).hexdigest()[:12]
