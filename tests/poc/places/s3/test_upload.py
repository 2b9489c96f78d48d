"""The delivery of an object in two steps: its parts, and then its name."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from poc.config.place import PlaceConfig
from poc.errors import PlaceUnavailable
from poc.exchanges.exchange import exchange, resume
from poc.ledger.lookup import resumable_exchanges
from poc.places.registry import open_place
from poc.places.target import PlaceTarget

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)


class Dies(BaseException):
    """A death of the service, simulated in one process."""


@pytest.fixture
def open_s3(s3_bucket):
    """Opens the place anew, as another process would."""

    def open_it():
        keys = {"access_key_id": "${env:KEY}", "secret_access_key": "${env:KEY}"}
        config = PlaceConfig(url=f"s3://{s3_bucket.name}/in", endpoint_url=s3_bucket.endpoint_url, **keys)
        return open_place(config, {"KEY": "test"}, Path())

    return open_it


def upload(place, body, name="a.jsonl"):
    """Write a part and finish it."""
    with place.open_part(name) as part:
        for at in range(0, len(body), 1 << 20):
            part.write(body[at : at + (1 << 20)])
        part.finish()


@pytest.mark.parametrize("body", [b"", b"one\n", b"a" * ((17 << 20) + 1)], ids=["empty", "small", "large"])
def test_a_finished_part_is_unseen_until_it_gets_its_name_from_any_process(open_s3, s3_bucket, body):
    """A crash between the two steps loses nothing, and the second step may be repeated."""
    upload(open_s3(), body)
    assert (s3_bucket.all_keys(), open_s3().part_state("a.jsonl")) == ([], "part")
    assert open_s3().publish("a.jsonl") == "made"
    assert s3_bucket.get("in/a.jsonl") == body
    assert (open_s3().part_state("a.jsonl"), open_s3().publish("a.jsonl")) == ("published", "same")


def test_a_part_that_a_crash_left_unfinished_is_no_part_of_the_next_delivery(open_s3, s3_bucket):
    """It is deleted when the delivery starts anew."""
    unfinished = open_s3().open_part("a.jsonl")
    unfinished.write(b"x" * (9 << 20))
    place = open_s3()
    upload(place, b"whole\n")
    assert place.publish("a.jsonl") == "made"
    assert s3_bucket.get("in/a.jsonl") == b"whole\n"
    assert "Uploads" not in s3_bucket.client.list_multipart_uploads(Bucket=s3_bucket.name)


def test_a_part_that_is_not_finished_is_deleted(open_s3):
    """What failed in its middle leaves nothing behind."""
    place = open_s3()
    with place.open_part("a.jsonl") as part:
        part.write(b"one\n")
    assert place.part_state("a.jsonl") == "neither"
    with pytest.raises(PlaceUnavailable) as failure:
        place.publish("a.jsonl")
    assert failure.value.unknown


def test_another_object_of_the_name_is_left(open_s3, s3_bucket):
    """The parts stay, so that the delivery goes on once the object was moved away."""
    place = open_s3()
    upload(place, b"ours\n")
    s3_bucket.put("in/a.jsonl", b"theirs\n")
    assert place.publish("a.jsonl") == "conflict"
    assert s3_bucket.get("in/a.jsonl") == b"theirs\n"
    s3_bucket.client.delete_object(Bucket=s3_bucket.name, Key="in/a.jsonl")
    assert open_s3().publish("a.jsonl") == "made"


def test_another_object_that_comes_between_the_look_and_the_name_is_left(open_s3, s3_bucket, monkeypatch):
    """The server itself refuses the name."""
    place = open_s3()
    upload(place, b"ours\n")
    monkeypatch.setattr(
        place, "found", lambda name: monkeypatch.undo() or s3_bucket.put("in/a.jsonl", b"theirs\n") or None
    )
    assert place.publish("a.jsonl") == "conflict"
    assert s3_bucket.get("in/a.jsonl") == b"theirs\n"


def test_the_same_object_that_is_there_already_is_success(open_s3, s3_bucket):
    """Its ETag is the one that our parts make."""
    for expected in ("made", "same"):
        place = open_s3()
        upload(place, b"ours\n")
        assert place.publish("a.jsonl") == expected
    assert "Uploads" not in s3_bucket.client.list_multipart_uploads(Bucket=s3_bucket.name)


@pytest.mark.parametrize("step", ["before the name", "after the name", "after the name, and it was taken"])
def test_an_exchange_that_died_delivers_once(
    open_s3, s3_bucket, make_prepared, ledger, good_csv, tmp_path, monkeypatch, step
):
    """The next run only gives the parts their name, or sees that they got it, even if the partner took the object."""
    place = open_s3()

    def dying(name):
        if step != "before the name":
            open_s3().publish(name)
        raise Dies

    monkeypatch.setattr(place, "publish", dying)
    path = good_csv(tmp_path / "a.csv", 5)
    with pytest.raises(Dies):
        exchange(make_prepared(target=PlaceTarget(place), out="csv"), path, NOW, ledger)
    keys = s3_bucket.all_keys()
    assert len(keys) == (0 if step == "before the name" else 1)
    if step.endswith("taken"):
        s3_bucket.client.delete_object(Bucket=s3_bucket.name, Key=keys[0])
    path.unlink()
    (entry,) = resumable_exchanges(ledger, 0, failed=False)
    done = resume(make_prepared(target=PlaceTarget(open_s3()), out="csv"), entry, NOW, ledger)
    assert (done.outcome, done.account.rows_by_outcome["delivered"]) == ("done", 5)
    lines = [len(s3_bucket.get(key).splitlines()) for key in s3_bucket.all_keys()]
    assert lines == ([] if step.endswith("taken") else [6])
