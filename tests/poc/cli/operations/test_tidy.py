"""`milepost tidy` says what it removes, and removes nothing in a dry run."""

import sqlite3
from contextlib import closing


def test_an_old_file_is_removed(make_cli):
    """After a year, the archived file goes; the ledger still knows it, as `[keep]` has no `history`."""
    cli = make_cli()
    cli.run("run")
    with closing(sqlite3.connect(cli.root / "var/ledger.db")) as ledger:
        ledger.execute("UPDATE exchange SET closed_at_us = closed_at_us - 31536000000000")
        ledger.commit()
    archived = cli.root / "var/archive/AA/flights/sample.csv"
    assert "would remove 1 file(s) in archive before " in cli.run("tidy", "--dry-run")
    assert archived.exists()
    removed = {row["kind"]: row["count"] for row in cli.json("tidy")["removed"]}
    assert removed == {"archive": 1, "refused": 0, "spool": 0, "capture": 0, "quarantine": 0}
    assert not archived.exists()
    assert len(cli.exchange_ids()) == 1


def test_a_workspace_without_keep_keeps_everything(make_cli):
    """That is said, as nothing would be."""
    cli = make_cli()
    path = cli.root / "milepost.toml"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith("keep.")))
    assert cli.run("tidy") == "Everything is kept: milepost.toml has no [keep].\n"
