"""Sign in, stay signed in, and be signed out; and what a guesser learns."""

import sqlite3

import pytest

from dashboard.access.audit import read_acts
from dashboard.access.database import change_access, read_access
from dashboard.access.sessions import FREE_FAILURES, digest
from dashboard.access.users import Actor, change_password, change_role, disable_user
from tests.dashboard.access.conftest import PASSWORD


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
