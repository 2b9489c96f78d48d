"""Any answers of a partner under any clock: each row is delivered, due, failed or ambiguous, and nothing is lost."""

import json
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from poc.config.partner import RetrySchedule
from poc.delivery.outbox_actions import release_partner, resend_all
from poc.errors import DeliveryFailed
from poc.exchanges.exchange import exchange, resume
from poc.ledger.lookup import resumable_exchanges
from poc.ledger.opening import open_ledger
from poc.retries.partner_state import partner_states
from poc.transports.http_outcome import status_failure

START = datetime(2013, 1, 7, 6, tzinfo=UTC)
RETRY = RetrySchedule(breaker_failures=2)

#: Answers: a status with a `Retry-After`, or a connection that was lost, before or after the partner took the request.
STATUSES = [
    200,
    200,
    200,
    206,
    301,
    303,
    400,
    401,
    403,
    404,
    408,
    409,
    410,
    413,
    415,
    422,
    425,
    429,
    500,
    502,
    503,
    504,
]
WAITS = [None, "0", "soon", "30", "99999999", "Sun, 06 Nov 1994 08:49:37 GMT"]
ANSWER = st.tuples(st.sampled_from([*STATUSES, "lost", "lost-taken"]), st.sampled_from(WAITS))


@dataclass
class AnsweringEndpoint:
    """A partner that gives the drawn answers, and accepts everything after them."""

    honours_keys: bool
    answers: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    taken: set = field(default_factory=set)
    calls: int = 0

    def post(self, body, headers, now):
        """Answer one request."""
        self.calls += 1
        status, retry_after = self.answers.pop(0) if self.answers else (200, None)
        key = headers["Idempotency-Key"]
        if status in {200, 206, 500, "lost-taken"} and not (self.honours_keys and key in self.taken):
            self.taken.add(key)
            self.rows += [json.loads(line)["flight"] for line in body.splitlines()]
        if status in {"lost", "lost-taken"}:
            raise DeliveryFailed("connection", "connection lost", unknown=True, reused=True)
        if status != 200:
            raise status_failure("http://partner", status, retry_after, now, "its text")


class Service:
    """One ledger, one partner and a clock that can jump."""

    def __init__(self, folder, prepared, good_csv, ledger, endpoint):
        self.folder, self.prepared, self.good_csv, self.ledger = folder, prepared, good_csv, ledger
        self.endpoint, self.now, self.rows = endpoint, START, 0

    def hand_in(self, rows):
        """Exchange a file with so many new rows."""
        path = self.good_csv(self.folder / f"{self.rows}.csv", rows, first=self.rows + 1)
        self.rows += rows
        self.watch_pause(lambda: exchange(self.prepared, path, self.now, self.ledger))

    def run(self):
        """Resume what is due."""
        for entry in resumable_exchanges(self.ledger, self.now_us(), failed=False):
            self.watch_pause(lambda entry=entry: resume(self.prepared, entry, self.now, self.ledger))

    def watch_pause(self, act):
        """Do something, and check that nothing was sent if the partner was paused before."""
        (state, *_) = [row["state"] for row in partner_states(self.ledger, {}, self.now_us())] or ["closed"]
        calls = self.endpoint.calls
        act()
        assert state != "paused" or self.endpoint.calls == calls
        self.check()

    def check(self):
        """Check that each row has one outcome, and that the outbox has exactly the rows that are not delivered."""
        columns = "rows_in, rows_delivered, rows_due, rows_failed, rows_ambiguous"
        rows = self.ledger.connection.exec_driver_sql(
            f"SELECT {columns}, (SELECT coalesce(sum(rows), 0) FROM parcel WHERE exchange_id = id), outcome"
            " FROM exchange"
        ).fetchall()
        self.ledger.connection.rollback()
        for rows_in, delivered, due, failed, ambiguous, waiting, outcome in rows:
            assert rows_in == delivered + due + failed + ambiguous
            assert waiting == due + failed + ambiguous
            assert outcome == ("due" if due else "failed" if failed else "ambiguous" if ambiguous else "done")
        assert sum(row[0] for row in rows) == self.rows

    def now_us(self):
        """The current time."""
        return int(self.now.timestamp() * 1e6)


