"""Do an act once, however often its form is sent, and record who did it: before it is done, and how it ended."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.access.audit import record_act
from dashboard.access.database import change_access, read_access
from dashboard.access.users import Actor
from dashboard.actions.act import NotDone

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from pathlib import Path

    from dashboard.access.audit import AuditEntry
    from dashboard.access.users import Visitor
    from dashboard.actions.act import Act, Doer

#: What is said of a form that was sent again while its act is under way.
UNDER_WAY = "This was begun already, and its end is not recorded yet. Look at the page before you do it again."

#: What is said of an act whose end was not recorded: the program ended meanwhile, or failed.
UNKNOWN = (
    "It is not known whether this was done. Check it on the page, or with `milepost status`, `milepost find` or "
    "`milepost roadmap show`; if it was not done, do it again after a minute."
)

#: So long after it was said, the same form does such an act again; clicks that were made at once do not.
AGAIN_US = 60 * 1_000_000

#: The name that such an act gets in the audit log.
UNKNOWN_ACT = "{name}: unknown, check"

#: After so long an act without a recorded end counts as one that was cut off; none takes as long.
CUT_OFF_US = 15 * 60 * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An act on a target, as a form asks for it.

    `fields` are recorded in the audit log, `payload` is not: it holds values of partners' rows. `token` is that of the
    form.
    """

    act: Act
    target: str
    fields: Mapping[str, str]
    token: str
    payload: Mapping[str, str]

    @property
    def key(self) -> str:
        """The key under which the act is done once: it is the same where the form is sent again unchanged."""
        parts = (self.token, self.act.name, self.target, sorted(self.fields.items()), sorted(self.payload.items()))
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def form_token(visitor: Visitor, act: str, target: str, state: str) -> str:
    """Return the key of a form: the same while the state that it was shown for lasts, so that it acts once in it."""
    return hashlib.sha256(repr((visitor.form_key, act, target, state)).encode()).hexdigest()[:32]


def perform(path: Path, order: Order, doer: Doer, actor: Actor) -> str:
    """Do an act, and return what was done as text; the same text again for a form that was sent before.

    Args:
        path: the database of accounts, which has the audit log.
        order: what to do.
        doer: does it.
        actor: who does it, when, and from where.

    Raises:
        NotDone: it cannot be done, or it is under way already.
    """
    name, target = order.act.name, order.target
    if earlier := _claim(path, order, actor):
        return earlier
    try:
        text = doer(target, {**order.fields, **order.payload}, actor.name)
    except NotDone as error:
        with change_access(path) as connection:
            connection.execute("DELETE FROM act WHERE key = ?", (order.key,))
            record_act(connection, actor.entry(f"{name}: not done", target, reason=str(error)))
        raise
    except BaseException as error:
        with change_access(path) as connection:
            _note_unknown(
                connection,
                order.key,
                actor.entry(UNKNOWN_ACT.format(name=name), target, reason=type(error).__name__, to_do=UNKNOWN),
            )
        raise
    with change_access(path) as connection:
        connection.execute("UPDATE act SET done = ? WHERE key = ?", (text, order.key))
        record_act(connection, actor.entry(f"{name}: done", target, result=text))
    return text


def _claim(path: Path, order: Order, actor: Actor) -> str:
    """Note that the act begins; return what was done where it has been done before, else an empty text."""
    note_cut_off(path, actor.now_us)
    with change_access(path) as connection:
        connection.execute(
            "DELETE FROM act WHERE key = ? AND done = ? AND at_us < ?", (order.key, UNKNOWN, actor.now_us - AGAIN_US)
        )
        row = connection.execute("SELECT done FROM act WHERE key = ?", (order.key,)).fetchone()
        if row is None:
            connection.execute(
                "INSERT INTO act (key, at_us, done, name, target, who) VALUES (?, ?, '', ?, ?, ?)",
                (order.key, actor.now_us, order.act.name, order.target, actor.name),
            )
            record_act(connection, actor.entry(order.act.name, order.target, **order.fields))
            return ""
    if row[0] in {"", UNKNOWN}:
        raise NotDone(row[0] or UNDER_WAY)
    return str(row[0])


def note_cut_off(path: Path, now_us: int) -> None:
    """Record of each act whose end was never recorded that it is unknown whether it was done."""
    with change_access(path) as connection:
        rows = connection.execute(
            "SELECT key, name, target, who FROM act WHERE done = '' AND at_us < ?", (now_us - CUT_OFF_US,)
        ).fetchall()
        for key, name, target, who in rows:
            entry = Actor(who, "", now_us).entry(
                UNKNOWN_ACT.format(name=name or "act"), target, reason="it was cut off", to_do=UNKNOWN
            )
            _note_unknown(connection, key, entry)


def _note_unknown(connection: sqlite3.Connection, key: str, entry: AuditEntry) -> None:
    connection.execute("UPDATE act SET done = ?, at_us = ? WHERE key = ?", (UNKNOWN, entry.at_us, key))
    record_act(connection, entry)


def text_of(path: Path, key: str) -> str:
    """Return what the act of a form did; empty where it did nothing yet."""
    with read_access(path) as connection:
        row = connection.execute("SELECT done FROM act WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else ""
