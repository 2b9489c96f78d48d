"""The layout of JSON: where the records are, the paths of their values, and a list that becomes rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from poc.errors import BadInput
from poc.onboarding.layout import Guess, Layout

if TYPE_CHECKING:
    from pathlib import Path

    from poc.onboarding.layout import Choices
    from poc.onboarding.sample_file import SampleFile

#: Records that are looked at for their keys.
SAMPLED_RECORDS = 10_000


def json_layout(sample: SampleFile, format_name: str, choices: Choices) -> Layout:
    """Return the layout of JSON Lines, or of a JSON file. Raises BadInput where no records are found."""
    text = sample.head.decode("utf-8-sig", "replace")
    path = ""
    if format_name == "jsonl":
        records = line_records(text, is_whole=sample.is_whole)
    elif text.lstrip().startswith("["):
        records = list_records(text.lstrip())
    else:
        path, records = inner_records(sample.path, text, choices.records, is_whole=sample.is_whole)
    rows = [record for record in records[:SAMPLED_RECORDS] if isinstance(record, dict)]
    if not rows:
        raise BadInput(f"{sample.path}: the sample has no JSON object that could be a row")
    scalars, lists, dotted = collect_paths(rows)
    guesses = [Guess("records", f"the list {path!r}" if path else "each object", len(rows))]
    table: dict[str, Any] = {"records": path} if path else {}
    exploded, left_out, fields_match = "", [], "exact"
    of_objects = {key: elements for key, elements in lists.items() if any(isinstance(e, dict) for e in elements)}
    candidates = of_objects or lists
    if len(candidates) == 1:
        (exploded,) = candidates
        table["explode"] = exploded
        elements = candidates[exploded]
        inner, inner_lists, _ = collect_paths([element for element in elements if isinstance(element, dict)])
        scalars |= dict.fromkeys([f"{exploded}.{key}" for key in inner] or [exploded])
        left_out += [f"{exploded}.{key}" for key in inner_lists]
        doubt = "each of its elements becomes a row; without `explode`, a record is one row"
        guesses.append(Guess("list", exploded, len(elements), (doubt,)))
    left_out += [key for key in lists if key != exploded]
    taken = {path.partition(".")[0] for path in (*scalars, exploded)}
    left_out += [key for key in dict.fromkeys(key for row in rows for key in row) if key not in taken]
    if left_out := list(dict.fromkeys([*left_out, *dotted])):
        is_complete = all(path.partition(".")[0] in rows[0] for path in scalars)
        fields_match = "subset" if is_complete else "partial"  # the first record stands for the header
        doubt = "lists, empty objects, keys with a dot, and keys of two kinds are no fields"
        guesses.append(Guess("left out", ", ".join(left_out), len(rows), (doubt,)))
    if not scalars:
        raise BadInput(f"{sample.path}: the records have no value that could be a field")
    settings: dict[str, Any] = {}
    if table or any("." in name for name in scalars):
        settings["json"] = table
    return Layout(format_name, settings, tuple(scalars), tuple(guesses), fields_match)


def line_records(text: str, *, is_whole: bool) -> list[Any]:
    """Return the values of lines of JSON; lines that cannot be read are passed over."""
    lines = text.splitlines()
    records = []
    for line in lines if is_whole else lines[:-1]:
        if line.strip():
            try:
                records.append(json.loads(line))
            except (ValueError, RecursionError):
                continue
    return records


def list_records(text: str) -> list[Any]:
    """Return the elements of a list of JSON, as far as the text has them whole."""
    decoder = json.JSONDecoder()
    records: list[Any] = []
    at = 1
    while len(records) < SAMPLED_RECORDS:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        try:
            record, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        records.append(record)
    return records


def inner_records(path: Path, text: str, wanted: str, *, is_whole: bool) -> tuple[str, list[Any]]:
    """Return the path of the list of records in a JSON object, and its elements. Raises BadInput."""
    if not is_whole:
        raise BadInput(f"{path}: too large to look for its records; cut a sample from it that is a whole JSON file")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not JSON: {error}") from error
    found = {key: elements for key, elements in object_lists(document) if elements}
    if wanted and wanted not in found:
        raise BadInput(f"{path}: there is no list of objects at {wanted!r}; there are {', '.join(found) or 'none'}")
    if not found:
        raise BadInput(f"{path}: there is no list of objects in this JSON file; its records cannot be guessed")
    best = wanted or max(found, key=lambda key: (len(found[key]), -key.count(".")))
    return best, found[best]


def object_lists(value: Any, path: str = "") -> list[tuple[str, list[Any]]]:
    """Return the lists of objects in an object, by their path, not those in lists."""
    found: list[tuple[str, list[Any]]] = []
    for key, inner in value.items():
        where = f"{path}.{key}" if path else key
        if isinstance(inner, dict):
            found += object_lists(inner, where)
        elif isinstance(inner, list) and any(isinstance(element, dict) for element in inner):
            found.append((where, inner))
    return found


def collect_paths(records: list[dict[str, Any]]) -> tuple[dict[str, None], dict[str, list[Any]], list[str]]:
    """Return the paths of single values, those of lists with their elements, and keys that can be neither.

    The latter have a dot in them, or are a list or an object in one record and something else in another.
    """
    scalars: dict[str, None] = {}
    lists: dict[str, list[Any]] = {}
    dotted: dict[str, None] = {}
    objects: set[str] = set()
    single: set[str] = set()

    def visit(value: dict[str, Any], path: str) -> None:
        for key, inner in value.items():
            where = f"{path}.{key}" if path else key
            if "." in key or not key:
                dotted[where] = None
            elif isinstance(inner, dict):
                objects.add(where)
                visit(inner, where)
            elif isinstance(inner, list):
                lists.setdefault(where, []).extend(inner)
            else:
                scalars.setdefault(where)
                if inner is not None:
                    single.add(where)

    for record in records:
        visit(record, "")
    mixed = objects & (single | lists.keys()) | (lists.keys() & single)  # of two kinds
    unusable = [
        path for path in (*scalars, *lists) if any(path == each or path.startswith(f"{each}.") for each in mixed)
    ]
    scalars = {path: None for path in scalars if path not in lists and path not in objects and path not in unusable}
    lists = {path: elements for path, elements in lists.items() if path not in unusable}
    return scalars, lists, [*dotted, *sorted(mixed)]
