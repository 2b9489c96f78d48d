"""The rows of pick-ups are kept in either database."""

from contextlib import closing

from poc.ledger.opening import open_ledger
from poc.pickup.store import (
    PickedFile,
    PlaceState,
    failing_files,
    files_of_place,
    insert_files,
    is_exchange_finished,
    read_place,
    update_file,
    write_place,
)


def test_each_database_holds_files_and_places(ledger_address):
    """With ids that the database gives, and times of more than 32 bits; a changed state replaces the one before."""
    now_us = 1_900_000_000_000_000
    file = PickedFile(
        partner="UA", feed="flights", place="sftp://h/o", name="a.csv", size_bytes=9, mark="m",
        first_seen_at_us=now_us, seen_at_us=now_us,
    )  # fmt: skip
    with closing(open_ledger(ledger_address)) as ledger:
        first, second = insert_files(ledger, [file, file])
        assert first != second
        (row, _) = files_of_place(ledger, "UA", "flights", "sftp://h/o")
        update_file(ledger, row, failures=1, failing_since_us=now_us, error="why")
        write_place(ledger, PlaceState(partner="UA", feed="flights", place="sftp://h/o", looked_at_us=now_us))
        write_place(ledger, PlaceState(partner="UA", feed="flights", place="sftp://h/o", failing_since_us=now_us))
        ledger.commit()
        assert [(failing.id, failing.error) for failing in failing_files(ledger)] == [(first, "why")]
        assert read_place(ledger, "UA", "flights").failing_since_us == now_us
        assert not is_exchange_finished(ledger, row)
