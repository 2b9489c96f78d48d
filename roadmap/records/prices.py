"""Record prices, append-only, so that what a sum was valued at stays readable."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from metrics.prices import Prices
from metrics.store.database import write_transaction
from roadmap.errors import Refused

if TYPE_CHECKING:
    from sqlite_utils import Database

_COLUMNS = "currency, person_hour, touch_minutes, machine_hour, since"


def recorded_prices(db: Database, today: date) -> Prices | None:
    """Return the prices in force on a day, with the day on which they were recorded; None where there are none."""
    if not db.table("price").exists():  # only older releases have written here; a reader may not add it
        return None
    sql = f"SELECT {_COLUMNS}, as_of FROM price WHERE as_of <= ? ORDER BY as_of DESC, id DESC LIMIT 1"  # noqa: S608
    row = db.execute(sql, (today.isoformat(),)).fetchone()
    if row is None or row[0] == "":  # the table was taken out of the settings
        return None
    currency, person_hour, touch_minutes, machine_hour, since, as_of = row
    return Prices(
        currency=currency,
        person_hour=person_hour,
        touch_minutes=touch_minutes,
        machine_hour=machine_hour,
        since=date.fromisoformat(since),
        fixed_on=date.fromisoformat(as_of),
    )


def record_prices(db: Database, prices: Prices | None, today: date, now_us: int) -> None:
    """Record the prices of the settings where they differ from the last ones; None: the settings have none.

    Raises:
        Refused: they differ from those recorded of the same day, so that a change could not be seen.
    """
    last = recorded_prices(db, today)
    if prices is None and last is None:
        return
    if prices is not None and last is not None:
        if prices.sha256 == last.sha256:
            return
        if prices.since == last.since:
            raise Refused(
                f"[worth] in milepost.toml differs from the prices that hold since {last.since}: "
                f"{last.currency} {last.person_hour:g} an hour of a person, {last.touch_minutes:g} minutes a touch, "
                f"{last.machine_hour:g} an hour of a machine; give new prices a later `since`"
            )
    values = replace(prices, fixed_on=today) if prices else None
    row = {
        "currency": values.currency if values else "",
        "person_hour": values.person_hour if values else 0.0,
        "touch_minutes": values.touch_minutes if values else 0.0,
        "machine_hour": values.machine_hour if values else 0.0,
        "since": values.since.isoformat() if values else today.isoformat(),
        "as_of": today.isoformat(),
        "recorded_at_us": now_us,
    }
    with write_transaction(db):
        db.table("price").insert(row)
