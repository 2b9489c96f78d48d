"""`milepost run`: what it prints about an exchange, and what it does when something is lost or in the way."""

import os
import shutil
from datetime import UTC, datetime, timedelta


def test_a_run_prints_outcome_findings_and_the_next_command(make_cli):
    """The account, each finding with its row, and the command that shows the quarantined rows."""
    cli = make_cli()
    cli.edit_sample(("2013,1,1,", "2013,13,1,"))
    output = cli.run("run").splitlines()
    (key,) = cli.exchange_ids()
    assert output == [
        "AA/flights sample.csv: done; 12 rows in: 11 delivered, 1 quarantined",
        "  row 1: constraint-error in month: 13 is above the maximum 12",
        f"  quarantined; `milepost quarantine show {key[:8]}` shows the rows",
    ]


def test_a_lost_ledger_is_refused_until_a_person_decides(make_cli):
    """`run` and `status` say what to do and send nothing; `init --new-ledger` makes an empty one."""
    cli = make_cli()
    text = cli.sample.read_text()
    cli.run("run")
    for path in (cli.root / "var").glob("ledger.db*"):
        path.unlink()
    cli.sample.write_text(text)
    os.utime(cli.sample, (0, 0))
    for command in ("run", "status"):
        assert f"`milepost init --new-ledger {cli.root}`" in cli.error(command)
    assert len(cli.delivered()) == 12
    output = cli.run("init", "--new-ledger", cli.root)
    assert (
        "ledger.db is new and empty. A file that was delivered before and is handed in again is sent again." in output
    )
    cli.run("run")
    assert len(cli.exchange_ids()) == 1
    assert "is not empty; nothing was changed" in cli.error("init", "--new-ledger", cli.root)


def test_a_trial_in_a_second_workspace_is_no_repeat_of_the_first(make_cli):
    """Both deliver the same file to one partner, and it takes both; a repeat is shown as one, not as delivered anew."""
    first, second = make_cli(), make_cli(name="second")
    partner = first.root / "partners" / "AA.toml"
    (second.root / "partners" / "AA.toml").write_text(partner.read_text())
    text = first.sample.read_text()
    for cli in (first, second):
        os.utime(cli.sample, (0, 0))
        assert "12 rows in: 12 delivered\n" in cli.run("run")
    assert len(first.delivered()) == 24
    for path in (first.root / "var").glob("ledger.db*"):
        path.unlink()
    first.run("init", "--new-ledger", first.root)  # keeps the id of the workspace, so that the keys are equal
    first.sample.write_text(text)
    os.utime(first.sample, (0, 0))
    assert "12 delivered (the partner had 12 of them already)" in first.run("run")
    assert "12 delivered (the partner had 12 of them already)" in first.run("status")
    assert len(first.delivered()) == 24


def test_a_partner_whose_folder_cannot_be_used_stops_no_other(make_cli):
    """Its file is due with the reason, and the other partner's file is delivered in the same run."""
    cli = make_cli()
    (cli.root / "in the way").write_text("a file")
    text = (cli.root / "partners" / "AA.toml").read_text()
    head, _, tail = text.replace('id = "AA"', 'id = "A0"').partition("[endpoint]\n")
    broken = f'{head}[endpoint]\nfolder = "in the way"\n{tail[tail.index("[feed") :]}'
    (cli.root / "partners" / "A0.toml").write_text(broken)
    inbox = cli.root / "var/inbox/A0/flights"
    inbox.mkdir(parents=True)
    shutil.copy(cli.sample, inbox / "sample.csv")
    for path in (cli.sample, inbox / "sample.csv"):
        os.utime(path, (0, 0))
    output = cli.run("run", code=4)
    assert "A0/flights sample.csv: due; 12 rows in: 12 due" in output
    assert "not a folder, or below a file; move the file away, or correct `endpoint.folder`" in output
    assert len(cli.delivered()) == 12


def test_a_file_without_a_byte_is_done_and_said(make_cli):
    """A feed without a header, such as JSON Lines, may get an empty file; the run says that it is."""
    cli = make_cli()
    cli.edit_partner('format = "csv"', 'format = "jsonl"')
    cli.sample.write_bytes(b"")
    os.utime(cli.sample, (0, 0))
    output = cli.run("run")
    assert "AA/flights sample.csv: done; 0 rows in" in output
    assert "the file is empty: it has no row" in output
    assert not cli.sample.exists()


def test_a_partner_file_that_is_a_pipe_stops_no_other(make_cli):
    """It is named and left out; nothing waits for somebody to write into the pipe."""
    cli = make_cli()
    os.mkfifo(cli.root / "partners" / "A0.toml")
    os.utime(cli.sample, (0, 0))
    assert "AA/flights sample.csv: done" in cli.run("run", code=2)
    assert len(cli.delivered()) == 12


def test_files_outside_the_sending_hours_wait_and_nothing_is_wrong(make_cli):
    """`run` and `status` say until when; nothing is exchanged, and `check` is fine."""
    cli = make_cli()
    path = cli.root / "partners" / "AA.toml"
    settings = path.read_text()

    def send_between(*hours):
        begin, end = (datetime.now(UTC) + timedelta(hours=hour) for hour in hours)
        path.write_text(f'{settings}\n[feed.flights.send]\nnot_before = "{begin:%H:%M}"\ncut_off = "{end:%H:%M}"\n')
        return begin

    begin = send_between(2, 3)
    text = cli.run("run")
    assert text.startswith("AA/flights: 1 file(s) wait until ")
    assert text.endswith(f"{begin:%H:%M} UTC\n")
    assert f"  AA/flights: 1, waits until {text.split('wait until ')[1]}" in cli.run("status")
    assert [alert for alert in cli.json("check")["alerts"] if alert["kind"] != "disk_full"] == []
    assert cli.exchange_ids() == []
    send_between(-1, 1)
    assert "done; 12 rows in" in cli.run("run")
