"""Files of places in the ledger: each version with its state, and whether the place of a feed works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import sqlalchemy as sa

from poc.ledger.lookup import find_exchange
from poc.ledger.tables.pickup import PICKUP, PICKUP_PLACE
from poc.ledger.tables.route import FILE_SENDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from poc.ledger.ledger import Ledger

#: `seen`: it lies at the place. `fetched`: its part in the inbox is complete and on disk. `placed`: it has its name in
#: the inbox. `ended`: its exchange is finished, and what `after` says is done.
State: TypeAlias = Literal["seen", "fetched", "placed", "ended"]

_OF_PLACE = sa.and_(
    PICKUP.c.partner == sa.bindparam("of_partner"),
    PICKUP.c.feed == sa.bindparam("of_feed"),
    PICKUP.c.place == sa.bindparam("of_place"),
)
SELECT_OF_PLACE = sa.select(PICKUP).where(_OF_PLACE).order_by(PICKUP.c.id)
INSERT_PICKUP = sa.insert(PICKUP).returning(PICKUP.c.id)
UPDATE_PICKUP = sa.update(PICKUP).where(PICKUP.c.id == sa.bindparam("of_id"))
DELETE_PICKUP = sa.delete(PICKUP).where(PICKUP.c.id == sa.bindparam("of_id"))

#: Outcomes after which nothing is owed for a file: what was not delivered is in the ledger or in `var/refused`.
FINISHED = ("done", "refused", "given_up")

SELECT_BY_MONOLITH = sa.select(FILE_SENDER.c.state).where(
    FILE_SENDER.c.partner == sa.bindparam("of_partner"),
    FILE_SENDER.c.feed == sa.bindparam("of_feed"),
    FILE_SENDER.c.sha256 == sa.bindparam("of_sha256"),
    FILE_SENDER.c.side == "monolith",
)

_OF_FEED = sa.and_(PICKUP_PLACE.c.partner == sa.bindparam("of_partner"), PICKUP_PLACE.c.feed == sa.bindparam("of_feed"))
SELECT_PLACE = sa.select(PICKUP_PLACE).where(_OF_FEED)
SELECT_PLACES = sa.select(PICKUP_PLACE)
DELETE_PLACE = sa.delete(PICKUP_PLACE).where(_OF_FEED)
INSERT_PLACE = sa.insert(PICKUP_PLACE)
#: The condition of the index.
SELECT_FAILING = sa.select(PICKUP).where(sa.literal_column("failures > 0")).order_by(PICKUP.c.failing_since_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedFile:
    """One version of a file at a place, as the ledger has it; `id` is 0 for one that is not in the ledger yet."""

    id: int = 0
    partner: str
    feed: str
    place: str
    name: str
    size_bytes: int
    mark: str
    state: State = "seen"
    first_seen_at_us: int
    seen_at_us: int  #: since when its size and mark are these
    announced: str = ""  #: the mark of its announcement when it was fetched
    sha256: str = ""
    inbox_name: str = ""
    fetched_at_us: int | None = None
    after: str = ""  #: kept, moved, deleted, gone, replaced or skipped
    ended_at_us: int | None = None
    failures: int = 0  #: in a row, of its present step
    failing_since_us: int | None = None
    next_at_us: int = 0
    error: str = ""

    @property
    def version(self) -> tuple[int, str]:
        """What tells this version from others of the name."""
        return self.size_bytes, self.mark


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceState:
    """Whether the place of a feed works; `failing_since_us` is None while it does.

    `held` says why nothing is fetched from it before a person has decided, and is empty otherwise.
    """

    partner: str
    feed: str
    place: str
    looked_at_us: int | None = None
    failing_since_us: int | None = None
    failures: int = 0
    error: str = ""
    held: str = ""


def files_of_place(ledger: Ledger, partner: str, feed: str, place: str) -> list[PickedFile]:
    """Return the files of the place of a feed, oldest first. Raises TryLater, LedgerDamaged."""
    rows = ledger.execute(SELECT_OF_PLACE, {"of_partner": partner, "of_feed": feed, "of_place": place})
    return [_picked_file(row) for row in rows]


def failing_files(ledger: Ledger) -> list[PickedFile]:
    """Return the files of all places that cannot be fetched, moved or deleted. Raises TryLater, LedgerDamaged."""
    return [_picked_file(row) for row in ledger.execute(SELECT_FAILING, {})]


def insert_files(ledger: Ledger, files: Sequence[PickedFile]) -> list[int]:
    """Enter files, and return their ids; the caller commits. Raises TryLater, LedgerDamaged."""
    return [int(ledger.execute(INSERT_PICKUP, _values(file))[0][0]) for file in files]


def update_file(ledger: Ledger, file: PickedFile, **values: object) -> None:
    """Update columns of a file; the caller commits. Raises TryLater, LedgerDamaged."""
    ledger.execute(UPDATE_PICKUP, {**values, "of_id": file.id})


def delete_files(ledger: Ledger, files: Sequence[PickedFile]) -> None:
    """Delete the rows of files; the caller commits. Raises TryLater, LedgerDamaged."""
    if files:
        ledger.execute(DELETE_PICKUP, *({"of_id": file.id} for file in files))


def has_exchange(ledger: Ledger, file: PickedFile) -> bool:
    """Return whether any exchange of a file's bytes has begun. Raises TryLater, LedgerDamaged."""
    return bool(_outcome(ledger, file) or _monolith_states(ledger, file))


