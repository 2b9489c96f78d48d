"""Send what is due, to all targets at once; one that fails or is slow keeps no other waiting.

A notification is sent after the transaction that recorded it, and its result is recorded after that. So it is sent at
least once, and a second time, with the same id, only where the process ends between the two.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from poc.notify.notification import NotSent
from poc.notify.notification_store import claim_next, give_up, pending_targets, record_failure, record_sent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from poc.ledger.ledger import Ledger
    from poc.notify.notification import Notification

#: The most targets to which something is sent at the same time.
MAX_THREADS = 8


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to send a notification, and its error; empty where the target took it."""

    notification: Notification
    error: str = ""


def send_due(
    ledger: Ledger,
    senders: Mapping[str, Callable[[Notification], None]],
    clock_us: Callable[[], int],
    chance: Callable[[], float],
    stop: Callable[[], bool] = lambda: False,
) -> list[Attempt]:
    """Send what is due, in its order for each target, and return the attempts; a target that fails gets no more now.

    Args:
        ledger: the ledger.
        senders: sends to a target by its name, and raises NotSent.
        clock_us: returns the current time, in microseconds since 1970.
        chance: returns a random number from 0 to 1, for the wait before the next attempt.
        stop: returns True when nothing more is to be begun.

    Raises:
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    attempts: list[Attempt] = []
    ready = pending_targets(ledger)
    if not ready:
        return attempts
    with ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="notify") as pool:
        under_way: dict[Future[str], Notification] = {}
        while ready or under_way:
            while ready and not stop():
                target = ready.pop(0)
                notification = claim_next(ledger, target, clock_us())
                if notification is not None and target not in senders:
                    give_up(ledger, notification, f"milepost.toml has no target {target!r} any more", clock_us())
                    ready.append(target)
                elif notification is not None:
                    under_way[pool.submit(_try, senders[target], notification)] = notification
            ready.clear()
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                notification, error = under_way.pop(future), future.result()
                attempts.append(Attempt(notification, error))
                if error:
                    record_failure(ledger, notification, error, clock_us(), chance())
                else:
                    record_sent(ledger, notification, clock_us())
                    ready.append(notification.target)
    return attempts


def _try(send: Callable[[Notification], None], notification: Notification) -> str:
    """Send a notification and return the error; empty where the target took it."""
    try:
        send(notification)
    except NotSent as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 (a service of Apprise may raise anything; the other targets go on)
        return f"unexpected {type(error).__name__}"
    return ""
