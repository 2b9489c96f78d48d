"""Every command prints through the functions that escape control characters."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Prints of texts that are escaped otherwise: JSON is ASCII, and the HTML report is escaped where it is made.
ESCAPED = re.compile(r"click\.echo\((json\.dumps\(|text, nl=False\))")

MODULES = sorted(
    path for room in ("milepost", "poc", "metrics", "roadmap") for path in (ROOT / room).rglob("*.py")
    if "monolith" not in path.parts and path != ROOT / "metrics" / "terminal.py"
)  # fmt: skip


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_text_is_printed_with_its_control_characters_escaped(path):
    """`click.echo` prints JSON only; `print_line` and `print_text` of metrics.terminal print texts."""
    lines = [line.strip() for line in path.read_text("utf-8").splitlines() if "click.echo(" in line or "secho(" in line]
    assert not [line for line in lines if not ESCAPED.match(line)]
