"""One thread for the place of one feed, so that a slow or dead place stops nobody else."""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from poc.errors import BadInput, ExchangeError, LedgerDamaged, PlaceUnavailable, TryLater, UnexpectedError
from poc.ledger.lease import NO_CAP, guarded_by
from poc.pickup.turn import PickupTurn, Stopped, TurnResult, note_place
from poc.places.registry import open_place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from poc.config.pickup import Pickup
    from poc.config.workspace import Workspace
    from poc.ledger.lease import LeaseHolder
    from poc.ledger.ledger import Ledger
    from poc.places.place import Place

#: The lease of a place has the feed's name in the place of the partner's, so that no cap of the partner counts it.
LEASE_NAME = "pickup"

#: The shortest wait after a place has refused: each try may count as a wrong password there.
REFUSED_WAIT_S = 60.0

#: The deadlines of a place that a thread may exceed before the place counts as hanging.
HANGING_DEADLINES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PickupSettings:
    """What all places of a program share.

    Attributes:
        workspace: the workspace.
        ledger: its ledger; each thread opens a connection of its own.
        holder: holds the leases of the places.
        now_us: returns the current time, in microseconds since 1970.
        environ: the environment, for secrets.
        report: prints a line for a person.
    """

    workspace: Workspace
    ledger: Ledger
    holder: LeaseHolder
    now_us: Callable[[], int]
    environ: Mapping[str, str]
    report: Callable[[str], None]


class PlaceThread(threading.Thread):
    """Fetches from the place of one feed until it is stopped, or with `once`, what is there now.

    A daemon: a program does not wait for a place that hangs.
    """

    def __init__(self, settings: PickupSettings, partner: str, feed_id: str, *, once: bool = False) -> None:
        super().__init__(name=f"pickup {partner}/{feed_id}", daemon=True)
        self.partner, self.feed_id = partner, feed_id
        self.feed = settings.workspace.get_feed(partner, feed_id)[1]
        assert self.feed.pickup is not None  # noqa: S101 (the caller takes feeds with a pick-up)
        self.pickup: Pickup = self.feed.pickup
        self.results: list[TurnResult] = []  #: of the turns of a thread that runs once
        self.failed: ExchangeError | None = None  #: an error after which the thread has ended
        self._settings = settings
        self._once = once
        self._stop_event = threading.Event()
        self._answered_s: float | None = None  # when the place answered last; None between two turns
        self._reported = ""

    def stop(self) -> None:
        """Let the thread end as soon as its place answers."""
        self._stop_event.set()

    def run(self) -> None:
        """Do turns. An error of the ledger ends the thread."""
        try:
            with closing(self._settings.ledger.sibling()) as ledger:
                while not self._stop_event.is_set():
                    result = self._turn(ledger)
                    if self._once:
                        self.results.append(result)
                        if len(self.results) > 1 or not result.settling:
                            return
                    self._stop_event.wait(self._wait_s(result))
        except Stopped:
            return
        except LedgerDamaged as error:
            self.failed = error
        except Exception as error:  # noqa: BLE001 (whatever one place raises, the others go on)
            self.failed = UnexpectedError.of(error)

    def hangs_for_s(self) -> float:
        """Return for how long the place has not answered, beyond its own deadlines; 0 while it answers."""
        answered_s = self._answered_s
        if answered_s is None:
            return 0.0
        silent_s = time.monotonic() - answered_s
        return silent_s if silent_s > HANGING_DEADLINES * self.pickup.timeout_s else 0.0

    def note_hanging(self, ledger: Ledger, silent_s: float) -> PlaceUnavailable:
        """Write down that the place does not answer, for a thread that cannot do so itself; return the error.

        Raises TryLater, LedgerDamaged.
        """
        error = PlaceUnavailable("timeout", f"{self.pickup.url}: has not answered for {silent_s:.0f} s")
        note_place(ledger, self.partner, self.feed_id, self.pickup.url, error, self._settings.now_us())
        return error

    def _turn(self, ledger: Ledger) -> TurnResult:
        """Do one turn, unless another process works on the place. Raises Stopped, LedgerDamaged."""
        settings = self._settings
        try:
            lease = settings.holder.take(f"{self.partner}/{self.feed_id}", LEASE_NAME, cap=NO_CAP)
            if lease is None:
                return TurnResult()
            turn = PickupTurn(
                settings.workspace, self.partner, self.feed_id, ledger, self._open, settings.now_us, self._answered
            )
            try:
                self._answered()
                with guarded_by(ledger, lease):
                    result = turn()
            finally:
                self._answered_s = None
                with suppress(TryLater):  # it runs out
                    settings.holder.give_back(lease)
        except TryLater as error:
            self._report_once(str(error))
            return TurnResult(error=error)
        self._reported = ""
        return result

    def _open(self) -> Place:
        return open_place(self.pickup, self._settings.environ, self._settings.workspace.root)

    def _answered(self) -> None:
        self._answered_s = time.monotonic()
        if self._stop_event.is_set():
            raise Stopped

    def _report_once(self, text: str) -> None:
        if text != self._reported:
            self._settings.report(f"{self.partner}/{self.feed_id}: {text}")
        self._reported = text

    def _wait_s(self, result: TurnResult) -> float:
        if isinstance(result.error, BadInput):
            return max(self.pickup.every_s, REFUSED_WAIT_S)
        if result.settling:
            return self.pickup.settled_s if self._once else min(self.pickup.every_s, self.pickup.settled_s)
        return self.pickup.every_s
