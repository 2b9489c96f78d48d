"""`milepost metrics record` refuses wrong options, and never stops a command for a wrong record count."""

import json

import pytest
from click.testing import CliRunner

from milepost.cli import main


@pytest.fixture
def record(tmp_path):
    """A function that records a command in a workspace, with these options before `--`."""
    (tmp_path / "milepost.toml").write_text('schema = 1\nname = "w"\n')

    def run(options, command):
        feed = ("--partner", "AA", "--feed", "flights")
        return CliRunner().invoke(main, ["-w", str(tmp_path), "metrics", "record", *feed, *options, "--", *command])

    return run


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--system", "servise@1"], "unknown subject 'servise@1'; choose"),
        (["--attempt", "2"], "--exchange and --attempt go together"),
        (["--partner", "A/B"], "'A/B' is not a name"),
    ],
)
def test_a_wrong_option_is_refused_before_the_command_runs(record, tmp_path, options, message):
    """An impossible name or number has exit code 2, and nothing runs."""
    result = record(options, ["touch", str(tmp_path / "ran")])
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("count", ["", "-1", "12.5", "1e3", "wc: orders.csv: No such file", "9" * 30])
def test_a_wrong_record_count_is_a_warning_and_the_command_runs(record, tmp_path, count):
    """The program that counts the records may fail; the exchange continues, and the count is unknown."""
    result = record(["--records", count], ["touch", str(tmp_path / "ran")])
    assert (result.exit_code, (tmp_path / "ran").exists()) == (0, True)
    assert "its records are not counted" in result.stderr
    (file,) = (tmp_path / "var/spool/live").glob("*.jsonl")
    end = json.loads(file.read_bytes().splitlines()[-1])
    assert (end["records"], end["rows"], end["calls"], end["operator_touch"]) == (None, {}, None, None)
