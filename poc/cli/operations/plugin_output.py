"""The form of monitoring plugins: a line with the state and figures, and exit codes of their own.

It is that of the Monitoring Plugins Development Guidelines, which Nagios, Icinga, Zabbix and others read.
"""

from __future__ import annotations

from typing import Any

import click

from metrics.terminal import print_line

#: The words of the exit codes 0 to 3.
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")

UNKNOWN = 3


class PluginCommand(click.Command):
    """A command whose usage errors have the exit code 3, not 2, which means critical to a monitoring system."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the arguments."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            print_line(f"MILEPOST UNKNOWN - {error.format_message()}")
            raise click.exceptions.Exit(UNKNOWN) from error


def plugin_lines(state: dict[str, Any]) -> list[str]:
    """Return the lines of a plugin's output: the state with its figures, then one line for each alert.

    A `|` separates the figures from the text.
    """
    names = {"oldest_due_s": ("oldest_due", "s")}
    figures = " ".join(
        "{0}={2}{1};;;0".format(*names.get(name, (name, "")), value) for name, value in state["figures"].items()
    )
    lines = [
        f"MILEPOST {WORDS[state['exit_code']]} - {_plain(state['message'])}" + (f" | {figures}" if figures else "")
    ]
    for alert in state["alerts"]:
        scope = "/".join(part for part in (alert["partner"], alert["feed"]) if part) or "workspace"
        step = f" ({alert['next_step']})" if alert["next_step"] else ""
        lines.append(_plain(f"{alert['severity']}: {scope}: {alert['kind']}: {alert['summary']}{step}"))
    return lines


def _plain(text: str) -> str:
    """Return a text on one line, without the character that separates the figures."""
    return " ".join(text.replace("|", "/").split())
