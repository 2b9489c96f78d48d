"""A scope of some partners: what is left of the pages for somebody who may see these alone."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import dashboard
from dashboard.access.database import change_access
from dashboard.access.roles import SCOPED_ENDPOINTS
from dashboard.access.settings import Access
from dashboard.access.tokens import add_token
from dashboard.access.users import Actor, change_scope
from dashboard.actions.act import ExactTarget
from dashboard.pages.charts import CHARTS, FAMILIES
from dashboard.repairs import HeldExchange, HeldRow, HeldRows, NotReadable
from dashboard.scope import WHOLE, Scope, parse_scope
from dashboard.service_state import BreakerNow, ExpectedFiles, ServiceState
from tests.dashboard.access.conftest import ADDRESS, PASSWORD, Browser, accounts, clock, made_accounts  # noqa: F401
from tests.dashboard.conftest import PLAN
from tests.dashboard.service_states import NOON, feed_now, problem

if TYPE_CHECKING:
    from flask import Flask

    from dashboard.migration_state import MigrationState

#: Every other partner of the store gets a name that nothing else on a page has.
FOREIGN = "foreign-"
MINE = Scope(frozenset({"AA"}))

#: What the pages under test are asked for; `{foreign}` is a partner that is not in the scope, or one that is unknown.
ASKED = (
    "/", "/today", "/milestones", "/milestones/M1", "/runs", "/runs?state=failed", "/failures", "/failures?order=count",
    "/quarantine", "/quarantine.csv", "/quarantine.json", "/partners", "/partners.csv", "/partners/AA", "/method",
    "/report", "/runs.csv", "/runs.json", "/repairs", "/metrics", "/search?q=A",
    "/search?q=flight", f"/search?q={FOREIGN[:-1]}", "/?as_of=2013-06-30", "/runs?as_of=2013-06-30",
    "/partners?as_of=2013-06-30", "/runs?counted=M1:busy_time_saved:standard",
)  # fmt: skip
GUESSED = (
    "/partners/{foreign}", "/runs?partner={foreign}", "/failures?partner={foreign}",
    "/quarantine?partner={foreign}", "/runs.csv?partner={foreign}", "/runs.json?partner={foreign}",
    "/charts/partner-failures-{foreign}.csv", "/migration/{foreign}/flights",
    "/charts/differences.csv?feed={foreign}/flights", "/repairs/{foreign}", "/search?q={foreign}",
    "/search?q={foreign}/flights",
)  # fmt: skip


def rename_partners(store: Path) -> None:
    """Give every partner but AA a name that is told from all other text."""
    with closing(sqlite3.connect(store)) as db, db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = {column[1] for column in db.execute(f"PRAGMA table_info({table})")}
            if "partner" in columns:
                db.execute(f"UPDATE {table} SET partner = ? || partner WHERE partner != 'AA'", (FOREIGN,))
            if "file" in columns:
                db.execute(f"UPDATE {table} SET file = ? || file WHERE partner != 'AA'", (FOREIGN,))


def add_records(store: Path) -> None:
    """Record a decision and spending, whose words may name anybody."""
    with closing(sqlite3.connect(store)) as db, db:
        sql = "INSERT INTO decision (code, choice, advice, owner, why, as_of, evidence, recorded_at_us) "
        db.execute(
            f"{sql} VALUES ('M1', 'continue', 'continue', 'pia', ?, '2013-05-01', '{{}}', 1)", (f"{FOREIGN}why",)
        )
        sql = "INSERT INTO cost_entry (code, amount, note, as_of, recorded_at_us) VALUES ('M1', 9, ?, '2013-05-01', 1)"
        db.execute(sql, (f"{FOREIGN}note",))


def keep_mine(store: Path) -> None:
    """Delete every row of another partner, and with it all that a scope of AA must not show."""
    with closing(sqlite3.connect(store)) as db, db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
        for table in tables:
            columns = {column[1] for column in db.execute(f"PRAGMA table_info({table})")}
            if "cell" in columns and "partner" not in columns:
                db.execute(f"DELETE FROM {table} WHERE cell IN (SELECT id FROM cell WHERE partner != 'AA')")
        for table in tables:
            if "partner" in {column[1] for column in db.execute(f"PRAGMA table_info({table})")}:
                db.execute(f"DELETE FROM {table} WHERE partner != 'AA'")


def held_exchange(partner: str) -> HeldExchange:
    """An exchange with a held row; its id is that of its partner."""
    name = "mine" if partner == "AA" else f"{FOREIGN}B6"
    return HeldExchange(exchange_id=name, partner=partner, feed="flights", file=f"{partner}.csv", rows=1)


def read_held(exchange: str, limit: int) -> HeldRows:
    """The held rows of two exchanges."""
    del limit
    partner = {"mine": "AA", f"{FOREIGN}B6": f"{FOREIGN}B6"}.get(exchange)
    if partner is None:
        raise NotReadable(f"{exchange!r} begins the id of no exchange")
    row = HeldRow(row=1, text=f"{partner},1", is_text=True, findings=("is wrong",))
    return HeldRows(exchange=held_exchange(partner), rows=(row,))


def service_state() -> ServiceState:
    """A service in which AA, another partner and the workspace itself have something open."""
    other = f"{FOREIGN}B6"
    return ServiceState(
        at=NOON,
        problems=(
            problem("workspace_problem", "workspace problem", partner="", feed="", summary=f"{FOREIGN}B6.toml"),
            problem("failed", "files failed", partner=other),
            problem("partner_down", "partner down", feed=""),
        ),
        feeds=(feed_now("AA", due=6), feed_now(other, failed=3)),
        breakers=(BreakerNow(partner="AA", feed="", state="open"), BreakerNow(partner=other, feed="", state="open")),
        expected=tuple(
            ExpectedFiles(
                partner=partner, feed="flights", rule="by 06:00 UTC, daily", last="arrived", is_missing=False,
                next_due=("tomorrow 06:00",),
            )
            for partner in ("AA", other)
        ),
    )  # fmt: skip


def rename_routes(state: MigrationState) -> MigrationState:
    """Return routes in which every partner but AA has a name that is told from all other text."""
    fields = ("routes", "differences", "compared", "changes")
    return replace(
        state,
        **{
            name: tuple(
                row if row.partner == "AA" else replace(row, partner=FOREIGN + row.partner)
                for row in getattr(state, name)
            )
            for name in fields
        },
    )


class Desk:
    """A dashboard on a store with four partners, asked by machines with tokens."""

    def __init__(self, app: Flask, path: Path, now_us: int) -> None:
        self.app, self.path, self.now_us = app, path, now_us
        self.done: list[tuple[str, str]] = []

    def token(self, scope: Scope, kind: str = "operate") -> dict[str, str]:
        """Return the header of a new token."""
        with change_access(self.path) as connection:
            _, secret = add_token(connection, Actor("test", "", self.now_us), "machine", kind, None, scope)
        return {"Authorization": f"Bearer {secret}", "Accept": "text/html"}

    def get(self, address: str, token: dict[str, str]):
        """Get a page to its end."""
        return self.app.test_client().get(address, base_url=ADDRESS, headers=token)


@pytest.fixture
def make_desk(app_on, made_up, accounts, clock, moving):  # noqa: F811
    """A function that makes a dashboard on a store, which it may change first."""

    def make(change, **settings) -> Desk:
        store = made_up()
        rename_partners(store)
        change(store)
        desk = Desk(None, accounts, clock())  # type: ignore[arg-type]
        names = {"mine": "AA", f"{FOREIGN}B6": f"{FOREIGN}B6", "AA": "AA"}

        def doer(name):
            return lambda target, _fields, _who: desk.done.append((name, target)) or f"{name} of {target}"

        given = {
            "access": Access(path=accounts, public_url=ADDRESS, proxies=0, now_us=clock),
            "service": service_state,
            "list_held": lambda: [held_exchange("AA"), held_exchange(f"{FOREIGN}B6")],
            "read_held": read_held,
            "migration": lambda: rename_routes(moving["migration"]()),
            "read_route": lambda partner, feed: moving["read_route"](partner.removeprefix(FOREIGN), feed),
            "doers": {name: doer(name) for name in ("release", "resend", "give_up", "decide")},
            "find_target": lambda _, target: (
                ExactTarget(partner=names[target], target=target) if target in names else None
            ),
        }
        desk.app = app_on(store, **given | settings)
        return desk

    return make


@pytest.fixture
def desk(make_desk) -> Desk:
    """A dashboard on four partners, of which three have a name that begins with `FOREIGN`."""
    return make_desk(add_records)


def everything(answer) -> str:
    """Return all that an answer says: its headers and its body."""
    with answer:
        return f"{answer.headers}\n{answer.get_data(as_text=True)}"


def test_a_scope_is_written_as_it_is_read():
    """`partner:AA partner:B6` and `all` are there and back again; anything else is refused, and never means all."""
    assert parse_scope(["partner:B6", "partner:AA"]) == Scope(frozenset({"AA", "B6"}))
    assert parse_scope(["all"]) == WHOLE == Scope.from_text(WHOLE.text)
    assert Scope.from_text(MINE.text) == MINE
    for words in ([], ["AA"], ["all", "partner:AA"], ["partner:"], ["partner:*/x"], ["feed:AA"]):
        with pytest.raises(ValueError, match="scope"):
            parse_scope(words)


def test_pages_have_no_trace_of_other_partners(desk):
    """Not one page, download, chart or metric of somebody scoped to AA names another partner; each names AA or none."""
    mine, everyone = desk.token(MINE), desk.token(WHOLE)
    charts = [f"/charts/{name}.{ending}" for name in CHARTS for ending in ("csv", "json")]
    charts += [f"/charts/{family}-{part}.csv" for family in FAMILIES for part in ("AA", "M1")]
    named = 0
    for address in (*ASKED, "/migration", "/migration/AA/flights", *charts):
        answer = desk.get(address, mine)
        text = everything(answer)
        assert answer.status_code == 200 or address in (*charts, "/repairs"), address
        assert answer.status_code < 500, address
        assert FOREIGN not in text, address
        named += FOREIGN in everything(desk.get(address, everyone))
    assert named > 12  # the same addresses do name them to somebody who may see all


def test_held_rows_of_other_partners_are_not_there(desk):
    """An operator of AA repairs the rows of AA; those of another partner are as those of no file."""
    with change_access(desk.path) as connection:
        change_scope(connection, Actor("test", "", desk.now_us), "otto", MINE)
    otto = Browser(desk.app.test_client())
    assert otto.sign_in("otto", PASSWORD).status_code == 303
    answers = [otto.get(path) for path in ("/repairs", "/repairs/mine", f"/repairs/{FOREIGN}B6", "/repairs/nothing")]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 404]
    assert FOREIGN not in answers[0].text
    assert answers[2].text.replace(f"{FOREIGN}B6", "nothing") == answers[3].text
    assert otto.get("/decisions").status_code == 403
    assert 'href="/decisions"' not in otto.get("/milestones").text


def test_what_is_guessed_is_as_what_is_not_there(desk):
    """An address with another partner, exchange or run answers word for word as one with a name that nobody has."""
    mine = desk.token(MINE)
    for address in GUESSED:
        real, unknown = f"{FOREIGN}B6", "unknownly-B6"
        answers = [desk.get(address.format(foreign=name), mine) for name in (real, unknown)]
        texts = [
            re.sub(r"(?i)etag: .*|\d\d:\d\d:\d\d GMT", "", everything(answer)).replace(unknown, real)
            for answer in answers
        ]
        lengths = [re.sub(r"Content-Length: \d+", "", text) for text in texts]
        assert lengths[0] == lengths[1], address
    everyone = desk.token(WHOLE)
    numbers = re.findall(r'href="/runs/(\d+)"', desk.get(f"/runs?partner={FOREIGN}B6", everyone).text)
    assert desk.get(f"/runs/{numbers[0]}", everyone).status_code == 200
    foreign, unknown = (desk.get(f"/runs/{number}", mine) for number in (numbers[0], "99999999"))
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.text.replace(numbers[0], "99999999") == unknown.text


def test_numbers_are_those_of_a_store_with_these_partners_alone(make_desk, tmp_path):
    """Each page is what a dashboard shows on which the others never were: no count, sum, chart or status has them."""
    alone = tmp_path / "alone.toml"
    text = PLAN.read_text(encoding="utf-8")
    assert '["*/flights"]' in text
    alone.write_text(text.replace('["*/flights"]', '["AA/flights"]'), encoding="utf-8")
    one = Scope(frozenset({"AA"}))
    scoped, reduced = make_desk(add_records), make_desk(keep_mine, milestones=alone)
    mine, everyone = scoped.token(one), reduced.token(WHOLE)
    for address in ASKED:
        if address in {"/today", "/repairs", "/metrics", "/"}:  # they show the service too, which nobody reduced
            continue
        texts = []
        for desk, token in ((scoped, mine), (reduced, everyone)):
            text = desk.get(address, token).get_data(as_text=True)
            main = text.split("<main", 1)[-1].split("</main>")[0]
            texts.append(re.sub(r'<p class="notice small" id="scope">.*?</p>\n?', "", main))
        assert texts[0] == texts[1], address


def test_acts_reach_the_partners_of_the_scope_and_no_other(desk):
    """An act on another partner is refused as one on nothing, and not done; one on the whole plan is refused, too."""
    mine = desk.token(MINE)
    client = desk.app.test_client()

    def act(name, target, **fields):
        form = {"target": target, "token": f"{name}{target}", "back": "/", **fields}
        return client.post(f"/acts/{name}", base_url=ADDRESS, data=form, headers=mine)

    assert act("release", "AA").status_code == 303
    assert act("give_up", "mine", why="it is old").status_code == 303
    assert desk.done == [("release", "AA"), ("give_up", "mine")]
    foreign, unknown = act("give_up", f"{FOREIGN}B6", why="mine?"), act("give_up", "nothing-at-all", why="mine?")
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.text.replace(f"{FOREIGN}B6", "nothing-at-all") == unknown.text
    assert act("decide", "M1", choice="continue", why="x").status_code == 403
    assert len(desk.done) == 2


def test_caches_of_one_scope_do_not_answer_another(desk):
    """The ETag of a page of all partners gets the page of the scope, and no “not modified”."""
    mine, everyone = desk.token(MINE), desk.token(WHOLE)
    etag = desk.get("/partners", everyone).headers["ETag"]
    answer = desk.get("/partners", {**mine, "If-None-Match": etag})
    assert (answer.status_code, FOREIGN in answer.text) == (200, False)
    assert desk.get("/partners", {**everyone, "If-None-Match": etag}).status_code == 304


def test_errors_name_nothing_to_somebody_with_a_scope(desk, make_desk):
    """A state that cannot be read and damaged measurements say what to do, and name no partner or file."""
    from dashboard.service_state import ServiceUnreadable

    def fail():
        raise ServiceUnreadable(f"/srv/{FOREIGN}B6.toml is wrong")

    broken = make_desk(lambda store: store.write_bytes(b"no database " * 999), service=fail)
    mine = broken.token(MINE)
    for address in ("/", "/today", "/runs", "/runs.csv", "/milestones", "/metrics"):
        text = everything(broken.get(address, mine))
        assert FOREIGN not in text, address
        assert "/metrics-replay.db" not in text, address


def test_a_page_says_that_it_is_of_some_partners(desk):
    """Whoever sees a part of the numbers reads which part."""
    assert "You see AA only" in desk.get("/milestones", desk.token(MINE)).text
    whole = desk.token(WHOLE)
    for address in (*ASKED, "/migration", "/migration/AA/flights"):
        assert "You see" not in everything(desk.get(address, whole)), address


def test_a_new_page_is_refused_to_a_scope_until_the_table_names_it(desk, monkeypatch):
    """Deny by default: what the table does not name may be about all partners."""
    import dashboard.access.roles as roles

    mine = desk.token(MINE)
    assert desk.get("/method", mine).status_code == 200
    monkeypatch.setattr(roles, "SCOPED_ENDPOINTS", SCOPED_ENDPOINTS - {"method.page"})
    assert desk.get("/method", mine).status_code == 403


def test_partners_without_a_milestone_have_their_runs(make_desk, tmp_path):
    """A scope that no milestone is about sees its runs and partners, and on the other pages that there is none."""
    alone = tmp_path / "alone.toml"
    alone.write_text(PLAN.read_text(encoding="utf-8").replace('["*/flights"]', '["AA/flights"]'), encoding="utf-8")
    desk = make_desk(lambda _: None, milestones=alone)
    token = desk.token(Scope(frozenset({f"{FOREIGN}B6"})))
    for address in ASKED:
        answer = desk.get(address, token)
        assert answer.status_code in {200, 403, 404}, address
        assert (address.startswith(("/runs?s", "/partners?"))) <= (f"{FOREIGN}B6" in answer.text), address


def test_the_dashboard_reads_data_in_one_place_alone():
    """Pages get at store, views and service by their request's scope: no module reaches around it."""
    root = Path(dashboard.__file__).parent
    around = {
        "open_snapshot|open_reader|open_store": {
            "cache/scoped_store.py", "cache/partners_snapshot.py", "pages/health.py", "queries/freshness.py",
        },
        r"""extensions\[["'](views|readers|service|scoped_sources)["']\]""": {
            "app.py", "server.py", "pages/request.py", "pages/warm_up.py",
        },
    }  # fmt: skip
    for pattern, allowed in around.items():
        users = {str(path.relative_to(root)) for path in root.rglob("*.py") if re.search(pattern, path.read_text())}
        assert users <= allowed, pattern
