"""Deliveries to an SFTP server: each file once, whatever dies or is lost on the way."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from poc.config.endpoint import EndpointConfig
from poc.exchanges.exchange import exchange, resume
from poc.ledger.lookup import resumable_exchanges
from poc.places.registry import open_part_place
from poc.places.target import PlaceTarget

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)


class Dies(BaseException):
    """A death of the service, simulated in one process."""


@pytest.fixture
def target(sftp):
    """The folder of the feed at the server, which the first delivery makes."""
    endpoint = EndpointConfig(url=sftp.url, **sftp.access)
    place = open_part_place(endpoint.place(endpoint.delivery_url("UA", "flights")), {}, Path("/"))
    target = PlaceTarget(place)
    yield target
    target.close()


@pytest.fixture
def prepared(make_prepared, target):
    """The feed, delivered as CSV to the server."""
    return make_prepared(target=target, out="csv")


def delivered(sftp):
    """The files of the feed's folder, and the sum of their lines without a header."""
    files = sorted((sftp.files / "flights").iterdir())
    return [path.suffix for path in files], sum(len(path.read_text().splitlines()) - 1 for path in files)


def test_a_file_is_delivered_once(prepared, ledger, good_csv, tmp_path, sftp):
    """The rows are in one whole file in the feed's folder, which was made for it."""
    receipt = exchange(prepared, good_csv(tmp_path / "a.csv", 5), NOW, ledger)
    assert (receipt.outcome, delivered(sftp)) == ("done", ([".csv"], 5))


@pytest.mark.parametrize("step", ["before the rename", "after the rename", "after the rename, and it was taken"])
def test_a_complete_part_is_only_renamed(prepared, ledger, good_csv, tmp_path, sftp, target, monkeypatch, step):
    """A run after a death renames the part, or sees that it was renamed, even if the partner has taken the file."""
    publish = target.place.publish

    def dying(name):
        if step != "before the rename":
            publish(name)
        raise Dies

    monkeypatch.setattr(target.place, "publish", dying)
    path = good_csv(tmp_path / "a.csv", 5)
    with pytest.raises(Dies):
        exchange(prepared, path, NOW, ledger)
    monkeypatch.undo()
    if step.endswith("taken"):
        next((sftp.files / "flights").iterdir()).unlink()
    path.unlink()
    (entry,) = resumable_exchanges(ledger, 0, failed=False)
    done = resume(prepared, entry, NOW, ledger)
    assert (done.outcome, done.account.rows_by_outcome["delivered"]) == ("done", 5)
    assert delivered(sftp) == (([], 0) if step.endswith("taken") else ([".csv"], 5))


def test_a_lost_rename_is_no_second_delivery(prepared, ledger, good_csv, tmp_path, sftp):
    """Where the answer to the rename is lost, the exchange is done; where the rename is, a later attempt does it."""
    sftp.cut("after-rename", "before-rename")
    assert exchange(prepared, good_csv(tmp_path / "a.csv", 5), NOW, ledger).outcome == "done"
    second = exchange(prepared, good_csv(tmp_path / "b.csv", 7), NOW, ledger)
    assert (second.outcome, second.error_type) == ("due", "connection")
    (entry,) = resumable_exchanges(ledger, int((NOW + timedelta(days=1)).timestamp() * 1e6), failed=False)
    assert resume(prepared, entry, NOW + timedelta(days=1), ledger).outcome == "done"
    assert delivered(sftp) == ([".csv", ".csv"], 12)


def test_a_kept_connection_lasts_for_the_next_file(make_prepared, ledger, good_csv, tmp_path, target, sftp):
    """Files of one turn share a connection, which ends with the turn; one that the server has closed is made anew."""
    prepared = make_prepared(target=target.kept(), out="csv")
    assert exchange(prepared, good_csv(tmp_path / "a.csv", 5), NOW, ledger).outcome == "done"
    assert target.place.is_connected
    sftp.cut("request")
    assert exchange(prepared, good_csv(tmp_path / "b.csv", 7), NOW, ledger).outcome == "done"
    target.close()
    assert (target.place.is_connected, delivered(sftp)) == (False, ([".csv", ".csv"], 12))


def test_a_cut_upload_is_repeated_whole(prepared, ledger, good_csv, tmp_path, sftp):
    """The file is due, no reader sees a part of it under its name, and a later attempt delivers it."""
    sftp.cut("write 100")
    path = good_csv(tmp_path / "a.csv", 50)
    first = exchange(prepared, path, NOW, ledger)
    assert (first.outcome, delivered(sftp)[0]) == ("due", [".part"])
    assert exchange(prepared, path, NOW + timedelta(days=1), ledger).outcome == "done"
    assert delivered(sftp) == ([".csv"], 50)
