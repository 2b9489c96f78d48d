"""Paths of fields in an XML record, and the values of a record in one pass over its elements."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from poc.errors import BadInput
from poc.formats.parsed_block import BROKEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from poc.config.formats.nested import XmlRecords

#: One step of a path: a prefix, a name, and a number.
STEP = re.compile(r"(?:([\w.-]+):)?([\w.-]+)(?:\[([1-9][0-9]{0,5})\])?")

#: White space of XML, which is left out around a value.
SPACE = " \t\r\n"

#: The most lists of elements whose fields are remembered.
MAX_PLANS = 1000

Fault = tuple[str, str, str]


@dataclass(slots=True)
class Node:
    """A step of paths: the name of the field whose value it is, those of its attributes, and the steps after it.

    `steps` has the next steps by name and number; 0 stands for a step without one, of which there may be one element.
    """

    name: str = ""
    attributes: list[tuple[str, str]] = field(default_factory=list)
    steps: dict[str, dict[int, Node]] = field(default_factory=dict)


class XmlPaths:
    """The paths of a feed's fields. Raises BadInput for a path that cannot be read."""

    def __init__(self, settings: XmlRecords, names: Sequence[str]) -> None:
        self._namespaces = settings.namespaces
        self._root = Node()
        self.record = self._name(settings.record, settings.record)[0]
        for name in names:
            self._add(name, settings.paths.get(name, name))
        self._keys: dict[str, tuple[str, ...]] = {}
        self._plans: dict[tuple[Any, ...], tuple[str, ...]] = {}

    def _add(self, name: str, path: str) -> None:
        node = self._root
        steps = path.split("/")
        for step in [] if path == "." else steps:
            if step.startswith("@") and step == steps[-1]:
                prefix, _, attribute = step[1:].rpartition(":")
                space = self._space(prefix, path)
                node.attributes.append((f"{{{space}}}{attribute}" if space else attribute, name))
                return
            key, number = self._name(step, path)
            node = node.steps.setdefault(key, {}).setdefault(number, Node())
        if node.name:
            raise BadInput(f"the fields {node.name!r} and {name!r} have the same path {path!r} in `xml`")
        node.name = name

    def _name(self, step: str, path: str) -> tuple[str, int]:
        match = STEP.fullmatch(step)
        if match is None:
            raise BadInput(f"the path {path!r} in `xml` has the step {step!r}; a step is such as 'line', or 'line[2]'")
        space = self._space(match[1] or "", path)
        return (f"{{{space}}}{match[2]}" if space else match[2]), int(match[3] or 0)

    def _space(self, prefix: str, path: str) -> str:
        if prefix == "xml":
            return "http://www.w3.org/XML/1998/namespace"
        if prefix and prefix not in self._namespaces:
            raise BadInput(f"the prefix {prefix!r} of the path {path!r} is not in `namespaces` of `xml`")
        return self._namespaces[prefix] if prefix else ""

    def is_record(self, tag: str) -> bool:
        """Return whether an element of a name is a record."""
        return self.record in self._keys_of(tag)

    def values(self, record: Any) -> tuple[dict[str, Any], list[Fault]]:
        """Return the value of each field that a record has, its other elements, and its faults."""
        children = list(record)
        tags = tuple([child.tag for child in children])
        plan = self.plan(tags)
        if plan and not any(map(len, children)):
            texts = [child.text for child in children]
            return dict(zip(plan, [text.strip(SPACE) if text else "" for text in texts], strict=True)), []
        values: dict[str, Any] = {}
        faults: list[Fault] = []
        if self._root.name:
            values[self._root.name] = text_of(record)
        self._collect(record, self._root, values, faults, is_record=True)
        return values, faults

    def plan(self, tags: tuple[Any, ...]) -> tuple[str, ...]:
        """Return the fields of elements, one after the other, where each is the only value of one field; else none."""
        plan = self._plans.get(tags)
        return self._make_plan(tags) if plan is None else plan

    def _make_plan(self, tags: tuple[Any, ...]) -> tuple[str, ...]:
        names: list[str] = []
        for tag in tags:
            keys = self._keys_of(tag) if isinstance(tag, str) else ()
            nodes = [self._root.steps[key] for key in keys if key in self._root.steps]
            node = nodes[0].get(0) if len(nodes) == 1 and len(nodes[0]) == 1 else None
            if node is None or not node.name or node.steps or node.attributes:
                return self._remember(tags, ())
            names.append(node.name)
        is_whole = len(set(names)) == len(names) and not self._root.name and not self._root.attributes
        return self._remember(tags, tuple(names) if is_whole else ())

    def _remember(self, tags: tuple[Any, ...], plan: tuple[str, ...]) -> tuple[str, ...]:
        if len(self._plans) < MAX_PLANS:
            self._plans[tags] = plan
        return plan

    def _collect(
        self, element: Any, node: Node, values: dict[str, Any], faults: list[Fault], *, is_record: bool = False
    ) -> None:
        for attribute, name in node.attributes:
            if (value := element.get(attribute)) is not None:
                values[name] = value.strip(SPACE)
        if not node.steps and not is_record:
            return
        counts: dict[str, int] = {}
        for child in element:
            tag = child.tag
            if type(tag) is not str:
                continue
            known = False
            for key in self._keys.get(tag) or self._keys_of(tag):
                steps = node.steps.get(key)
                if steps is not None:
                    known = True
                    counts[key] = counts.get(key, 0) + 1
                    self._take(child, key, steps, counts[key], values, faults)
            if is_record and not known:
                values.setdefault(self._keys_of(tag)[-1], None)

    def _take(
        self, element: Any, key: str, steps: dict[int, Node], count: int, values: dict[str, Any], faults: list[Fault]
    ) -> None:
        """Take the values of an element, which is number `count` of its name in its parent."""
        for number in (0, count):
            node = steps.get(number)
            if node is None:
                continue
            if number == 0 and count == 2:
                note = f"the element {key!r} occurs more than once; choose one by a number, such as {key}[1]"
                faults.append((BROKEN, next(fields_below(node)), note))
            if node.name and (number or count == 1):
                values[node.name] = text_of(element)
            if node.steps or node.attributes:
                self._collect(element, node, values, faults)

    def _keys_of(self, tag: str) -> tuple[str, ...]:
        """Return the names by which paths may mean an element: with its namespace, and without."""
        keys = self._keys.get(tag)
        if keys is None:
            local = tag.rpartition("}")[2]
            keys = (tag, local) if local != tag else (tag,)
            if len(self._keys) < 10_000:
                self._keys[tag] = keys
        return keys


def fields_below(node: Node) -> Iterator[str]:
    """Yield the fields at a step and after it."""
    if node.name:
        yield node.name
    yield from (name for _, name in node.attributes)
    for steps in node.steps.values():
        for following in steps.values():
            yield from fields_below(following)


def text_of(element: Any) -> str:
    """Return the text of an element without the white space around it."""
    text = element.text if not len(element) else "".join(element.itertext())
    return text.strip(SPACE) if text else ""
