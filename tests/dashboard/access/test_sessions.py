"""Sign in, stay signed in, and be signed out; and what a guesser learns."""

import sqlite3
from contextlib import suppress

import pytest

from dashboard.access import sessions
from dashboard.access.audit import read_acts
from dashboard.access.database import change_access, read_access
from dashboard.access.sessions import FREE_FAILURES, SignInRefused, digest
from dashboard.access.settings import Access
from dashboard.access.users import Actor, change_password, change_role, disable_user
from dashboard.security import client_network
from tests.dashboard.access.conftest import ADDRESS, PASSWORD


def test_a_session_ends_after_twelve_hours(browser, clock):
    """It lasts until then, whatever one does."""
    vera = browser("vera")
    clock.pass_s(12 * 3600 - 1)
    assert vera.get("/method").status_code == 200
    clock.pass_s(1)
    assert vera.get("/method").status_code == 303


def test_the_cookie_is_bound_to_https_and_closed_to_scripts(browser, accounts):
    """HttpOnly, Secure, SameSite=Lax; the database holds a digest of it, and no password."""
    answer = browser().sign_in("vera", PASSWORD)
    (cookie,) = [value for value in answer.headers.getlist("Set-Cookie") if value.startswith("__Host-milepost=")]
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    secret = cookie.split("=", 1)[1].split(";")[0]
    with read_access(accounts) as connection:
        assert connection.execute("SELECT digest FROM session").fetchall() == [(digest(secret),)]
    assert not [file for file in accounts.parent.iterdir() if secret.encode() in file.read_bytes()]


def test_signing_in_again_makes_a_new_session(browser, accounts):
    """A secret that somebody planted before is worth nothing afterwards."""
    visitor = browser()
    visitor.client.set_cookie("__Host-milepost", "planted", domain="milepost.example", secure=True)
    visitor.sign_in("vera", PASSWORD)
    assert visitor.client.get_cookie("__Host-milepost", domain="milepost.example").value != "planted"


def test_changing_an_account_ends_its_sessions(browser, accounts, clock):
    """Another password, another role, and being disabled each end what was signed in."""
    actor = Actor("test", "", clock())
    for change in (
        lambda connection: change_role(connection, actor, "vera", "pm"),
        lambda connection: change_password(connection, actor, "vera", PASSWORD),
        lambda connection: disable_user(connection, actor, "vera"),
    ):
        vera = browser("vera")
        with change_access(accounts) as connection:
            change(connection)
        assert vera.get("/method").status_code == 303
    assert browser().sign_in("vera", PASSWORD).status_code == 401


