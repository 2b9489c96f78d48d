"""A ledger that cannot be used is told, too, although nothing can be recorded."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from poc.errors import LedgerDamaged
from poc.ledger.opening import open_ledger
from poc.notify.notifier import Notifier

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)


def test_a_lost_ledger_is_told_once_and_so_is_its_end(make_workspace, webhook, receiver, monkeypatch):
    """Not before it has lasted two minutes; a target that did not take the message is tried again."""
    workspace = make_workspace(webhook, webhook.replace('"hook"', '"team"') + '\npartners = ["AA"]')
    open_ledger(workspace.ledger).close()
    aside = workspace.root / "aside.db"
    shutil.move(workspace.ledger, aside)
    clock = [NOW]
    notifier = Notifier(lambda: workspace, lambda: clock[0], {"HOOK": "whsec_AAAA"}, list, lambda: False)
    receiver.answers += [503]
    for minutes in range(20):
        clock[0] = NOW + timedelta(minutes=minutes)
        with pytest.raises(LedgerDamaged):
            notifier.turn()
        assert len(receiver.requests) == (minutes >= 2) + (minutes >= 7)
    shutil.move(aside, workspace.ledger)
    for _ in range(2):
        clock[0] += timedelta(minutes=1)
        notifier.turn()
    bodies = [body.decode() for _, body in receiver.requests if '"subject":"ledger"' in body.decode()]
    assert ["begun" in body for body in bodies] == [True, True, False]
    assert bodies[0] == bodies[1].replace("12:07", "12:02")
    assert "the ledger cannot be used, and nothing is exchanged" in bodies[0].lower()
