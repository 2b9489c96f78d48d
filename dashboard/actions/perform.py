"""Do an act once, however often its form is sent, and record who did it: before it is done, and how it ended."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.access.audit import record_act
from dashboard.access.database import change_access, read_access
from dashboard.actions.act import NotDone

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dashboard.access.users import Actor, Visitor
    from dashboard.actions.act import Act, Doer

#: What is said of a form that was sent again while its act is under way, or whose act never ended.
UNDER_WAY = "This was begun already, and its end is not recorded yet. Look at the page before you do it again."


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
    with change_access(path) as connection:
        connection.execute("UPDATE act SET done = ? WHERE key = ?", (text, order.key))
        record_act(connection, actor.entry(f"{name}: done", target, result=text))
    return text


def _claim(path: Path, order: Order, actor: Actor) -> str:
    """Note that the act begins; return what was done where it has been done before, else an empty text."""
    with change_access(path) as connection:
        row = connection.execute("SELECT done FROM act WHERE key = ?", (order.key,)).fetchone()
        if row is None:
            connection.execute("INSERT INTO act (key, at_us, done) VALUES (?, ?, '')", (order.key, actor.now_us))
            record_act(connection, actor.entry(order.act.name, order.target, **order.fields))
            return ""
    if not row[0]:
        raise NotDone(UNDER_WAY)
    return str(row[0])


def text_of(path: Path, key: str) -> str:
    """Return what the act of a form did; empty where it did nothing yet."""
    with read_access(path) as connection:
        row = connection.execute("SELECT done FROM act WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else ""
