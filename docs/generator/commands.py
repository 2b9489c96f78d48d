"""The commands of `milepost`, their arguments, options and defaults, from the command line's own definitions."""

from __future__ import annotations

import re
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

import click

from docs.generator.markdown import code, table
from milepost.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands() -> str:
    """Return one section for each command."""
    return "\n\n".join(section(context) for context in walk(click.Context(main, info_name="milepost")))


def walk(context: click.Context) -> Iterator[click.Context]:
    """Yield the context of a command, then those of its commands."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None:
                yield from walk(click.Context(command, info_name=name, parent=context))


def section(context: click.Context) -> str:
    """Return heading, usage, help and options of one command."""
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"## {context.command_path}", f"```text\n{usage}\n```", paragraphs(command.help or "")]
    rows = [option_row(option, context) for option in command.params if isinstance(option, click.Option)]
    if rows:
        parts.append(table(("Option", "Default", "Meaning"), rows))
    return "\n\n".join(parts)


def paragraphs(text: str) -> str:
    """Return a help text with each paragraph on one line."""
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", cleandoc(text)))


def option_row(option: click.Option, context: click.Context) -> tuple[str, str, str]:
    """Return names and value, default and help of an option."""
    names = ", ".join(code(name) for name in option.opts)
    value = "" if option.is_flag else f" {code(metavar(option, context))}"
    if option.is_flag:
        default = "off"
    elif option.required:
        default = "**required**"
    else:
        given = option.get_default(context)
        default = code(given) if isinstance(given, str | int | float) else "none"
    variable = f" Environment: {code(option.envvar)}." if option.envvar else ""
    return names + value, default, f"{option.help or ''}{limits(option.type)}{variable}"


def metavar(option: click.Option, context: click.Context) -> str:
    """Return what stands for an option's value."""
    if option.metavar is None and isinstance(option.type, click.IntRange):
        return "INTEGER"
    return option.make_metavar(context).strip("[]")


def limits(kind: click.ParamType[Any]) -> str:
    """Return the limits of an integer as a sentence."""
    if not isinstance(kind, click.IntRange):
        return ""
    return f" At least {kind.min}." if kind.max is None else f" {kind.min} to {kind.max}."
