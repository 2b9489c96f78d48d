"""The keys of a configuration file as a table, from the JSON Schema of its model."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

from docs.generator.markdown import code, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

#: What people call the types of JSON Schema.
TYPES = {"boolean": "boolean", "integer": "integer", "number": "number", "string": "string", "object": "table"}

#: Keys of models that no file may hold.
COMPUTED = {"sha256"}


def keys(model: str, anchors: Mapping[str, str]) -> str:
    """Return the table of a model's keys.

    Args:
        model: the dotted name of a pydantic model.
        anchors: where on the page the keys of other models stand, by their class names.
    """
    module, _, name = model.rpartition(".")
    model_class: type[BaseModel] = getattr(import_module(module), name)
    schema = model_class.model_json_schema(by_alias=True)
    required = set(schema.get("required", ()))
    # the schema leaves out a description that is also the docstring of the value's model
    meanings = {field.alias or name: field.description or "" for name, field in model_class.model_fields.items()}
    rows = [
        (
            code(key),
            type_of(field, anchors),
            "**required**" if key in required else default_of(field),
            meanings[key],
        )
        for key, field in schema["properties"].items()
        if key not in COMPUTED
    ]
    missing = [row[0] for row in rows if not row[3]]
    if missing:
        raise ValueError(f"{model}: no description of {', '.join(missing)}; write it in the model")
    return table(("Key", "Type", "Default", "Meaning"), rows)


def type_of(field: Mapping[str, Any], anchors: Mapping[str, str]) -> str:
    """Return the type of a key in words, with its limits."""
    if "anyOf" in field:  # a value or none
        return " or ".join(type_of(part, anchors) for part in field["anyOf"] if part.get("type") != "null")
    if "allOf" in field:
        return type_of(field["allOf"][0], anchors)
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[table](#{anchors[name]})" if name in anchors else "table"
    if "enum" in field:
        *others, last = (code(json.dumps(choice)) for choice in field["enum"])
        return f"{', '.join(others)} or {last}"
    if "const" in field:
        return code(json.dumps(field["const"]))
    if field.get("type") == "array":
        return f"list of {plural(type_of(field['items'], anchors))}"
    by_name = [*field.get("patternProperties", {}).values(), field.get("additionalProperties")]
    if isinstance(by_name[0], dict):
        return f"{plural(type_of(by_name[0], anchors))} by name"
    kind = "date" if field.get("format") == "date" else TYPES[field["type"]]
    return kind + limits(field)


def plural(kind: str) -> str:
    """Return a type in words, in the plural."""
    if kind.startswith("`"):  # texts to choose from
        return f"{kind}s"
    if " or " in kind:
        return " or ".join(map(plural, kind.split(" or ")))
    if kind.startswith("list of "):
        return kind.replace("list", "lists", 1)
    head, comma, limit = kind.partition(",")
    return kind.replace("[table]", "[tables]") if kind.startswith("[") else f"{head}s{comma}{limit}"


def limits(field: Mapping[str, Any]) -> str:
    """Return the limits of a number or text in words."""
    if field.get("maxLength") == 1:
        return ", one character" if field.get("minLength") == 1 else ", at most one character"
    if {"minimum", "maximum"} <= set(field):
        return f", {field['minimum']:_} to {field['maximum']:_}"
    parts = [
        words.format(field[name])
        for name, words in (
            ("minimum", "at least {:_}"),
            ("exclusiveMinimum", "above {:_}"),
            ("maximum", "at most {:_}"),
            ("exclusiveMaximum", "below {:_}"),
        )
        if name in field
    ]
    return f", {', '.join(parts)}" if parts else ""


def default_of(field: Mapping[str, Any]) -> str:
    """Return the default of a key as TOML writes it."""
    value = field.get("default")
    if isinstance(value, dict):
        return "its defaults" if "$ref" in field or "allOf" in field else "none"
    if value is None:
        return "none"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return code(f"{value:_}")
    return code(json.dumps(value))
