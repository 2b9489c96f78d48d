"""Find the marked parts of a page and replace their text.

A part is `<!-- generated: NAME ARGUMENT -->`, its text, and `<!-- end of generated -->`. Everything else on the page is
written by hand.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docs.generator.commands import commands
from docs.generator.endpoints import endpoints
from docs.generator.errors import errors, gate_codes
from docs.generator.limits import limits
from docs.generator.measures import measures
from docs.generator.method import bound_widths, grades, size_bands, standard_faults, statuses, verdicts
from docs.generator.service import answers, levels, retry_schedule
from docs.generator.settings import keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PART = re.compile(r"(<!-- generated: ([a-z-]+)(?: (\S+))? -->\n).*?(<!-- end of generated -->)", re.DOTALL)
HEADING_OR_PART = re.compile(r"^#+ (?P<heading>.+)$|^<!-- generated: keys (?:\S+\.)?(?P<model>\w+) -->$", re.MULTILINE)

#: The text of each part that takes no argument.
PARTS: Mapping[str, Callable[[], str]] = {
    "answers": answers,
    "bound-widths": bound_widths,
    "commands": commands,
    "endpoints": endpoints,
    "errors": errors,
    "gate-codes": gate_codes,
    "grades": grades,
    "levels": levels,
    "limits": limits,
    "measures": measures,
    "retry-schedule": retry_schedule,
    "size-bands": size_bands,
    "standard-faults": standard_faults,
    "statuses": statuses,
    "verdicts": verdicts,
}


def generate(text: str) -> str:
    """Return a page with all its parts as the code gives them now.

    Raises:
        KeyError: a part has a name that does not exist.
    """
    anchors = dict(model_anchors(text))

    def part(match: re.Match[str]) -> str:
        begin, name, argument, end = match.groups()
        made = keys(argument, anchors) if name == "keys" else PARTS[name]()
        return f"{begin}\n{made.strip()}\n\n{end}"

    return PART.sub(part, text)


def model_anchors(text: str) -> Iterator[tuple[str, str]]:
    """Yield each model whose keys a page lists, with the anchor of the heading above the list."""
    anchor = ""
    for match in HEADING_OR_PART.finditer(text):
        if match["heading"]:
            anchor = slug(match["heading"])
        else:
            yield match["model"], anchor


def slug(heading: str) -> str:
    """Return the anchor of a heading, by the rule that GitHub and MyST share."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def stale(folder: Path) -> dict[Path, str]:
    """Return the pages below a folder whose generated parts are out of date, with their new text."""
    texts = {path: path.read_text("utf-8") for path in sorted(folder.rglob("*.md"))}
    return {path: made for path, text in texts.items() if (made := generate(text)) != text}
