"""`milepost contract infer`: the proposal as text, as files, and as JSON."""

import json

from click.testing import CliRunner

from milepost.cli import main


def infer(*arguments, code=0):
    """The output of the command, which ends with an exit code."""
    done = CliRunner().invoke(main, ["contract", "infer", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done.output


def test_a_proposal_is_printed_or_written_and_never_over_a_file(tmp_path):
    """Without `--to` nothing is written; with it two files are, and a second time none is changed."""
    sample = tmp_path / "orders_2026-11.csv"
    sample.write_text("order,amount\n1,2.5\n2,x\n")
    text = infer(sample)
    assert "? text, though most values are numbers: not 'x' in row 2" in text
    assert "Tried on the file: would be delivered; 2 rows in: 2 delivered" in text
    assert "[feed.orders]" in text
    assert [path.name for path in tmp_path.iterdir()] == [sample.name]
    infer(sample, "--to", tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["orders.schema.json", "orders.toml"]
    (tmp_path / "new" / "orders.toml").unlink()
    (tmp_path / "new" / "orders.schema.json").write_text("mine")
    assert "is there already; nothing was written" in infer(sample, "--to", tmp_path / "new", code=2)
    assert [path.read_text() for path in (tmp_path / "new").iterdir()] == ["mine"]
    values = json.loads(infer(sample, "--json"))
    assert values["trial"]["rows"]["delivered"] == values["rows_read"] == 2
    assert values["contract"]["fields"][1]["type"] == "string"


def test_a_proposal_that_does_not_accept_its_sample_ends_with_code_3(tmp_path):
    """A row with a cell too many is named, and no proposal can take it."""
    sample = tmp_path / "a.csv"
    sample.write_text("a,b\n" + "1,2\n" * 20 + "1,2,3\n" + "1,2\n")
    text = infer(sample, code=3)
    assert "1 row(s) cannot be read; row 21: extra-cell" in text
    assert "22 rows in: 21 delivered, 1 quarantined" in text
