"""The layout of XML: the element that is a record, and the paths of its fields."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from poc.errors import BadInput
from poc.formats.xml_parsing import SAFE, load_library
from poc.onboarding.layout import Guess, Layout

if TYPE_CHECKING:
    from poc.onboarding.layout import Choices
    from poc.onboarding.sample_file import SampleFile

#: Records that are looked at for their fields.
SAMPLED_RECORDS = 10_000


def xml_layout(sample: SampleFile, choices: Choices) -> Layout:
    """Return the layout of an XML file. Raises BadInput where no records are found, or the library is missing."""
    etree = load_library()
    parser = etree.XMLPullParser(events=("end",), **SAFE)
    elements: list[Any] = []
    try:
        parser.feed(sample.head)
        if sample.is_whole:
            parser.close()
        elements = [element for _, element in parser.read_events()]
    except etree.XMLSyntaxError as error:
        raise BadInput(f"{sample.path}: not well-formed XML: {error}") from error
    record = choices.records or find_record(elements)
    records = [element for element in elements if local_name(element) == record][:SAMPLED_RECORDS]
    if not records:
        choices_text = ", ".join(dict.fromkeys(local_name(element) for element in elements if len(element))) or "none"
        raise BadInput(f"{sample.path}: no element {record!r}; elements with others in them: {choices_text}")
    paths, repeated = record_paths(records)
    if not paths:
        raise BadInput(f"{sample.path}: the element {record!r} has no value that could be a field")
    table: dict[str, Any] = {"record": record}
    names = field_names(paths)
    if others := {name: path for name, path in names.items() if name != path}:
        table["paths"] = others
    guesses = [Guess("records", f"each element {record!r}", len(records))]
    fields_match = "exact"
    if repeated:
        fields_match = "subset"
        doubt = "elements that occur more than once in a record; `name[1]` as a path takes the first one"
        guesses.append(Guess("left out", ", ".join(repeated), len(records), (doubt,)))
    return Layout("xml", {"xml": table}, tuple(names), tuple(guesses), fields_match)


def local_name(element: Any) -> str:
    """Return the name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def find_record(elements: list[Any]) -> str:
    """Return the name of the elements that are rows: those nearest to the root that occur more than once."""
    counts: Counter[tuple[int, str]] = Counter()
    for element in elements:
        depth = sum(1 for _ in element.iterancestors())
        if depth and (len(element) or element.attrib):
            counts[depth, local_name(element)] += 1
    repeated = [key for key, times in counts.items() if times > 1]
    chosen = min(repeated or counts, key=lambda key: (key[0], -counts[key]), default=(0, ""))
    return chosen[1]


def record_paths(records: list[Any]) -> tuple[list[str], list[str]]:
    """Return the paths of values in records, and those that occur more than once in one of them."""
    order: dict[str, None] = {}
    repeated: dict[str, None] = {}
    for record in records:
        times: Counter[str] = Counter()
        visit(record, "", times)
        order |= dict.fromkeys(times)
        repeated |= {path: None for path, count in times.items() if count > 1}
    return [path for path in order if path not in repeated], list(repeated)


def visit(element: Any, path: str, times: Counter[str]) -> None:
    """Count the paths of an element's attributes and of the values below it."""
    prefix = f"{path}/" if path else ""
    for name in element.attrib:
        if "}" not in name:
            times[f"{prefix}@{name}"] += 1
    children = [child for child in element if isinstance(child.tag, str)]
    for child in children:
        visit(child, f"{prefix}{local_name(child)}", times)
    if not children and path:
        times[path] += 1
    elif not children and (element.text or "").strip():
        times["."] += 1


def field_names(paths: list[str]) -> dict[str, str]:
    """Return names of fields for paths: the path itself, or words of it where it is none that a field would have."""
    names: dict[str, str] = {}
    for path in paths:
        name = "value" if path == "." else re.sub(r"[/@]+", "_", path).strip("_")
        number = 2
        base = name
        while name in names:
            name = f"{base}_{number}"
            number += 1
        names[name] = path
    return names
