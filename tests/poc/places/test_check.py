"""The check of a place says what works there, and what does not."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from poc.config.place import PlaceConfig
from poc.errors import PlaceRefused
from poc.places.check import check_place

KEYS = {"access_key_id": "${env:KEY}", "secret_access_key": "${env:KEY}"}


@pytest.fixture
def check(s3_bucket):
    """Checks a folder of a bucket to which files are delivered."""

    def run():
        settings = PlaceConfig(url=f"s3://{s3_bucket.name}/in", endpoint_url=s3_bucket.endpoint_url, **KEYS)
        return check_place(settings, {"KEY": "test"}, Path(), datetime.now(UTC), writes=True, creates=True)

    return run


def test_a_bucket_that_works_is_fine_and_left_as_it_was(check, s3_bucket):
    """The probe takes the steps of a delivery, and is removed."""
    finding = check()
    assert (finding.code, finding.note) == ("", "")
    assert finding.steps == ("writes a probe", "reads it back", "removes it", "lists 0 files")
    assert s3_bucket.all_keys() == []


def test_a_server_that_lets_a_name_be_overwritten_is_refused(check, s3_bucket, monkeypatch):
    """Servers that do not know `If-None-Match` ignore it without a word."""
    monkeypatch.setattr("poc.places.s3.place.CREATE_ONLY", {})
    finding = check()
    assert (finding.code, finding.is_final, s3_bucket.all_keys()) == ("settings", True, [])
    assert "a file replaces another one of its name" in finding.text


def test_a_right_that_deliveries_do_not_need_may_be_missing(check, s3_bucket, monkeypatch):
    """Whoever only delivers need not be able to delete; the note names what was left."""

    def refuse(place, seen, folder=""):
        raise PlaceRefused("rights", "no")

    monkeypatch.setattr("poc.places.s3.place.S3Place.take_away", refuse)
    finding = check()
    (left,) = s3_bucket.all_keys()
    assert (finding.code, left.removeprefix("in/") in finding.note) == ("", True)
