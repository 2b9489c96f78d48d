"""Markup of sentences that name commands between backticks, and of moments."""

from __future__ import annotations

import re

from markupsafe import Markup

from dashboard.filters.time_zone import iso_moment, moment_text
from dashboard.pages.request import current_zone

_QUOTED = re.compile(r"`([^`\n]+)`")


def format_commands(text: str) -> Markup:
    """Return a text with the parts between backticks as `<code>`; everything is escaped."""
    parts = _QUOTED.split(text)  # every second part is quoted
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def moment(at_us: int) -> Markup:
    """Return a moment (UTC microseconds) as `<time>`, in the time zone of the page."""
    text = moment_text(at_us, current_zone())
    return Markup('<time datetime="{}">{}</time>').format(iso_moment(at_us), text)
