"""What targets are told, for any course of problems, with two processes, late ones and interrupted ones."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from poc.alerts.alert import Alert
from poc.config.scaffold import create_workspace
from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.ledger.tables.notifications import NOTIFICATION
from poc.notify import recording
from poc.notify.recording import Recording

NOW = datetime(2026, 1, 5, tzinfo=UTC)
NAMES = "abc"


class Interrupted(Exception):
    """The process ends inside its transaction."""


def alert(name):
    """A problem of a partner."""
    return Alert(kind="partner_down", severity="critical", partner=name, since=NOW, summary="no connection")


#: A look at the problems: which are open, which of two processes looks, and what becomes of it: it is recorded, it is
#: recorded only after the next look, or its process ends inside the transaction.
LOOKS = st.lists(
    st.tuples(st.sets(st.sampled_from(NAMES)), st.integers(0, 1), st.sampled_from(["recorded", "late", "interrupted"])),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=40)
@given(LOOKS)
def test_each_begin_and_each_end_is_told_once(looks):
    """The messages about a problem alternate, and are those of the looks that were recorded in their order."""
    with TemporaryDirectory() as folder:
        root = Path(folder) / "w"
        create_workspace(root, "w", "live", {}, "")
        with (root / "milepost.toml").open("a") as file:
            file.write('\n[[notify]]\nname = "a"\nto = "${env:A}"\n[[notify]]\nname = "b"\nto = "${env:A}"\n')
        workspace = load_workspace(root)
        with closing(open_ledger(workspace.ledger)) as one, closing(open_ledger(workspace.ledger)) as other:
            seen, late = [set()], None
            for number, (names, process, end) in enumerate(looks):
                ledger = (one, other)[process]
                look = Recording(workspace, [*map(alert, sorted(names))], [], NOW + timedelta(seconds=number))
                if end == "late":
                    late = (names, look)
                    continue
                if end == "interrupted":
                    interrupt(look, ledger)
                    continue
                has_news = look.record(ledger)
                seen.append(names)
                if late is not None:
                    late[1].record((one, other)[1 - process])
                    if not has_news:  # else the late one is out of date
                        seen.append(late[0])
                    late = None
            query = NOTIFICATION.select().order_by("created_at_us", "partner")
            told = {name: [] for name in "ab"}
            for row in one.connection.execute(query).mappings():
                told[row["target"]].append((row["phase"], row["partner"]))
                assert row["state"] == "pending"
            one.connection.rollback()
    expected = []
    for before, after in pairwise(seen):
        expected += sorted(
            [("begun", name) for name in after - before] + [("ended", name) for name in before - after],
            key=lambda message: message[1],
        )
    assert told == {"a": expected, "b": expected}


def interrupt(look, ledger):
    """Record a look in a process that ends before it has committed."""
    add, added = recording.add_notification, count()

    def fail(*arguments):
        if next(added) == 1:
            raise Interrupted
        return add(*arguments)

    recording.add_notification = fail
    try:
        look.record(ledger)
    except Interrupted:
        pass
    finally:
        recording.add_notification = add