def test_an_unknown_name_gets_the_answer_of_a_wrong_password(browser):
    """The pages are equal but for their random keys, so that nobody learns which names there are."""
    answers = [browser().sign_in(name, "not the password") for name in ("vera", "nobody")]
    texts = [
        answer.text.replace(answer.text.split('name="form_key" value="')[1].split('"')[0], "") for answer in answers
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert texts[0] == texts[1]


def test_failures_in_a_row_make_the_next_try_wait(browser, clock):
    """After some free ones: 1, 2, 4 seconds; even the right password waits; a success ends it for the name."""
    visitor = browser()
    for _ in range(FREE_FAILURES + 1):
        assert visitor.sign_in("vera", "not the password").status_code == 401
    assert visitor.sign_in("VERA", PASSWORD).status_code == 429
    clock.pass_s(1)
    assert visitor.sign_in("vera", "not the password").status_code == 401
    clock.pass_s(1)
    assert visitor.sign_in("vera", PASSWORD).status_code == 429
    clock.pass_s(1)
    assert visitor.sign_in("vera", PASSWORD).status_code == 303


def test_one_address_cannot_try_many_names(browser):
    """The wait counts for the address, whatever names are tried; names that do not exist count, too."""
    visitor = browser()
    for number in range(FREE_FAILURES + 1):
        visitor.sign_in(f"name{number}", "not the password")
    assert visitor.sign_in("ada", PASSWORD).status_code == 429


def test_a_form_that_no_page_of_ours_showed_signs_nobody_in(browser):
    """Another site cannot sign a browser in as somebody else."""
    answer = browser().post("/sign-in", {"name": "vera", "password": PASSWORD})
    assert answer.status_code == 403


def test_the_audit_log_cannot_be_changed(browser, accounts):
    """It has who signed in, and the database refuses to change or to delete a row."""
    browser("vera")
    with read_access(accounts) as connection:
        assert [(act.who, act.act) for act in read_acts(connection, 1)] == [("vera", "signed in")]
        for statement in ("UPDATE audit SET who = 'x'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="only added to"):
                connection.execute(statement)


def test_tries_at_the_same_time_wait_as_those_one_after_another(accounts, clock, monkeypatch):
    """While a password is checked, which takes long, its try counts already; a try that waits checks nothing."""
    checked = []

    def check(*_):
        checked.append(1)
        if len(checked) < 20:
            with suppress(SignInRefused):
                sessions.sign_in(accounts, "vera", "not the password", "192.0.2.1", clock())
        return False

    monkeypatch.setattr(sessions, "is_password", check)
    with pytest.raises(SignInRefused):
        sessions.sign_in(accounts, "vera", "not the password", "192.0.2.1", clock())
    assert len(checked) == FREE_FAILURES + 1


def test_people_of_one_address_who_sign_in_make_nobody_wait(accounts, clock):
    """A success takes its own try back, and leaves the failures of others of that address, with their time."""
    for _ in range(3):
        with pytest.raises(SignInRefused):
            sessions.sign_in(accounts, "nobody", "not the password", "192.0.2.1", clock())
    with read_access(accounts) as connection:
        before = connection.execute("SELECT * FROM failed_sign_in WHERE key LIKE 'address%'").fetchall()
    clock.pass_s(5)
    for name in ("vera", "otto", "pia", "ada"):
        sessions.sign_in(accounts, name, PASSWORD, "192.0.2.1", clock())
    with read_access(accounts) as connection:
        assert connection.execute("SELECT * FROM failed_sign_in WHERE key LIKE '%192%'").fetchall() == before


def test_a_client_counts_by_its_network():
    """Of IPv6 a client has a whole /64, in which it could take another address for each try."""
    assert client_network("2001:db8:1:2:3::4") == client_network("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert client_network("2001:db8:1:3::4") != client_network("2001:db8:1:2::4")
    assert client_network("::ffff:192.0.2.1") == client_network("192.0.2.1") == "192.0.2.1"
    assert client_network("x" * 10_000) == "x" * 100


@pytest.mark.parametrize("change", ["password", "disabled"])
def test_an_account_that_changes_while_its_password_is_checked_is_not_signed_in(accounts, clock, monkeypatch, change):
    """Its sessions have ended by the change; the sign-in that is under way makes no new one with what was before."""

    def check(*_):
        with change_access(accounts) as connection:
            actor = Actor("test", "", clock())
            if change == "password":
                change_password(connection, actor, "vera", "another long password")
            else:
                disable_user(connection, actor, "vera")
        return True

    monkeypatch.setattr(sessions, "is_password", check)
    with pytest.raises(SignInRefused):
        sessions.sign_in(accounts, "vera", PASSWORD, "192.0.2.1", clock())
    with read_access(accounts) as connection:
        assert connection.execute("SELECT count(*) FROM session").fetchone() == (0,)


def test_a_refused_sign_in_to_an_account_is_recorded_and_no_other_name(browser, accounts):
    """What is typed as a name may be a password, so that a name that is no account's is kept nowhere."""
    visitor = browser()
    visitor.sign_in("VERA", "not the password")
    visitor.sign_in("my secret password", "x")
    with read_access(accounts) as connection:
        acts = read_acts(connection, 10)
        assert [(act.who, act.act, act.target) for act in acts if "user added" not in act.act] == [
            ("", "sign-in refused", "vera")
        ]


def test_signing_in_ends_the_session_before_it(browser, accounts):
    """The cookie that is replaced opens nothing any more."""
    vera = browser("vera")
    former = vera.client.get_cookie("__Host-milepost", domain="milepost.example").value
    stranger = browser()
    form_key = stranger.form_key()
    vera.client.set_cookie("__Host-milepost-visit", form_key, domain="milepost.example", secure=True)
    assert vera.post("/sign-in", {"form_key": form_key, "name": "otto", "password": PASSWORD}).status_code == 303
    stranger.client.set_cookie("__Host-milepost", former, domain="milepost.example", secure=True)
    assert stranger.get("/method").status_code == 303


def test_another_host_of_our_domain_signs_nobody_in(browser):
    """A cookie that it may set for the whole domain does not count, nor does a form that the browser calls foreign."""
    visitor = browser()
    visitor.client.set_cookie("milepost-visit", "planted", domain="milepost.example")
    form = {"form_key": "planted", "name": "vera", "password": PASSWORD}
    assert visitor.post("/sign-in", form).status_code == 403
    form["form_key"] = visitor.form_key()
    assert visitor.post("/sign-in", form, **{"Sec-Fetch-Site": "same-site"}).status_code == 403
    assert visitor.post("/sign-in", form, **{"Sec-Fetch-Site": "same-origin"}).status_code == 303


@pytest.mark.parametrize("address", [ADDRESS, "HTTPS://milepost.example", "https://milepost.example:443"])
def test_https_is_known_in_any_case(accounts, clock, address):
    """The cookie is bound to TLS however the settings write the scheme."""
    access = Access(path=accounts, public_url=address, proxies=0, now_us=clock)
    assert (access.is_https, access.cookie, access.host) == (True, "__Host-milepost", "milepost.example")