ACTION = st.one_of(
    st.tuples(st.just("hand_in"), st.integers(1, 7)),
    st.tuples(st.just("run"), st.none()),
    st.tuples(st.just("jump"), st.sampled_from([1, 61, 4_000, 90_000, 10 * 365 * 86_400, -10 * 365 * 86_400])),
    st.tuples(st.just("release"), st.none()),
    st.tuples(st.just("resend"), st.none()),
)


@example(answers=[(401, None)], actions=[("hand_in", 7), ("hand_in", 7), ("jump", 90_000), ("run", None)], keys=True)
@example(answers=[(503, "99999999")], actions=[("jump", 10 * 365 * 86_400), ("hand_in", 3)], keys=True)
@example(answers=[(413, None)] * 4, actions=[("hand_in", 7)], keys=True)
@example(answers=[(422, None), (503, None)], actions=[("hand_in", 5), ("jump", 61), ("run", None)], keys=False)
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(answers=st.lists(ANSWER, max_size=25), actions=st.lists(ACTION, min_size=1, max_size=12), keys=st.booleans())
def test_every_row_has_one_outcome_and_a_released_partner_is_served(make_prepared, good_csv, answers, actions, keys):
    """After each step all accounts add up; when the partner accepts again and is released, it has every row."""
    with TemporaryDirectory() as folder, closing(open_ledger(Path(folder) / "ledger.db")) as ledger:
        endpoint = AnsweringEndpoint(keys, list(answers))
        ready = make_prepared("http://127.0.0.1:9", honours_keys=keys, retry=RETRY, request_rows=2)
        service = Service(Path(folder), replace(ready, endpoint=endpoint), good_csv, ledger, endpoint)
        for name, value in actions:
            if name == "hand_in":
                service.hand_in(value)
            elif name == "run":
                service.run()
            elif name == "jump":
                service.now = max(START, service.now + timedelta(seconds=value))
            elif name == "release":
                release_partner(ledger, "UA", service.now_us())
            else:
                resend_all(ledger, ["UA"], service.now_us())
            service.check()
        endpoint.answers, service.now = [], START
        resend_all(ledger, ["UA"], service.now_us())
        service.run()
        assert resumable_exchanges(ledger, service.now_us(), failed=True) == []
        ambiguous = sum(row["ambiguous"] for row in partner_states(ledger, {}, service.now_us()))
        counts = Counter(endpoint.rows)
        if keys:
            assert (len(counts), ambiguous) == (service.rows, 0)
        assert set(counts.values()) <= {1}
        assert keys or ambiguous or len(counts) == service.rows


@pytest.mark.parametrize("jump_s", [0, 10 * 365 * 86_400])
@settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(answers=st.lists(ANSWER, max_size=12))
def test_a_partner_that_accepts_again_is_served_without_a_person(make_prepared, good_csv, jump_s, answers):
    """Unless it is paused, whatever it answered, and under whatever clock, what is due arrives by itself."""
    with TemporaryDirectory() as folder, closing(open_ledger(Path(folder) / "ledger.db")) as ledger:
        endpoint = AnsweringEndpoint(honours_keys=True, answers=list(answers))
        ready = make_prepared("http://127.0.0.1:9", retry=RETRY, request_rows=2)
        service = Service(Path(folder), replace(ready, endpoint=endpoint), good_csv, ledger, endpoint)
        service.now += timedelta(seconds=jump_s)
        for _ in range(4):
            service.hand_in(3)
        endpoint.answers, service.now = [], START
        for _ in range(5):
            service.now += timedelta(days=1, seconds=2)
            service.run()
        (state,) = [row for row in partner_states(ledger, {}, service.now_us()) if "/" not in row["partner"]] or [None]
        assert state is None or state["state"] == "paused" or state["due"] == 0
