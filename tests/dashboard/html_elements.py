"""A page as a tree of elements, which tests search by name, id, class, role or data attribute and read as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask.testing import FlaskClient

#: Elements without an end tag, without text that a reader sees, and within a word or beside a comma.
VOID = {"area", "base", "br", "circle", "col", "embed", "hr", "img", "input", "line", "link", "meta", "path", "rect",
        "source", "use", "wbr"}  # fmt: skip
UNSEEN = {"head", "script", "style", "svg"}
INLINE = {"a", "b", "code", "em", "i", "small", "strong"}


@dataclass(eq=False)
class Element:
    """An element with its attributes, its parts in order, and the text that a reader sees of it."""

    name: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    parts: list[Element | str] = field(default_factory=list)

    def __getitem__(self, attribute: str) -> str:
        return self.attributes[attribute]

    def __iter__(self) -> Iterator[Element]:
        """This element and all below it, in the order of the page."""
        yield self
        for part in self.parts:
            if isinstance(part, Element):
                yield from part

    @property
    def text(self) -> str:
        """The visible text, with one space wherever there is a break or a space."""
        return " ".join("".join(self._texts()).split())

    @property
    def source(self) -> str:
        """The text as it stands in the element, such as the data of a script."""
        return "".join(part for part in self.parts if isinstance(part, str))

    def _texts(self) -> Iterator[str]:
        space = "" if self.name in INLINE else " "
        yield space
        for part in self.parts:
            if isinstance(part, str):
                yield part
            elif part.name not in UNSEEN:
                yield from part._texts()
        yield space

    def matches(self, name: str, attributes: dict[str, str | bool]) -> bool:
        """Whether it has this name and these attributes; a class is one of several, and True means any value."""
        if name not in {"", self.name}:
            return False
        for key, wanted in attributes.items():
            value = self.attributes.get(key.rstrip("_").replace("_", "-"))
            if value is None or (wanted is not True and wanted not in (value.split() if key == "class_" else [value])):
                return False
        return True

    def all(self, name: str = "", /, **attributes: str | bool) -> list[Element]:
        """Every element below this one with a name and attributes: `page.all("a", data_counts=True)`."""
        return [one for one in self if one is not self and one.matches(name, attributes)]

    def one(self, name: str = "", /, **attributes: str | bool) -> Element:
        """The only such element."""
        found = self.all(name, **attributes)
        assert len(found) == 1, (name, attributes, [one.text for one in found])
        return found[0]

    def texts(self, name: str = "", /, **attributes: str | bool) -> list[str]:
        """The text of every such element."""
        return [one.text for one in self.all(name, **attributes)]

    def links(self, text: str = "") -> dict[str, str]:
        """The text of each link by its address; with a text, of the links that contain it."""
        return {link["href"]: link.text for link in self.all("a", href=True) if text in link.text}


class _Builder(HTMLParser):
    """Builds the tree; an end tag that closes nothing, an element left open, or a comment fails the test."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element()]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Add an element, and go into it unless it can have no parts."""
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].parts.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Go out of an element, unless it can have no parts."""
        assert tag in VOID or self.open.pop().name == tag, f"</{tag}> closes nothing"

    def handle_comment(self, data: str) -> None:
        """Fail: no page has comments, so that somebody's text made this one."""
        pytest.fail(f"a comment on a page: {data}")

    def handle_data(self, data: str) -> None:
        """Add text."""
        self.open[-1].parts.append(data)


def parsed(text: str) -> Element:
    """A page, or a part of one, as its elements."""
    builder = _Builder()
    builder.feed(text)
    builder.close()
    assert len(builder.open) == 1, f"<{builder.open[-1].name}> is not closed"
    return builder.open[0]


@pytest.fixture(scope="session")
def parse_html() -> Callable[[str], Element]:
    """A function that parses HTML into its elements."""
    return parsed


@pytest.fixture(scope="session")
def get_html() -> Callable[[FlaskClient, str], Element]:
    """A function that gets a page of a dashboard, which must be there, as its elements."""

    def get(client: FlaskClient, address: str) -> Element:
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.text[:2000])
        return parsed(answer.text)

    return get
