"""What a person decides about a place: that what lies there now is not fetched, or that a held one is asked again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from poc.errors import BadInput
from poc.ledger.lease import exclusive_feed
from poc.pickup.comparison import PickupRules, compare
from poc.pickup.place_thread import LEASE_NAME
from poc.pickup.store import PlaceState, files_of_place, insert_files, read_place, update_file, write_place

if TYPE_CHECKING:
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.places.place import Place


def hold_place(ledger: Ledger, workspace: Workspace, partner: str, feed_id: str, why: str, now_us: int) -> None:
    """Let nothing be fetched from a place before a person has decided; the caller commits."""
    rules = PickupRules.of(workspace, partner, feed_id)
    state = PlaceState(
        partner=partner, feed=feed_id, place=rules.place, failing_since_us=now_us, failures=1, error=why, held=why
    )
    write_place(ledger, state)


def release_place(ledger: Ledger, partner: str, feed_id: str) -> None:
    """Let files be fetched again from a place that is held, all that the ledger does not know among them.

    Raises:
        BadInput: it is not held.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    with exclusive_feed(ledger, f"{partner}/{feed_id}", LEASE_NAME):
        state = read_place(ledger, partner, feed_id)
        if state is None or not state.held:
            raise BadInput(f"{partner}/{feed_id}: its place is not held; see `milepost pickup ls`")
        write_place(ledger, replace(state, failing_since_us=None, failures=0, error="", held=""))
        ledger.commit()


def skip_files(
    ledger: Ledger, workspace: Workspace, partner: str, feed_id: str, place: Place, now_us: int
) -> list[str]:
    """Enter the files that lie at a place now and were not fetched as skipped, and release it; return their names.

    Raises:
        PlaceUnavailable, PlaceRefused: the place cannot be listed.
        TryLater, LedgerDamaged: the ledger cannot be used, or another process fetches from this place.
    """
    rules = PickupRules.of(workspace, partner, feed_id)
    look = place.look()
    with exclusive_feed(ledger, f"{partner}/{feed_id}", LEASE_NAME):
        comparison = compare(files_of_place(ledger, partner, feed_id, rules.place), look, rules, now_us)
        skipped = [
            file for file in comparison.files.values() if file.state == "seen" and file.name in comparison.by_name
        ]
        ended = {
            "state": "ended", "after": "skipped", "ended_at_us": now_us, "failures": 0, "failing_since_us": None,
            "error": "",
        }  # fmt: skip
        new = [replace(file, state="ended", after="skipped", ended_at_us=now_us) for file in skipped if not file.id]
        insert_files(ledger, new)
        for file in skipped:
            if file.id:
                update_file(ledger, file, size_bytes=file.size_bytes, mark=file.mark, **ended)
        write_place(ledger, PlaceState(partner=partner, feed=feed_id, place=rules.place, looked_at_us=now_us))
        ledger.commit()
    return [file.name for file in skipped]
