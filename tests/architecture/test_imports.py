"""The walls between the rooms hold, and would be seen to fall."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")


@pytest.fixture
def copy(tmp_path):
    """The rooms, copied to where a wall may be broken."""
    for room in ("poc", "metrics", "roadmap", "dashboard"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder):
    """Run import-linter on the rooms of a folder."""
    program = [sys.executable, str(LINTER), "--config", "pyproject.toml", "--no-cache"]
    return subprocess.run(
        program, cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(folder)}, check=False
    )


def test_every_wall_holds(copy):
    """The project as it stands keeps all contracts."""
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "wall"),
    [
        ("metrics/replay/harness.py", "import poc.batch", "Nobody imports the exchange service"),
        ("poc/monolith/exchange.py", "import poc.batch", "The baseline is an island"),
        ("poc/monolith/flights.py", "import polars", "The baseline is an island"),
        ("metrics/events.py", "import numpy", "The floor stands on the standard library"),
        ("poc/service/exchange.py", "import metrics.store.database", "knows of measuring only the event"),
        ("metrics/store/database.py", "import roadmap.criteria", "Rooms look down"),
        ("poc/batch.py", "import poc.service.exchange", "poc, top down"),
        ("poc/stages/map.py", "import poc.stages.check", "Stages do not know each other"),
        ("dashboard/charts/weekly_figures.py", "import flask", "Presenters and charts know no request"),
    ],
)
def test_a_planted_import_is_caught(copy, module, line, wall):
    """A forbidden import in any room breaks the contract that forbids it."""
    path = copy / module
    path.write_text(path.read_text() + f"\n\ndef _planted() -> None:\n    {line}\n")
    done = lint(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    told = " ".join(done.stdout.split())
    assert re.search(f"{wall}((?!KEPT|BROKEN).)* BROKEN", told), told


def test_the_floor_imports_the_standard_library_alone():
    """A measured program that imports the event loads nothing that is not Python's own."""
    script = (
        "import sys; before = set(sys.modules); import metrics.events\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)\n"
        "print(sorted(new))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "['metrics']"


def test_help_imports_no_room():
    """`milepost --help` is quick because it loads nothing heavy."""
    script = (
        "import sys; from click.testing import CliRunner; import milepost\n"
        "assert CliRunner().invoke(milepost.main, ['--help']).exit_code == 0\n"
        "heavy = {'poc', 'metrics', 'roadmap', 'dashboard', 'polars', 'pandas', 'numpy', 'flask', 'pydantic', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "path", [p for room in ("poc", "metrics", "roadmap", "dashboard") for p in sorted((ROOT / room).rglob("*.py"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)  # fmt: skip
def test_no_module_grows_past_300_lines(path):
    """Past 300 lines a wall is missing."""
    assert len(path.read_text().splitlines()) <= 300


def test_only_the_line_compares_levels():
    """Which capability stands at which level is decided in one place."""
    asking = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "poc").rglob("*.py"))
        if re.search(r"\blevel (<|>|==|!=)|\.since\b|\.until\b", path.read_text())
    ]
    assert asking == ["poc/pipeline/capabilities.py"]
