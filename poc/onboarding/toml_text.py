"""Values as TOML: what a proposal writes into a partner's file."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(value: str) -> str:
    """Return a text as a basic string of TOML."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_key(key: str) -> str:
    """Return a key, in quotes where TOML needs them."""
    return key if BARE_KEY.fullmatch(key) else toml_text(key)


def toml_value(value: Any) -> str:
    """Return a text, number, boolean, list or table in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return toml_text(value)
    if isinstance(value, dict):
        inner = ", ".join(f"{toml_key(key)} = {toml_value(each)}" for key, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    return str(value)


def toml_lines(settings: Mapping[str, Any], table: str) -> tuple[list[str], list[str]]:
    """Return the keys of a table, a line each, and the lines of those inner tables that are long."""
    keys, tables = [], []
    for key, value in settings.items():
        long = isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values())
        if not long:
            keys.append(f"{toml_key(key)} = {toml_value(value)}")
            continue
        inner_keys, inner_tables = [], []
        for name, inner in value.items():
            if isinstance(inner, dict):
                lines = [f"{toml_key(each)} = {toml_value(of_each)}" for each, of_each in inner.items()]
                inner_tables += [f"[{table}.{toml_key(key)}.{toml_key(name)}]", *lines]
            else:
                inner_keys.append(f"{toml_key(name)} = {toml_value(inner)}")
        tables += [f"[{table}.{toml_key(key)}]", *inner_keys, *inner_tables]
    return keys, tables
