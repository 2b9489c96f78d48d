"""Any sequence of kills and partner faults: no row is lost or delivered twice, and every commit balances."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

#: The steps at which the program can be killed.
STEPS = ["open", "read", "find", "enter", "commit", "reserve", "hold", "send", "confirm", "mark", "tidy", "put away"]

#: What a partner does with a request. Partner: lost, 500-held. Not held: all others. The first is an answer.
FAULTS = ["", "503", "500", "429", "410", "reset", "hang", "500-held", "lost"]

DEATH = st.none() | st.tuples(st.sampled_from(["before", "after"]), st.sampled_from(STEPS), st.integers(0, 4))
TROUBLE = st.fixed_dictionaries(
    {"at": DEATH, "faults": st.lists(st.sampled_from(FAULTS), max_size=4), "later_s": st.sampled_from([1.0, 200_000.0])}
)
FILE = st.tuples(
    st.integers(1, 14), st.dictionaries(st.integers(2, 14), st.sampled_from(["none", "again"]), max_size=3)
)
#: The level at which files are handed in and the program is killed, and the level at which it recovers.
LEVELS = st.sampled_from([(3, 3), (4, 4), (5, 5), (5, 5), (4, 5), (5, 4)])
ACTION = st.tuples(st.sampled_from(["run", "run", "run", "correct_rows", "again"]), TROUBLE)


def killed_run(when, name, nth):
    """Return a run that is killed at a step."""
    return "run", {"at": (when, name, nth), "faults": [], "later_s": 1.0}


#: What found a fault once, each as it is drawn.
SENT_AND_DEAD = {"files": [(9, {})], "actions": [killed_run("after", "send", 0)], "levels": (4, 4), "inline_bytes": 50}
SENT_TWICE_AND_DEAD = SENT_AND_DEAD | {"actions": [killed_run("after", "send", 1)]}
FIRST_BLOCK_FAILS = SENT_AND_DEAD | {"actions": [("run", {"at": None, "faults": ["503"], "later_s": 1.0})]}
#: Killed after the commit that closes the exchange, before the file of bodies is removed.
CLOSED_AND_DEAD = {
    "files": [(13, {})],
    "actions": [killed_run("after", "commit", 3)],
    "levels": (3, 3),
    "inline_bytes": 50,
}

BUDGET = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


@example(**SENT_AND_DEAD, early=False, at_once="")
@example(**FIRST_BLOCK_FAILS, early=True, at_once="")
@example(**CLOSED_AND_DEAD, early=False, at_once="")
@settings(max_examples=40, **BUDGET)
@given(
    files=st.lists(FILE, min_size=1, max_size=3),
    actions=st.lists(ACTION, min_size=1, max_size=6),
    levels=LEVELS,
    early=st.booleans(),
    inline_bytes=st.sampled_from([50, 1 << 20]),
    at_once=st.sampled_from(["", "parallel = 3\n", "span_files = true\n", "parallel = 3\nspan_files = true\n"]),
)
def test_with_keys_the_partner_gets_every_row_once(make_service, files, actions, levels, early, inline_bytes, at_once):
    """Once the faults end and the rejected rows are corrected, the partner has each row exactly once."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("poc.delivery.outbox.INLINE_BYTES", inline_bytes)
        service = make_service(Path(folder) / "w", levels[0], {"UA": (True, early)}, at_once)
        service.live(files, actions)
        service.recover(levels[1])
        held, due = (
            Counter(service.delivered("UA")),
            Counter(number * 1000 + row for number, (rows, _) in enumerate(files, 1) for row in range(1, rows + 1)),
        )
        assert held == due
        assert service.files_left() == []
        assert {row["outcome"] for row in service.totals("UA")} == {"done"}
        assert sum(row["delivered"] for row in service.totals("UA")) == sum(due.values())


