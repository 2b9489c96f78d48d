"""The text of every command, compared with a stored output in `outputs/`; other tests read JSON.

Hashes, the method's version and the definitions of measures are replaced by a word, as they change with other parts.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from metrics.measures.registry import MEASURES
from metrics.store.series import METHOD

OUTPUTS = Path(__file__).parent / "outputs"

COMMANDS = {
    "status": ["status"],
    "status-as-of": ["status", "--as-of", "2013-02-24"],
    "show": ["show", "M1"],
    "gate": ["gate", "M1"],
    "plan": ["plan", "M1"],
    "report": ["report"],
    "report.md": ["report", "--markdown"],
    "decide": ["decide", "M1", "pause", "--why", "no partner", "--owner", "Ann", "--until", "2013-05-01"],
    "spend": ["spend", "M1", "-250.5", "--note", "mistyped"],
}


def masked(text: str) -> str:
    """A command's output without what other parts of the project decide."""
    for name in ("busy_time_saved", "lost_records"):
        text = text.replace(MEASURES[name].definition, "DEFINITION")
    return re.sub(r"\b[0-9a-f]{12}(?:[0-9a-f]{52})?\b", "HASH", text).replace(f"method {METHOD}", "method METHOD")


@pytest.fixture
def workspace(measured, run):
    """Twelve good weeks, a budget half spent, an owner, a decision, and a plan revised once."""
    file = measured.milestones
    text = file.read_text().replace('code = "M1"', 'code = "M1"\nbudget = 5000\nowner = "ann@example.org"')
    file.write_text(text)
    run("spend", "M1", "2500", "--note", "a quarter")
    run("decide", "M1", "continue", "--why", "it pays", "--owner", "Bea")
    file.write_text(text.replace("0.30", "0.50").replace('code = "M1"', 'code = "M1"\nrevision = 2'))
    return measured


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_prints_its_stored_output(workspace, run, name):
    """Heading, statuses, reasons, numbers against targets, plans, decisions, spending, and how it was measured."""
    stored = (OUTPUTS / f"{name}.txt").read_text("utf-8")
    assert masked(run(*COMMANDS[name]).output) == stored


def test_commands_without_a_database_say_what_makes_one(front, run):
    """The plan is shown with no number in it, and no database is created."""
    stored = (OUTPUTS / "nothing.txt").read_text("utf-8")
    assert run("status").output + run("show", "M1").output == stored
    assert not front.store.exists()
