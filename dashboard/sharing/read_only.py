"""A page as somebody without an account gets it: the same text, without forms and without links to other pages."""

from __future__ import annotations

import re

#: A form, or a switch between pages, with all that is in it.
FORM = re.compile(r"<(form|nav)\b.*?</\1>", re.DOTALL)

#: The address of a link to another page here; the templates escape `>` and quotes in attributes.
PAGE_LINK = re.compile(r'(<a\b[^>]*?) href="/[^"]*"')


def without_ways_on(html: str) -> str:
    """Return a page whose links lead to its own parts and to other sites alone; it has no forms."""
    return PAGE_LINK.sub(r"\1", FORM.sub("", html))
