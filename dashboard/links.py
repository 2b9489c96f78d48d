"""Addresses of the lists behind the numbers."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import g


def runs(**keys: str) -> str:
    """The address of a list of runs, as of the day that this page is as of."""
    as_of = {"as_of": g.as_of.isoformat()} if g.get("as_of") else {}
    return f"/runs?{urlencode(as_of | keys, safe=':,@/*')}"
