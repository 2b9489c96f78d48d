"""`milepost parity compare`: any two files, with values masked."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from milepost.cli import main
from poc.config.scaffold import create_workspace


def compare(tmp_path: Path, *options: str) -> Result:
    """Compare two files of customers in a folder that is no workspace."""
    (tmp_path / "left.csv").write_text("id,name,city\n1,Ann Ash,Rome\n2,Bob,Oslo\n")
    (tmp_path / "right.jsonl").write_text(
        '{"id": 1, "name": "ann ash", "city": "Rome"}\n{"id": 3, "name": "Di", "city": null}\n'
    )
    arguments = ["parity", "compare", str(tmp_path / "left.csv"), str(tmp_path / "right.jsonl"), *options]
    return CliRunner().invoke(main, arguments)


def test_differences_are_listed_by_cause_and_values_are_masked(tmp_path: Path):
    """The report counts all differences and shows shapes of values; differences are exit code 5."""
    result = compare(tmp_path, "--key", "id")
    assert result.exit_code == 5
    assert "Compared by id: 0 equal, 1 in both and different, 3 differences" in result.output
    assert "case in name: 1\n  record 1 left and record 1 right, 9: 'Xxx Xxx' / 'xxx xxx'\n" in result.output
    assert "row-missing: 1\n  record 2 left, 9\n" in result.output
    assert "Ann" not in result.output


def test_values_are_shown_where_they_are_asked_for(tmp_path: Path):
    """`--values` shows what is there, on the command line alone."""
    assert (
        "record 1 left and record 1 right, 1: 'Ann Ash' / 'ann ash'"
        in compare(tmp_path, "--key", "id", "--values").output
    )


def test_the_report_is_printed_as_json(tmp_path: Path):
    """The keys are those of the text."""
    report = json.loads(compare(tmp_path, "--key", "id", "--json").output)
    assert {name: report[name] for name in ("key", "equal_records", "different_records", "differences")} == {
        "key": ["id"], "equal_records": 0, "different_records": 1, "differences": 3,
    }  # fmt: skip
    assert [(row["cause"], row["field"], row["differences"]) for row in report["causes"]] == [
        ("case", "name", 1),
        ("row-missing", "", 1),
        ("row-extra", "", 1),
    ]
    assert report["examples"][0]["left"] == "Xxx Xxx"


def test_a_contract_gives_the_key_and_the_types(tmp_path: Path):
    """The primary key of a Table Schema is the key, and its types help to name a cause."""
    contract = tmp_path / "c.schema.json"
    contract.write_text(json.dumps({"fields": [{"name": "id"}, {"name": "km", "type": "number"}], "primaryKey": "id"}))
    (tmp_path / "a.csv").write_text("id,km\n1,1400\n2,7\n")
    (tmp_path / "b.csv").write_text("id,km\n2,7\n1,1401\n")
    arguments = ["parity", "compare", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--contract", str(contract)]
    result = CliRunner().invoke(main, arguments)
    assert "rounding in km: 1" in result.output


def test_equal_files_end_with_zero(tmp_path: Path):
    """No difference is exit code 0."""
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n")
    result = CliRunner().invoke(main, ["parity", "compare", str(path), str(path)])
    assert (result.exit_code, "1 equal" in result.output) == (0, True)


def test_a_wrong_key_is_an_error_that_names_the_fields(tmp_path: Path):
    """The command ends with code 2 and one line."""
    result = compare(tmp_path, "--key", "number")
    assert result.exit_code == 2
    assert "no field 'number', which is in the key; its fields: id, name, city" in result.output


@pytest.mark.parametrize("fixed_is", ["left", "right"])
def test_a_file_of_a_feed_is_read_by_its_settings(tmp_path: Path, fixed_is: str):
    """`--left-feed` and `--right-feed` name the feed of a fixed-width file; its fields are those of the contract."""
    root = tmp_path / "w"
    create_workspace(root, "test", "live", {}, "")
    (root / "partners").mkdir()
    fields = [{"name": "id"}, {"name": "city"}]
    (root / "contracts/c.schema.json").write_text(json.dumps({"fields": fields, "primaryKey": "id"}))
    (root / "partners/ACME.toml").write_text(
        'schema = 1\nid = "ACME"\nname = "Acme"\nendpoint = { folder = "out" }\n'
        '[feed.f]\ncontract = "c.schema.json"\nformat = "fixed"\nmap = [{ to = "id", from = "id" }]\n'
        "fixed = { columns = { id = { start = 1, width = 3 }, city = { start = 4, width = 6 } } }\n"
    )
    files = {"fixed": tmp_path / "f.txt", "csv": tmp_path / "c.csv"}
    files["fixed"].write_text("  1Rome  \n  2Oslo  \n")
    files["csv"].write_text("id,city\n2,Oslo\n1,Roma\n")
    sides = [files["fixed"], files["csv"]][:: 1 if fixed_is == "left" else -1]
    arguments = ["-w", str(root), "parity", "compare", *map(str, sides), f"--{fixed_is}-feed", "ACME/f", "--key", "id"]
    result = CliRunner().invoke(main, [*arguments, "--json"])
    report = json.loads(result.output)
    assert (result.exit_code, report["equal_records"], report["different_records"]) == (5, 1, 1)
    assert [(row["cause"], row["field"]) for row in report["causes"]] == [("value", "city")]
