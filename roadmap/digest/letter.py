"""The text of a digest: a subject, plain text, and HTML that says the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.terminal import escape_control_characters, escape_for_page

if TYPE_CHECKING:
    from roadmap.digest.changes import Changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A digest as it is sent; made once, so that each attempt sends the same."""

    subject: str
    text: str
    html: str


def write_letter(
    workspace: str, since: str, heading: str, changes: Changes, worth: tuple[str, ...], notes: tuple[str, ...]
) -> Letter:  # fmt: skip
    """Return the digest in words.

    Args:
        workspace: the workspace's name.
        since: when the last digest was made, in words.
        heading: the day judged, in words.
        changes: what has changed.
        worth: what people count, a line each; only shown where something has changed.
        notes: on the attachment, and the address of the dashboard.
    """
    count = sum(len(section.lines) for section in changes.changed)
    name = " ".join(escape_control_characters(workspace).split())
    if not count:
        rest = f" Still to decide: {len(changes.to_decide)}." if changes.to_decide else ""
        sentence = f"Nothing has changed since {since}.{rest}"
        sections: tuple[tuple[str, tuple[str, ...]], ...] = ()
        subject = f"[{name}] Milestones: nothing has changed"
    else:
        sentence = f"What has changed since {since}. {heading}"
        sections = tuple(
            (title, lines)
            for title, lines in (
                ("To decide", changes.to_decide),
                *((section.heading, section.lines) for section in changes.changed),
                ("Where all milestones stand", changes.standing),
                ("In what people count", worth),
            )
            if lines
        )
        subject = f"[{name}] Milestones: {count} change{'' if count == 1 else 's'}"
    return Letter(
        subject=subject[:150],
        text=_text(sentence, sections, notes),
        html=_html(name, sentence, sections, notes),
    )


def _text(sentence: str, sections: tuple[tuple[str, tuple[str, ...]], ...], notes: tuple[str, ...]) -> str:
    parts = [[sentence], *([f"{title}:", *(f"- {line}" for line in lines)] for title, lines in sections), [*notes]]
    # a line end inside a line begins no line of its own
    return "\n\n".join("\n".join(map(escape_control_characters, part)) for part in parts if part) + "\n"


def _html(name: str, sentence: str, sections: tuple[tuple[str, tuple[str, ...]], ...], notes: tuple[str, ...]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("roadmap", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=escape_for_page,
    )
    return pages.get_template("digest.html").render(name=name, sentence=sentence, sections=sections, notes=notes)
