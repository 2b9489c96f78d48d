"""A proposal: a feed as TOML and a contract as Table Schema, made of a sample's layout and its fields."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from poc.onboarding.layout import Guess
from poc.onboarding.toml_text import toml_key, toml_lines, toml_text

if TYPE_CHECKING:
    from poc.onboarding.fields import FieldGuess
    from poc.onboarding.layout import Layout

#: Constraints that a later row of the same file may break, in the order in which they are given up.
CONSTRAINTS = ("enum", "required")


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed for a file.

    Args:
        feed_id: the name of the feed.
        contract: the name of the contract's file.
        files: the pattern of the names of its files.
        compression: as in the feed.
        layout: where the columns are.
        fields: of the contract, in order.
        key: fields of the primary key; empty for none.
        changes: what the trial of the whole file has changed, beside the fields.
    """

    feed_id: str
    contract: str
    files: str
    compression: str
    layout: Layout
    fields: tuple[FieldGuess, ...]
    key: tuple[str, ...] = ()
    changes: tuple[Guess, ...] = ()

    @property
    def guesses(self) -> tuple[Guess, ...]:
        """All guesses: about the layout, each field, and what the trial has changed."""
        return (*self.layout.guesses, *(field.guess for field in self.fields), *self.changes)

    def schema(self) -> dict[str, Any]:
        """Return the contract as JSON."""
        schema: dict[str, Any] = {}
        if self.layout.fields_match != "exact":
            schema["fieldsMatch"] = self.layout.fields_match
        schema["fields"] = [field.field for field in self.fields]
        return schema | ({"primaryKey": list(self.key)} if self.key else {})

    def schema_text(self) -> str:
        """Return the contract as the text of its file, one field a line."""
        lines = [json.dumps(field.field, ensure_ascii=False) for field in self.fields]
        head = f'  "fieldsMatch": "{self.layout.fields_match}",\n' if self.layout.fields_match != "exact" else ""
        tail = f',\n  "primaryKey": {json.dumps(list(self.key), ensure_ascii=False)}' if self.key else ""
        inner = ",\n    ".join(lines)
        return f'{{\n{head}  "fields": [\n    {inner}\n  ]{tail}\n}}\n'

    def feed_text(self, more: dict[str, Any] | None = None) -> str:
        """Return the feed as a table of a partner's file; `more` are further keys of it."""
        table = f"feed.{toml_key(self.feed_id)}"
        settings: dict[str, Any] = {"contract": self.contract, "files": self.files, "format": self.layout.format}
        settings |= {"compression": self.compression} if self.compression != "none" else {}
        keys, tables = toml_lines({**settings, **self.layout.settings, **(more or {})}, table)
        lines = [f"[{table}]", *keys, "map = ["]
        targets = map_targets([field.field["name"] for field in self.fields])
        entries = [
            f"  {{ to = {toml_text(to)}, from = {toml_text(field.field['name'])} }},"
            for to, field in zip(targets, self.fields, strict=True)
        ]
        width = min(max(map(len, entries)), 60)
        comments = [one_line(field.guess.text) for field in self.fields]
        lines += [f"{entry:<{width}}  # {text}" for entry, text in zip(entries, comments, strict=True)]
        return "\n".join([*lines, "]", *tables]) + "\n"

    def loosened(self, name: str, code: str, note: str) -> Proposal | None:
        """Return a proposal that allows what a row of the file has; None where nothing can be given up.

        Args:
            name: the field of the finding; "" for a key.
            code: of the finding.
            note: the finding in words.
        """
        if self.key and (code == "primary-key" or not name):
            change = Guess(", ".join(self.key), f"no primary key: {note}", 1)
            return replace(self, key=(), changes=(*self.changes, change))
        at = next((at for at, field in enumerate(self.fields) if field.field["name"] == name), None)
        if at is None:
            return None
        old = self.fields[at]
        field = dict(old.field)
        constraints = dict(field.get("constraints", {}))
        if code == "type-error" and field["type"] != "any":
            wider = "any" if self.layout.format in {"json", "jsonl"} else "string"
            field = {"name": name, "type": wider} | ({"constraints": constraints} if constraints else {})
            text = f"{wider} instead of {old.field['type']}: {note}"
        elif given := next((each for each in CONSTRAINTS if constraints.pop(each, None) is not None), None):
            field = {key: value for key, value in field.items() if key != "constraints"}
            field |= {"constraints": constraints} if constraints else {}
            text = f"{field['type']}, not {given}: {note}"
        else:
            return None
        fields = list(self.fields)
        fields[at] = replace(old, field=field, guess=replace(old.guess, text=text, doubts=()))
        return replace(self, fields=tuple(fields))


def map_targets(names: list[str]) -> list[str]:
    """Return the names that the partner gets: those of the fields, without `_` at their start, each once."""
    targets: list[str] = []
    for number, name in enumerate(names, 1):
        target = name.lstrip("_") or f"column_{number}"
        targets.append(target if target not in targets else f"{target}_{number}")
    return targets


def feed_name(stem: str) -> str:
    """Return a name of a feed for the name of a file: letters, digits, `-` and `_`, without a date at its end."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", stem.partition(".")[0]).strip("-_")
    without_date = re.sub(r"(?:[-_]?[0-9]{2,})+$", "", plain).strip("-_")
    return (without_date or plain or "feed")[:64].lower()


def one_line(text: str) -> str:
    """Return a text that a comment can hold."""
    return re.sub(r"[\x00-\x1f\x7f]", " ", text)