@example(**SENT_AND_DEAD, early=True)
@example(**SENT_TWICE_AND_DEAD, early=True)
@example(**SENT_TWICE_AND_DEAD, early=False)
@settings(max_examples=40, **BUDGET)
@given(
    files=st.lists(FILE, min_size=1, max_size=2),
    actions=st.lists(ACTION, min_size=1, max_size=5),
    levels=LEVELS,
    early=st.booleans(),
    inline_bytes=st.sampled_from([50, 1 << 20]),
)
def test_without_keys_the_partner_gets_no_row_twice(make_service, files, actions, levels, early, inline_bytes):
    """No row that may have arrived is sent again, and each missing row waits where a person can see it."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("poc.delivery.outbox.INLINE_BYTES", inline_bytes)
        service = make_service(Path(folder) / "w", levels[0], {"UA": (False, early)})
        service.live(files, actions)
        service.recover(levels[1])
        held = Counter(service.delivered("UA"))
        assert {row: count for row, count in held.items() if count > 1} == {}
        due = {number * 1000 + row for number, (rows, _) in enumerate(files, 1) for row in range(1, rows + 1)}
        assert set(held) <= due
        assert due - set(held) <= service.unconfirmed("UA")
        assert list(service.inboxes["UA"].iterdir()) == []
        assert {row["outcome"] for row in service.totals("UA")} <= {"done", "ambiguous", "failed"}


@example(**SENT_AND_DEAD)
@settings(max_examples=10, **BUDGET)
@given(
    files=st.lists(FILE, min_size=1, max_size=3),
    actions=st.lists(ACTION, min_size=1, max_size=4),
    levels=st.sampled_from([(4, 4), (5, 5)]),
    inline_bytes=st.sampled_from([50, 1 << 20]),
)
def test_four_lanes_lose_nothing_and_send_nothing_twice(make_service, files, actions, levels, inline_bytes):
    """Of four partners at once, each has every row once, or, without keys, the missing ones are held."""
    partners = {"with": (True, False), "without": (False, False), "folder": (True, False), "early": (True, True)}
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("poc.delivery.outbox.INLINE_BYTES", inline_bytes)
        service = make_service(Path(folder) / "w", levels[0], partners)
        service.live(files, actions)
        service.recover(levels[1])
        due = {number * 1000 + row for number, (rows, _) in enumerate(files, 1) for row in range(1, rows + 1)}
        for name, (keys, _) in partners.items():
            held = service.delivered(name)
            assert len(held) == len(set(held)), name
            assert due - set(held) <= (set() if keys else service.unconfirmed(name)), name
            assert set(held) <= due, name
            outcomes = {row["outcome"] for row in service.totals(name)}
            assert outcomes <= ({"done"} if keys else {"done", "ambiguous", "failed"}), name
        assert [path for path in service.files_left() if path.parent.name != "outbox"] == []


@example(**SENT_AND_DEAD, keys=True)
@example(**SENT_TWICE_AND_DEAD, keys=False)
@settings(max_examples=10, **BUDGET)
@given(
    files=st.lists(FILE, min_size=1, max_size=3),
    actions=st.lists(ACTION, min_size=1, max_size=4),
    levels=LEVELS,
    inline_bytes=st.sampled_from([50, 1 << 20]),
    keys=st.booleans(),
)
def test_a_ledger_in_postgresql_loses_nothing_and_sends_nothing_twice(
    make_service, postgres, files, actions, levels, inline_bytes, keys
):
    """As in SQLite: the open transactions of a killed program leave nothing behind."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("poc.delivery.outbox.INLINE_BYTES", inline_bytes)
        url = postgres.new_ledger(Path(folder)).url
        service = make_service(Path(folder) / "w", levels[0], {"UA": (keys, False)}, ledger=url)
        service.live(files, actions)
        service.recover(levels[1])
        held = service.delivered("UA")
        due = {number * 1000 + row for number, (rows, _) in enumerate(files, 1) for row in range(1, rows + 1)}
        assert len(held) == len(set(held))
        assert set(held) <= due
        assert due - set(held) <= (set() if keys else service.unconfirmed("UA"))
        outcomes = {row["outcome"] for row in service.totals("UA")}
        assert outcomes <= ({"done"} if keys else {"done", "ambiguous", "failed"})
