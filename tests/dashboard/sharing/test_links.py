"""Links to one page for people without an account: read-only, for a time, revocable, and never in a log."""

from __future__ import annotations

import json
import logging
import re

import pytest

from dashboard.access.database import change_access, read_access
from dashboard.access.errors import AccessRefused
from dashboard.access.users import Actor, change_scope, disable_user
from dashboard.cli.console import accounts_path
from dashboard.scope import Scope
from dashboard.sharing.links import add_share, find_share, list_shares
from dashboard.sharing.read_only import without_ways_on
from dashboard.sharing.targets import parse_target
from tests.dashboard.access.conftest import ADDRESS, PASSWORD, Browser, accounts, clock, made_accounts  # noqa: F401
from tests.dashboard.test_scope import FOREIGN, make_desk  # noqa: F401

PAGES = ("/", "/report", "/milestones", "/milestones/M1", "/partners", "/partners/AA", "/report?as_of=2013-06-30")


@pytest.fixture
def desk(make_desk):  # noqa: F811
    """A dashboard on four partners, of which three have a name that begins with `FOREIGN`."""
    return make_desk(lambda _: None)


def share(desk, target="/report", who="pia", days=30, scope=None):
    """Return the path of a new link."""
    with change_access(desk.path) as connection:
        actor = Actor(who, "", desk.now_us)
        _, secret = add_share(connection, actor, parse_target(target), "a guest", days, scope or Scope())
    return f"/s/{secret}"


def visit(desk, path):
    """Get a page as somebody without an account."""
    return Browser(desk.app.test_client()).get(path)


@pytest.mark.parametrize("target", PAGES)
def test_a_shared_page_is_read_only_and_leads_nowhere(desk, target):
    """It has the numbers, and no form, no navigation, no link to another page, and no name of a person."""
    answer = visit(desk, share(desk, target))
    assert answer.status_code == 200
    assert "This page was shared with you" in answer.text
    assert not re.search(r'<a\b[^>]*href="/', answer.text)
    for part in ("<form", "<nav", "pia", "Sign out"):
        assert part not in answer.text, part
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert 'property="og:title"' in answer.text


def test_a_link_opens_its_page_and_no_other(desk):
    """Whoever has it is still nobody everywhere else; a page that has rows or acts cannot be shared at all."""
    visitor = Browser(desk.app.test_client())
    path = share(desk)
    assert visitor.get(path).status_code == 200
    assert visitor.get("/report").status_code == 303
    assert visitor.get(f"{path}/milestones").status_code == 303
    for target in ("/runs", "/repairs", "/audit", "//evil.example/report", "/s/x", "/sign-out", "/acts/release", "/x"):
        with pytest.raises(AccessRefused, match="cannot be shared"):
            parse_target(target)
    assert parse_target("report", "2013-06-30") == "/report?as_of=2013-06-30"
    assert parse_target("/partners?partner=x&zone=UTC") == "/partners?zone=UTC"
    with pytest.raises(AccessRefused, match="no day"):
        parse_target("/report", "soon")


def test_a_link_ends_with_its_time_its_revocation_and_its_maker(desk, clock):  # noqa: F811
    """Expired, revoked, or made by somebody who is disabled: the same answer as for a link that never was."""
    first, second, third = share(desk, days=1), share(desk, days=9), share(desk, days=9, who="ada")
    clock.pass_s(86_401)
    assert [visit(desk, path).status_code for path in (first, second, third)] == [404, 200, 200]
    with read_access(desk.path) as connection:
        by_ada = next(one.id for one in list_shares(connection) if one.who == "ada")
    ada = Browser(desk.app.test_client())
    ada.sign_in("ada", PASSWORD)
    assert ada.post(f"/shares/{by_ada}/revoke", {"form_key": ada.form_key("/shares")}).status_code == 303
    assert [visit(desk, path).status_code for path in (second, third)] == [200, 404]
    with change_access(desk.path) as connection:
        disable_user(connection, Actor("ada", "", clock()), "pia")
    assert [visit(desk, path).status_code for path in (second, "/s/never-was")] == [404, 404]


