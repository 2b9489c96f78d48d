"""What happens at a place after the exchange of a file: it is kept, moved or deleted, once the ledger holds its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from poc.pickup.store import is_exchange_finished, update_file

if TYPE_CHECKING:
    from poc.config.pickup import Pickup
    from poc.ledger.ledger import Ledger
    from poc.pickup.comparison import Comparison
    from poc.pickup.fetch import FeedInbox
    from poc.pickup.store import PickedFile
    from poc.places.place import Place


def is_finished(ledger: Ledger, inbox: FeedInbox, file: PickedFile) -> bool:
    """Return whether the exchange of a file has ended for good, and the file has left the inbox.

    Raises TryLater, LedgerDamaged.
    """
    return is_exchange_finished(ledger, file) and not os.path.lexists(inbox.path / file.inbox_name)


def do_afterwards(place: Place, settings: Pickup, file: PickedFile, comparison: Comparison, announcement: str) -> str:
    """Keep, move or delete a file whose exchange is finished, and return which: kept, moved, deleted, gone or replaced.

    Its announcement goes first: left behind, it would announce the next file of that name before it is complete. A file
    that is no longer there was taken away before, also by this program, where the answer was lost.

    Raises:
        FileStillChanging: it has changed since the look, and is left: the next look decides.
        PlaceUnavailable, PlaceRefused: the place failed; it is tried again.
    """
    seen = comparison.by_name.get(file.name)
    if seen is None:
        return "gone"
    if comparison.files[file.name].id != file.id:
        return "replaced"
    if settings.after == "keep":
        return "kept"
    if announcement and (announced := comparison.by_name.get(announcement)) is not None:
        take_away(place, settings, announced.name, comparison)
    take_away(place, settings, file.name, comparison)
    return "moved" if settings.moves_to else "deleted"


def take_away(place: Place, settings: Pickup, name: str, comparison: Comparison) -> None:
    """Move or delete one file of a look. Raises FileStillChanging, PlaceUnavailable, PlaceRefused."""
    place.take_away(comparison.by_name[name], settings.moves_to)


def note_ended(ledger: Ledger, file: PickedFile, after: str, now_us: int) -> None:
    """Write down that nothing is left to be done for a file."""
    done = {"failures": 0, "failing_since_us": None, "next_at_us": 0, "error": ""}
    update_file(ledger, file, state="ended", after=after, ended_at_us=now_us, **done)
    ledger.commit()
