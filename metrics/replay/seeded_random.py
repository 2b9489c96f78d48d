"""Lots that belong to words: the same words draw the same number, on every machine and in every round."""

from __future__ import annotations

import hashlib


def seeded_uniform(*parts: object) -> float:
    """A number from 0 to 1 that belongs to these words: the same words, the same number."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
