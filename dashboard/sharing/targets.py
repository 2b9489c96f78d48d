"""What may be shared: the report, or one page without values of rows."""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import parse_qsl, urlencode, urlsplit

from dashboard.access.errors import AccessRefused

#: Endpoints that a link may lead to.
SHARED_ENDPOINTS = frozenset(
    {"home.page", "milestones.page", "milestones.detail", "partners.page", "partners.detail", "report.page"}
)

#: The paths of these pages.
PATH = re.compile(r"/|/report|/milestones(/[^/]+)?|/partners(/.+)?")

#: The keys of an address that are kept.
KEYS = ("as_of", "faults", "zone")

#: The most characters of an address or a label.
MAX_CHARACTERS = 300


def parse_target(text: str, as_of: str = "") -> str:
    """Return the address to share: a path, with the day of `as_of` where the page is to stay as it is on that day.

    Raises:
        AccessRefused: it is no page that can be shared, or the day is none; the message names the choices.
    """
    parts = urlsplit(text if text.startswith("/") else f"/{text}")
    if len(text) > MAX_CHARACTERS or parts.netloc or not PATH.fullmatch(parts.path):
        raise AccessRefused(
            f"{text[:MAX_CHARACTERS]!r} cannot be shared; choose /report, /, /milestones, /milestones/CODE, /partners "
            "or /partners/NAME"
        )
    keys = {key: value for key, value in parse_qsl(parts.query) if key in KEYS}
    if as_of:
        keys["as_of"] = as_of
    if "as_of" in keys:
        try:
            date.fromisoformat(keys["as_of"])
        except ValueError:
            raise AccessRefused(f"{keys['as_of']!r} is no day; write it as 2026-12-31") from None
    return f"{parts.path}?{urlencode(keys)}" if keys else parts.path