def test_a_link_rests_while_the_provider_does_not_confirm_its_maker(desk, clock):  # noqa: F811
    """Where people sign in at a provider, it works for 30 days after that, and no more once refused."""
    path = share(desk, days=200)
    seen = []
    for confirmed_us in (desk.now_us, desk.now_us + 31 * 86_400_000_000, 0):
        with change_access(desk.path) as connection:
            connection.execute("UPDATE user SET subject = '7', confirmed_us = ? WHERE name = 'pia'", (confirmed_us,))
        seen.append(visit(desk, path).status_code)
        clock.now_us = max(clock.now_us, desk.now_us + 31 * 86_400_000_000)
        seen.append(visit(desk, path).status_code)
    assert seen == [200, 404, 200, 200, 404, 404]
    ada = Browser(desk.app.test_client())
    ada.sign_in("ada", PASSWORD)
    assert "closed until pia signs in" in ada.get("/shares").text


def test_a_link_shows_no_more_than_its_maker_may_see(desk):
    """With a scope of the link or of the maker, now, other partners leave no trace."""
    mine = Scope(frozenset({"AA"}))
    whole, scoped = share(desk, "/partners"), share(desk, "/partners", scope=mine)
    assert [FOREIGN in visit(desk, path).text for path in (whole, scoped)] == [True, False]
    with change_access(desk.path) as connection:
        change_scope(connection, Actor("ada", "", 1), "pia", mine)
    assert FOREIGN not in visit(desk, whole).text


def test_the_form_makes_a_link_that_is_shown_once(desk):
    """A PM makes one from the page; the list has its label and its last use, and the secret is nowhere."""
    pia = Browser(desk.app.test_client())
    pia.sign_in("pia", PASSWORD)
    assert 'href="/shares?target=%2Freport"' in pia.get("/report").text
    form = {"form_key": pia.form_key("/shares"), "target": "/report", "label": "the board", "days": "7", "as_of": ""}
    answer = pia.post("/shares/new", form)
    link = re.search(rf"{ADDRESS}(/s/[\w-]{{43}})", answer.text)
    assert link
    assert visit(desk, link[1]).status_code == 200
    listed = pia.get("/shares").text
    assert "the board" in listed
    assert "never" not in listed
    assert link[1] not in listed
    assert link[1].removeprefix("/s/").encode() not in desk.path.read_bytes()
    assert pia.post("/shares/new", {**form, "target": "/runs"}).status_code == 400
    assert pia.post("/shares/new", {**form, "days": "0"}).status_code == 400
    pat = Browser(desk.app.test_client())
    pat.sign_in("pat", PASSWORD)
    assert "the board" not in pat.get("/shares").text


def test_the_secret_is_in_no_log_and_in_no_entry_of_the_audit(desk, caplog, monkeypatch):
    """An error while a shared page is made is logged without the secret."""
    path = share(desk)
    monkeypatch.setitem(desk.app.view_functions, "report.page", lambda: 1 // 0)
    with caplog.at_level(logging.DEBUG):
        assert visit(desk, path).status_code == 500
    assert "/s/…" in caplog.text
    assert path.removeprefix("/s/") not in caplog.text
    with read_access(desk.path) as connection:
        told = json.dumps([list(row) for row in connection.execute("SELECT who, act, target, detail FROM audit")])
    assert "link added" in told
    assert path.removeprefix("/s/") not in told


def test_links_and_forms_are_taken_out_and_text_stays():
    """Links to parts of the page and to other sites stay."""
    html = '<a class="x" href="/runs?a=1&amp;b=2" title="t">7</a><form a="b"><input></form><a href="#p">p</a>'
    assert without_ways_on(html) == '<a class="x" title="t">7</a><a href="#p">p</a>'


def test_the_command_makes_lists_and_revokes_a_link(tmp_path):
    """As the form does; it needs a public address."""
    from click.testing import CliRunner

    from milepost.cli import main

    root = tmp_path / "w"
    assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0

    def run(*arguments):
        return CliRunner().invoke(main, ["-w", str(root), "share", *arguments])

    assert run("add", "report", "--label", "x").exit_code == 2
    with (root / "milepost.toml").open("a") as file:
        file.write('\n[web]\nsign_in = "local"\npublic_url = "https://milepost.example"\n')
    made = json.loads(run("add", "report", "--label", "the board", "--days", "7", "--json").output)
    assert made["link"].startswith("https://milepost.example/s/")
    assert "the board: /report; expires:" in run("ls").output
    with read_access(accounts_path(root)) as connection:
        assert find_share(connection, made["link"].rpartition("/")[2], 1).id == made["id"]
    assert run("revoke", made["id"]).exit_code == 0
    assert run("revoke", made["id"]).exit_code == 2
    with read_access(accounts_path(root)) as connection:
        assert find_share(connection, made["link"].rpartition("/")[2], 1) is None
