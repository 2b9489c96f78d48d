"""`milepost redeliver`: a map corrected after delivery, and the same file delivered again."""

import os

import pytest

from milepost.service_state import read_exchange_notes
from poc.config.workspace import load_workspace
from poc.exchanges import redelivery
from poc.service import single_file


def test_a_file_is_delivered_again_under_the_corrected_map(make_cli):
    """The partner gets all rows once more, as now mapped; who, when and why is said wherever the exchange is shown."""
    cli = make_cli()
    lines = cli.sample.read_text().splitlines()
    cli.edit_sample((lines[1], lines[1].replace("2013,1,1,", "2013,13,1,")))
    cli.run("run")
    (first,) = cli.exchange_ids()
    cli.edit_partner("times = 1.609344", "times = 2")
    text = cli.run("redeliver", first[:8], "--why", "miles were sent as kilometres")
    assert text.startswith("sample.csv is delivered again, as exchange ")
    assert "sample.csv: done; 12 rows in: 11 delivered, 1 quarantined" in text
    (second,) = set(cli.exchange_ids()) - {first}
    held = cli.partner.held("live", "AA")
    assert len(held) == 22
    assert [row["flight"] for row in held[:11]] == [row["flight"] for row in held[11:]]
    assert all(again["distance_km"] > row["distance_km"] for row, again in zip(held[:11], held[11:], strict=True))
    state = cli.json("status")
    (row,) = state["redeliveries"]
    assert (row["id"], row["again_as"], row["why"]) == (first, second, "miles were sent as kilometres")
    (waiting,) = state["quarantine"]  # the row is not held twice, so that it cannot be replayed twice
    assert (waiting["id"], waiting["rows"]) == (second, 1)
    assert waiting["redelivery"].startswith(f"Delivers {first[:12]} again, on ")
    assert "because: miles were sent as kilometres (" in cli.run("status")
    assert f"Delivered again as {second[:12]} on " in cli.run("quarantine", "show", first)
    notes = read_exchange_notes(load_workspace(cli.root))  # for the pages
    assert (set(notes), notes[second]) == ({first, second}, waiting["redelivery"])
    assert [path.name for path in (cli.root / "var/archive/AA/flights").iterdir()] == ["sample.csv"]
    assert "name that exchange to deliver it once more" in cli.error("redeliver", first, "--why", "again")
    cli.run("redeliver", second, "--why", "and once more")
    assert len(cli.partner.held("live", "AA")) == 33


def test_a_file_that_is_handed_in_again_is_still_received_once(make_cli):
    """A redelivery is one delivery that a person asked for: neither a run nor the same bytes make another."""
    cli = make_cli()
    content = cli.sample.read_bytes()
    cli.run("run")
    (first,) = cli.exchange_ids()
    cli.run("redeliver", first, "--why", "asked for by the partner")
    cli.run("run")
    cli.sample.write_bytes(content)
    assert "already received" in cli.run("run")
    assert len(cli.delivered()) == 24


def test_what_is_not_settled_or_not_there_is_refused_with_what_to_do(make_cli):
    """A failed exchange is to be settled first; a file that was removed is to be put back; a reason is needed."""
    cli = make_cli({"faults": {"AA/flights/sample.csv": {"0": {"1": "gone"}}}})
    cli.run("run", code=4)
    (key,) = cli.exchange_ids()
    message = cli.error("redeliver", key, "--why", "x")
    assert "is failed, not settled" in message
    assert f"`milepost outbox resend {key[:8]}`" in message
    cli.run("outbox", "resend", key)
    cli.run("run")
    assert "--why is blank" in cli.error("redeliver", key, "--why", " ")
    archived = cli.root / "var/archive/AA/flights/sample.csv"
    archived.rename(cli.root / "elsewhere.csv")
    assert "is not there any more; put it back" in cli.error("redeliver", key, "--why", "x")
    assert cli.json("status")["redeliveries"] == []
    assert len(cli.delivered()) == 12


@pytest.mark.parametrize("killed_at", ["before the decision", "after the decision", "after the delivery"])
def test_a_redelivery_that_was_interrupted_is_neither_lost_nor_doubled(make_cli, monkeypatch, killed_at):
    """Before the decision is recorded, nothing is sent again; from then on, the next run delivers it exactly once."""
    cli = make_cli()
    cli.run("run")
    (key,) = cli.exchange_ids()

    def die(*_, **__):
        raise KeyboardInterrupt

    place = {
        "before the decision": (redelivery, "record_decision"),
        "after the decision": (single_file.Runner, "exchange"),
        "after the delivery": (single_file, "archive_if_finished"),
    }[killed_at]
    with monkeypatch.context() as patched:
        patched.setattr(*place, die)
        cli.run("redeliver", key, "--why", "x", code=130)
    inbox = cli.root / "var/inbox/AA/flights/sample.csv"
    os.utime(inbox, (0, 0))
    cli.run("run")
    assert len(cli.delivered()) == (12 if killed_at == "before the decision" else 24)
    assert not inbox.exists()
    cli.run("run")
    assert len(cli.delivered()) == (12 if killed_at == "before the decision" else 24)


def test_a_folder_gets_the_file_under_another_name(make_cli, tmp_path):
    """The file that was delivered before stays as it is, for the partner to compare."""
    cli = make_cli()
    folder = tmp_path / "handover"
    folder.mkdir()
    path = cli.root / "partners" / "AA.toml"
    kept = [line for line in path.read_text().splitlines() if not line.startswith(("url", "honours_keys", "timeout_s"))]
    path.write_text("\n".join(kept).replace("[endpoint]", f"[endpoint]\nfolder = '{folder}'"))
    cli.run("run")
    (key,) = cli.exchange_ids()
    cli.run("redeliver", key, "--why", "x")
    first, second = (file.read_text() for file in (folder / "flights").iterdir())
    assert first == second