def is_exchange_finished(ledger: Ledger, file: PickedFile) -> bool:
    """Return whether the ledger holds a finished exchange of a file's bytes.

    For a file that the route of its feed gave to the monolith, its command must have succeeded, or a person gave it up.

    Raises:
        TryLater, LedgerDamaged.
    """
    states = _monolith_states(ledger, file)
    return all(state in {"done", "given_up"} for state in states) if states else _outcome(ledger, file) in FINISHED


def read_place(ledger: Ledger, partner: str, feed: str) -> PlaceState | None:
    """Return the state of the place of a feed; None before the first look. Raises TryLater, LedgerDamaged."""
    rows = ledger.execute(SELECT_PLACE, {"of_partner": partner, "of_feed": feed})
    return _place_state(rows[0]) if rows else None


def read_places(ledger: Ledger) -> list[PlaceState]:
    """Return the states of all places. Raises TryLater, LedgerDamaged."""
    return [_place_state(row) for row in ledger.execute(SELECT_PLACES, {})]


def write_place(ledger: Ledger, state: PlaceState) -> None:
    """Write the state of a place; the caller commits. Raises TryLater, LedgerDamaged."""
    ledger.execute(DELETE_PLACE, {"of_partner": state.partner, "of_feed": state.feed})
    ledger.execute(INSERT_PLACE, {name: getattr(state, name) for name in _PLACE_COLUMNS})


_COLUMNS = tuple(PICKUP.c.keys())
_PLACE_COLUMNS = tuple(PICKUP_PLACE.c.keys())


def _values(file: PickedFile) -> Mapping[str, object]:
    return {name: getattr(file, name) for name in _COLUMNS if name != "id"}


def _picked_file(row: Sequence[Any]) -> PickedFile:
    return PickedFile(**dict(zip(_COLUMNS, row, strict=True)))


def _place_state(row: Sequence[Any]) -> PlaceState:
    return PlaceState(**dict(zip(_PLACE_COLUMNS, row, strict=True)))


def _outcome(ledger: Ledger, file: PickedFile) -> str:
    return find_exchange(ledger, file.partner, file.feed, file.inbox_name, file.sha256).outcome


def _monolith_states(ledger: Ledger, file: PickedFile) -> list[str]:
    of_bytes = {"of_partner": file.partner, "of_feed": file.feed, "of_sha256": file.sha256}
    return [state for (state,) in ledger.execute(SELECT_BY_MONOLITH, of_bytes)]
