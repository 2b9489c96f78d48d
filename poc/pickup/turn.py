"""One turn at the place of a feed: look, fetch what is complete, and tidy the place after finished exchanges."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from poc.errors import (
    BadInput,
    ExchangeError,
    FileStillChanging,
    PlaceRefused,
    PlaceUnavailable,
    UnexpectedError,
)
from poc.pickup.afterwards import do_afterwards, is_finished, note_ended
from poc.pickup.comparison import (
    LONGEST_WAIT_US,
    PickupRules,
    announcement_mark,
    compare,
    complete_files,
    forgotten_files,
    settling_files,
)
from poc.pickup.fetch import FeedInbox, LocalTrouble, fetch_file, finish_fetched, remove_stray_parts
from poc.pickup.store import (
    PlaceState,
    delete_files,
    files_of_place,
    insert_files,
    read_place,
    update_file,
    write_place,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from poc.config.pickup import Pickup
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.pickup.comparison import Comparison
    from poc.pickup.store import PickedFile
    from poc.places.place import Place

T = TypeVar("T")

#: Files in a row that cannot be fetched before the place itself counts as failing.
FAILING_IN_A_ROW = 3

#: The wait after the first failure of a file; it doubles with each further one, up to `LONGEST_WAIT_US`.
FIRST_WAIT_US = 30_000_000


class Stopped(Exception):
    """The program ends; what is under way is left to the next start."""


@dataclass(slots=True)
class TurnResult:
    """What a turn did: files fetched, files that a later look finds complete, and the first error."""

    fetched: int = 0
    settling: int = 0
    error: ExchangeError | None = None


class PickupTurn:
    """Turns at the place of one feed, by one thread.

    Args:
        workspace: the workspace.
        partner: the partner.
        feed_id: a feed with a pick-up.
        ledger: a connection of this thread.
        open_place: returns the place, which is closed at the end of the turn.
        now_us: returns the current time, in microseconds since 1970.
        keep_going: called whenever the place has answered; raises Stopped where the program is to end.
    """

    def __init__(
        self,
        workspace: Workspace,
        partner: str,
        feed_id: str,
        ledger: Ledger,
        open_place: Callable[[], Place],
        now_us: Callable[[], int],
        keep_going: Callable[[], None] = lambda: None,
    ) -> None:
        feed = workspace.get_feed(partner, feed_id)[1]
        assert feed.pickup is not None  # noqa: S101 (the caller takes feeds with a pick-up)
        self._settings: Pickup = feed.pickup
        self._ledger = ledger
        self._open_place = open_place
        self._now_us = now_us
        self._keep_going = keep_going
        self._inbox = FeedInbox(workspace.inbox(partner, feed_id), feed)
        self._rules = PickupRules.of(workspace, partner, feed_id)

    def __call__(self) -> TurnResult:
        """Do one turn, and write down whether the place works.

        Raises:
            TryLater, LedgerDamaged: the ledger cannot be used.
            Stopped: as `keep_going`.
        """
        result = TurnResult()
        rules = self._rules
        state = read_place(self._ledger, rules.partner, rules.feed_id)
        if state is not None and state.held:
            return TurnResult(error=PlaceRefused("held", state.held))
        try:
            with as_place_error(self._settings.url), self._open_place() as place:
                self._work(place, result)
        except (BadInput, PlaceUnavailable, LocalTrouble) as error:
            result.error = error
        self._ledger.roll_back()
        note_place(self._ledger, rules.partner, rules.feed_id, rules.place, result.error, self._now_us())
        return result

    def _work(self, place: Place, result: TurnResult) -> None:
        rows = self._recover(files_of_place(self._ledger, self._rules.partner, self._rules.feed_id, self._rules.place))
        look = again_once(place.look)
        self._keep_going()
        comparison = compare(rows, look, self._rules, self._now_us())
        self._note_look(comparison)
        result.settling = len(settling_files(comparison, self._rules, self._now_us()))
        self._fetch(place, comparison, result)
        self._tidy_place(place, comparison)

    def _recover(self, rows: Sequence[PickedFile]) -> list[PickedFile]:
        """Finish what a crash has left behind, and return the rows as they are then."""
        remove_stray_parts(self._inbox, rows)
        return [finish_fetched(self._ledger, self._inbox, row) if row.state == "fetched" else row for row in rows]

    def _note_look(self, comparison: Comparison) -> None:
        """Enter new files, those that have changed, and forget what is over, in one commit."""
        new = comparison.new
        ids = insert_files(self._ledger, new)
        comparison.files.update({file.name: replace(file, id=id_) for file, id_ in zip(new, ids, strict=True)})
        for file in comparison.changed:
            values = ("size_bytes", "mark", "seen_at_us", "failures", "failing_since_us", "next_at_us", "error")
            update_file(self._ledger, file, **{name: getattr(file, name) for name in values})
        delete_files(self._ledger, forgotten_files(comparison, self._now_us()))
        self._ledger.commit()

    def _fetch(self, place: Place, comparison: Comparison, result: TurnResult) -> None:
        in_a_row = 0
        for file in complete_files(comparison, self._rules, self._now_us()):
            try:
                comparison.files[file.name] = self._fetch_one(place, comparison, file)
                result.fetched += 1
                in_a_row = 0
            except FileStillChanging as error:
                self._note_change(file, error)
            except (PlaceRefused, PlaceUnavailable) as error:
                in_a_row += 1
                self._note_failure(file, error)
                if isinstance(error, PlaceUnavailable):
                    result.error = result.error or error
                if in_a_row == FAILING_IN_A_ROW:
                    raise
            except TooLarge as error:
                self._note_failure(file, error)
        if result.fetched:
            result.error = None  # the place works; the ledger has what failed with its file

    def _fetch_one(self, place: Place, comparison: Comparison, file: PickedFile) -> PickedFile:
        max_bytes = self._settings.max_bytes
        if file.size_bytes > max_bytes:
            raise TooLarge(f"{file.name} has {file.size_bytes:,} bytes, more than the {max_bytes:,} of `max_bytes`")
        with as_place_error(self._settings.url):
            return again_once(
                lambda: fetch_file(
                    self._ledger, place, self._inbox, file, comparison.by_name[file.name],
                    announced=announcement_mark(file, comparison, self._rules), max_bytes=max_bytes,
                    now_us=self._now_us(), keep_going=self._keep_going,
                )
            )  # fmt: skip

    def _tidy_place(self, place: Place, comparison: Comparison) -> None:
        """Do what `after` says for the files whose exchange is finished."""
        for file in (*comparison.older, *comparison.files.values()):
            now_us = self._now_us()
            is_due = not now_us < file.next_at_us <= now_us + LONGEST_WAIT_US
            if file.state != "placed" or not is_due or not is_finished(self._ledger, self._inbox, file):
                continue
            announcement = self._rules.announcement(file.name)
            try:
                with as_place_error(self._settings.url):
                    done = do_afterwards(place, self._settings, file, comparison, announcement)
                self._keep_going()
            except FileStillChanging as error:
                self._note_change(file, error)
                continue
            except (PlaceRefused, PlaceUnavailable) as error:
                self._note_failure(file, error)
                if isinstance(error, PlaceUnavailable):
                    raise
                continue
            note_ended(self._ledger, file, done, now_us)

    def _note_change(self, file: PickedFile, error: FileStillChanging) -> None:
        """Write down that a file has changed since the look; it is a failure where a second look shows it unchanged."""
        if file.error:  # else another version is seen next, and has none
            self._note_failure(file, error)
            return
        update_file(self._ledger, file, error=str(error))
        self._ledger.commit()

    def _note_failure(self, file: PickedFile, error: ExchangeError) -> None:
        """Write down why a step of a file failed, and when it is tried again."""
        now_us = self._now_us()
        wait_us = min(FIRST_WAIT_US << min(file.failures, 10), LONGEST_WAIT_US)
        update_file(
            self._ledger, file, failures=file.failures + 1, failing_since_us=file.failing_since_us or now_us,
            next_at_us=now_us + wait_us, error=str(error),
        )  # fmt: skip
        self._ledger.commit()


class TooLarge(BadInput):
    """A file is larger than the settings allow."""


def note_place(
    ledger: Ledger, partner: str, feed_id: str, place: str, error: ExchangeError | None, now_us: int
) -> None:
    """Write down whether a place works; `error` is None where it does. Raises TryLater, LedgerDamaged."""
    before = read_place(ledger, partner, feed_id)
    now = PlaceState(partner=partner, feed=feed_id, place=place, looked_at_us=now_us)
    if error is not None:
        same = before if before is not None and before.place == place else replace(now, looked_at_us=None)
        since_us = same.failing_since_us or now_us
        now = replace(same, failing_since_us=since_us, failures=same.failures + 1, error=str(error))
    write_place(ledger, now)
    ledger.commit()


def again_once(step: Callable[[], T]) -> T:
    """Do a step at a place, and once more where its connection was lost: that alone is no problem of the place."""
    try:
        return step()
    except PlaceUnavailable as error:
        if error.code == "timeout":
            raise
    return step()


@contextmanager
def as_place_error(address: str) -> Iterator[None]:
    """Turn an error that no place should raise into one of the place, so that it stops this place alone."""
    try:
        yield
    except (ExchangeError, Stopped):
        raise
    except Exception as error:
        raise PlaceUnavailable("server", f"{address}: {UnexpectedError.of(error)}") from error
