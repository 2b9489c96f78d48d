"""Ten clicks at once on a real server and a real workspace: each act is done once, exactly as its command does it."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial

import pytest
import requests
from click.testing import CliRunner
from werkzeug.serving import make_server

from dashboard.access.audit import read_acts
from dashboard.access.database import change_access, read_access
from dashboard.access.settings import Access
from dashboard.access.users import Actor, add_user
from dashboard.app import close_app, create_app
from dashboard.config import Config
from milepost.acts import find_target, make_doers
from milepost.cli import main
from milepost.context import WorkspaceContext

PASSWORD = "correct horse battery"
CLICKS = 10


def command(root, *arguments):
    """Run a command in a workspace."""
    done = CliRunner().invoke(main, ["-w", str(root), *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return done


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A workspace that delivers into a folder, with one file delivered and measured."""
    root = tmp_path_factory.mktemp("made") / "w"
    assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0
    partner = root / "partners" / "AA.toml"
    (root / "out").mkdir()
    text = partner.read_text().replace("honours_keys", "# honours_keys").replace("timeout_s", "# timeout_s")
    partner.write_text("\n".join('folder = "out"' if line.startswith("url") else line for line in text.splitlines()))
    os.utime(root / "var/inbox/AA/flights/sample.csv", (0, 0))
    assert command(root, "run").exit_code == 0
    assert command(root, "metrics", "collect").exit_code == 0
    return root


@pytest.fixture
def twins(made, tmp_path):
    """Two copies of that workspace: one is acted on in the browser, one by commands."""
    copies = [shutil.copytree(made, tmp_path / name) for name in ("form", "command")]
    for copy in copies:  # a copy with the id of another workspace delivers nothing
        assert CliRunner().invoke(main, ["init", "--new-id", str(copy)]).exit_code == 0
    return copies


