"""Deterministic uniform random numbers: the same key gives the same number, on every machine and in every round."""

from __future__ import annotations

import hashlib


def seeded_uniform(*parts: object) -> float:
    """Return the uniform random number from 0 to 1 of a key, given as its parts."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
