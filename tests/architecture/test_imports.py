"""The import contracts hold, and each of them fails when a forbidden import is planted."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("milepost", "poc", "metrics", "roadmap", "dashboard")
LINTER = Path(sys.executable).with_name("lint-imports")

#: Forbidden imports: file, line to plant, and the beginning of the contract that it breaks.
PLANTED = (
    ("metrics/file_output.py", "import roadmap.criteria", "Rooms look down"),
    ("metrics/replay/harness.py", "import poc.batch", "Nobody imports the service"),
    ("roadmap/cli/main.py", "import milepost.context", "Nobody imports the command"),
    ("milepost/context.py", "import milepost.serve", "milepost, top down"),
    ("poc/exchanges/exchange.py", "import metrics.store.database", "The exchange service knows of measuring"),
    ("poc/monolith/flights.py", "import polars", "The baseline is an island"),
    ("metrics/events.py", "import numpy", "The floor stands on the standard library"),
    ("poc/batch.py", "import poc.exchanges.exchange", "poc, top down"),
    ("poc/stages/map.py", "import poc.stages.check", "Stages do not know each other"),
    ("dashboard/charts/weekly_figures.py", "import flask", "Presenters and charts know no request"),
    ("roadmap/wording/dates.py", "import metrics.store.series", "Words know neither store nor request"),
    ("roadmap/criteria.py", "import roadmap.judge.status", "roadmap, top down"),
    ("dashboard/labels.py", "import dashboard.queries.weekly", "dashboard, top down"),
    ("metrics/unplaced/__init__.py", "pass", "metrics, top down"),  # a new package that no layer names
    ("poc/formats/header.py", "import poc.formats.csv_reader", "No import circle at any depth"),
)  # fmt: skip


@pytest.fixture
def copy(tmp_path):
    """A copy of the product in which contracts may be broken."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder):
    """Run import-linter on a copy; return its exit code and its output on one line."""
    program = [sys.executable, str(LINTER), "--config", "pyproject.toml", "--no-cache"]
    done = subprocess.run(
        program, cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(folder)}, check=False
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_every_contract_holds(copy):
    """The project as it stands keeps all contracts."""
    code, text = lint(copy)
    assert code == 0, text


def test_every_planted_import_is_caught(copy):
    """Each forbidden import breaks the contract that forbids it, and no contract goes without such a test."""
    for module, line, _ in PLANTED:
        path = copy / module
        path.parent.mkdir(exist_ok=True)
        before = path.read_text() if path.exists() else '"""A package that no layer names."""\n'
        path.write_text(before + f"\n\ndef _planted() -> None:\n    {line}\n")
    code, text = lint(copy)
    assert code == 1, text
    kept = [name for _, _, name in PLANTED if not re.search(rf"{name}((?!KEPT|BROKEN).)* BROKEN", text)]
    assert kept == [], text
    assert " 0 kept" in text, text


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
        "import sys; from click.testing import CliRunner; import milepost.cli\n"
        "assert CliRunner().invoke(milepost.cli.main, ['--help']).exit_code == 0\n"
        "heavy = {'poc', 'metrics', 'roadmap', 'dashboard', 'polars', 'pandas', 'numpy', 'flask', 'pydantic', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_only_the_capabilities_compare_levels():
    """One module decides which capability stands at which level."""
    comparing = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "poc").rglob("*.py"))
        if re.search(r"\blevel (<|>|==|!=)|[<>=] level\b|capability\.(since|until)\b", path.read_text())
    ]
    assert comparing == ["poc/pipeline/capabilities.py"]