@contextmanager
def served(root):
    """Serve the dashboard of a workspace on a free port; yields its address and a session of ada."""
    context, accounts = WorkspaceContext(root), root / "var" / "access.db"
    with change_access(accounts) as connection:
        add_user(connection, Actor("test", "", 1), "ada", "admin", PASSWORD)
    config = Config(
        store=context.store, milestones=context.milestones, built=context.built, workspace_name="demo", clock="live",
        doers=make_doers(context), find_target=partial(find_target, context),
        access=Access(path=accounts, public_url="http://127.0.0.1", proxies=0, now_us=lambda: time.time_ns() // 1000),
    )  # fmt: skip
    app = create_app(config)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with requests.Session() as session:
            address = f"http://127.0.0.1:{server.server_port}"
            key = field(session.get(f"{address}/sign-in").text, "form_key")
            form = {"form_key": key, "name": "ada", "password": PASSWORD}
            assert session.post(f"{address}/sign-in", form).status_code == 200
            yield address, session
    finally:
        server.shutdown()
        thread.join(timeout=60)
        server.server_close()
        close_app(app)


def field(text, name):
    """Return the value of a field of a form."""
    return text.split(f'name="{name}" value="')[1].split('"')[0]


def fields(text, act):
    """Return the hidden fields of the form of an act."""
    part = text.split(f'action="/acts/{act}"')[1].split("</form>")[0]
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', part))


def click(address, session, act, form):
    """Send a form ten times at once; return the status of each answer, which comes before any redirect."""
    gate = threading.Barrier(CLICKS)

    def send(_):
        gate.wait(timeout=60)
        answer = requests.post(
            f"{address}/acts/{act}", form, cookies=session.cookies.get_dict(), allow_redirects=False, timeout=120
        )
        return answer.status_code

    with ThreadPoolExecutor(CLICKS) as pool:
        return list(pool.map(send, range(CLICKS)))


def entries(root, sql):
    """Return rows of the database of a workspace that a statement is about."""
    path = root / "var" / ("ledger.db" if "exchange" in sql or "decision d" in sql else "metrics-live.db")
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


def acts_of(root):
    """Return the names of the acts in the audit log, the oldest first, without signing in."""
    with read_access(root / "var" / "access.db") as connection:
        return [act.act for act in reversed(read_acts(connection, 50)) if act.who == "ada" and "sign" not in act.act]


MILESTONE_ACTS = {
    "decide": (
        {"choice": "continue", "why": "it goes well", "until": ""},
        ("roadmap", "decide", "{code}", "continue", "--why", "it goes well", "--owner", "ada"),
        "SELECT code, choice, advice, owner, why, until, as_of FROM decision",
    ),
    "spend": (
        {"amount": "1200.5", "note": "two weeks"},
        ("roadmap", "spend", "{code}", "1200.5", "--note", "two weeks"),
        "SELECT code, amount, note, as_of FROM cost_entry",
    ),
}


@pytest.mark.parametrize("act", MILESTONE_ACTS)
def test_a_milestone_act_is_recorded_once_and_as_the_command_does(twins, act):
    """One entry for ten clicks, equal to that of the command; the audit log has its two sides."""
    typed, words, sql = MILESTONE_ACTS[act]
    by_form, by_command = twins
    with served(by_form) as (address, session):
        code = re.search(r'href="/milestones/([^"/?]+)"', session.get(f"{address}/milestones").text)[1]
        page = session.get(f"{address}/milestones/{code}").text
        statuses = click(address, session, act, fields(page, act) | typed)
        assert set(statuses) <= {303, 409}
        assert 303 in statuses
        stale = session.post(f"{address}/acts/{act}", fields(page, act) | typed | {"why": "again", "note": "again"})
        assert stale.status_code == 409
        assert "after this page was loaded" in stale.text
    assert command(by_command, *(word.format(code=code) for word in words)).exit_code == 0
    assert entries(by_form, sql) == entries(by_command, sql)
    assert len(entries(by_form, sql)) == 1
    assert acts_of(by_form) == [act, f"{act}: done", act, f"{act}: not done"]


def test_a_file_is_delivered_again_once_and_as_the_command_does(twins):
    """Ten clicks on the page of a run: one further exchange, one further file at the partner, one reason."""
    by_form, by_command = twins
    exchanges = "SELECT partner, feed, file, sha256, outcome FROM exchange"
    ((first,),) = entries(by_command, "SELECT id FROM exchange")
    with served(by_form) as (address, session):
        number = re.search(r'href="/runs/(\d+)"', session.get(f"{address}/runs").text)[1]
        page = session.get(f"{address}/runs/{number}").text
        statuses = click(address, session, "redeliver", fields(page, "redeliver") | {"why": "they lost it"})
    assert set(statuses) <= {303, 409}
    assert 303 in statuses
    assert command(by_command, "redeliver", first[:12], "--why", "they lost it").exit_code == 0
    assert entries(by_form, exchanges) == entries(by_command, exchanges)
    assert len(entries(by_form, exchanges)) == 2
    files = [len([path for path in (root / "out").rglob("*") if path.is_file()]) for root in (by_form, by_command)]
    assert files[0] == files[1]
    assert acts_of(by_form) == ["redeliver", "redeliver: done"]


def test_a_review_records_what_the_command_records(twins):
    """Ten clicks judge once; the evaluations are those of `milepost roadmap status`."""
    by_form, by_command = twins
    sql = "SELECT code, revision, subject, as_of, status FROM evaluation ORDER BY id"
    with served(by_form) as (address, session):
        code = re.search(r'href="/milestones/([^"/?]+)"', session.get(f"{address}/milestones").text)[1]
        page = session.get(f"{address}/milestones/{code}").text
        assert set(click(address, session, "review", fields(page, "review"))) <= {303, 409}
    assert command(by_command, "roadmap", "status").exit_code == 0
    assert entries(by_form, sql) == entries(by_command, sql)
    assert entries(by_form, sql)
    assert acts_of(by_form) == ["review", "review: done"]
