"""`milepost metrics import` and `export`, from the command line."""

import json

import polars as pl
import pytest
from click.testing import CliRunner

from metrics.store.database import open_store
from milepost.cli import main

MAPPING = """
[import]
started_at = { column = "start" }
duration = { column = "ms", unit = "ms" }
partner = { value = "AA" }
feed = { column = "feed" }
outcome = { column = "status", done = ["OK"] }
"""


@pytest.fixture
def workspace(tmp_path):
    """A workspace with a mapping, and a log of one good row and one without a start."""
    assert CliRunner().invoke(main, ["init", str(tmp_path / "w")]).exit_code == 0
    with (tmp_path / "w" / "milepost.toml").open("a") as settings:
        settings.write(MAPPING)
    (tmp_path / "log.csv").write_text("start,ms,feed,status\n2020-01-01T23:59:59.5Z,1500,f,OK\n,1500,f,OK\n")
    return tmp_path / "w"


def test_import_reports_its_result_and_exits_with_three(workspace, tmp_path):
    """A dry run shows the rows and creates nothing; an import stores the good row and names the other."""

    def milepost(*arguments):
        return CliRunner().invoke(
            main, ["-w", str(workspace), "metrics", "import", str(tmp_path / "log.csv"), *arguments]
        )

    dry = milepost("--dry-run")
    assert (dry.exit_code, "1 run(s) would be imported." in dry.stdout) == (3, True)
    assert "2020-01-01T23:59:59.500000Z" in dry.stdout
    assert json.loads(milepost("--dry-run", "--json").stdout)["first"][0]["duration_s"] == 1.5
    assert not (workspace / "var" / "metrics-live.db").exists()
    result = milepost("--json")
    assert result.exit_code == 3
    assert f"{tmp_path}/log.csv: line 3: no start" in result.stderr
    summary = json.loads(result.stdout)
    (note,) = summary.pop("notes")
    assert summary == {"new": 1, "known": 0, "left_out": 1, "reasons": {"no start": 1}, "dry_run": False}
    assert note.startswith("M2 asks for evidence of grade C; an imported log is of grade D and cannot prove it.")
    assert f"note: {note}" in dry.stdout
    assert "0 run(s) imported, 1 known already." in milepost().stdout
    assert (workspace / "var" / "metadata.json").is_file()


def test_import_says_that_times_without_a_zone_are_utc(workspace, tmp_path):
    """Once for each column, on stderr."""
    (tmp_path / "log.csv").write_text("start,ms,feed,status\n2020-01-01 23:59:59,1500,f,OK\n2020-01-02,1500,f,OK\n")
    result = CliRunner().invoke(main, ["-w", str(workspace), "metrics", "import", str(tmp_path / "log.csv")])
    assert result.exit_code == 0
    assert result.stderr.count("column 'start' has times without a zone, taken as UTC; `zone` names another") == 1


def test_validate_names_the_milestones_that_a_log_cannot_prove(workspace):
    """Only where logs are imported, and as a note: the workspace is in order."""

    def validate():
        return CliRunner().invoke(main, ["-w", str(workspace), "validate"])

    result = validate()
    assert (result.exit_code, result.stdout.count("note: M2 asks for evidence of grade C;")) == (0, 1)
    assert "M1 asks" not in result.stdout
    settings = workspace / "milepost.toml"
    settings.write_text(settings.read_text().split("[import]")[0])
    assert "note:" not in validate().stdout


def test_validate_finds_mistakes_in_the_mapping(workspace):
    """`validate` checks the table [import] too, and reports its mistake in one line."""
    assert CliRunner().invoke(main, ["-w", str(workspace), "validate"]).exit_code == 0
    settings = workspace / "milepost.toml"
    settings.write_text(settings.read_text().replace('unit = "ms"', 'unit = "sec"'))
    result = CliRunner().invoke(main, ["-w", str(workspace), "validate"])
    assert result.exit_code == 2
    assert f"{settings}: `import.duration.unit` (is 'sec')" in result.stderr
    settings.write_text(settings.read_text().split("[import]")[0])
    result = CliRunner().invoke(main, ["-w", str(workspace), "metrics", "import", "x.csv"])
    assert (result.exit_code, "no table [import]" in result.stderr) == (2, True)


def test_export_writes_to_stdout_or_a_file(tmp_path):
    """CSV goes to stdout, Parquet needs a file, and `--json` describes the file."""

    def milepost(*arguments):
        return CliRunner().invoke(main, ["-w", str(tmp_path / "w"), "metrics", "export", *map(str, arguments)])

    assert CliRunner().invoke(main, ["init", str(tmp_path / "w")]).exit_code == 0
    assert "no metrics yet" in milepost().stderr
    open_store(tmp_path / "w/var/metrics-live.db", "live").close()
    assert milepost("--table", "meta").stdout.splitlines()[1] == '"clock","live"'
    assert "--format parquet needs --output" in milepost("--format", "parquet").stderr
    path = tmp_path / "meta.parquet"
    done = milepost("--table", "meta", "--format", "parquet", "--output", path, "--json")
    assert json.loads(done.stdout) == {"table": "meta", "rows": 1, "file": str(path), "format": "parquet"}
    assert pl.read_parquet(path).to_dicts() == [{"key": "clock", "value": "live"}]
