"""Words of other rooms that name commands between backticks, as markup."""

from __future__ import annotations

import re

from markupsafe import Markup

_QUOTED = re.compile(r"`([^`\n]+)`")


def coded(text: str) -> Markup:
    """A text whose parts between backticks are code; all of it is escaped, and no other markup is made."""
    parts = _QUOTED.split(text)  # what is quoted stands at every second place
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))
