"""Markup of sentences that name commands between backticks."""

from __future__ import annotations

import re

from markupsafe import Markup

_QUOTED = re.compile(r"`([^`\n]+)`")


def format_commands(text: str) -> Markup:
    """Return a text with the parts between backticks as `<code>`; everything is escaped."""
    parts = _QUOTED.split(text)  # every second part is quoted
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))
