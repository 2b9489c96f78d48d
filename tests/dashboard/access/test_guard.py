"""Who is let through: every address with every method as every role, tokens, foreign forms, and where sign-in leads."""

import pytest

from dashboard.access.database import change_access
from dashboard.access.guard import local_target
from dashboard.access.roles import DEMANDS, OPEN, ROLES, SCOPED_ENDPOINTS, TOKEN_KINDS
from dashboard.access.tokens import add_token, revoke_token
from dashboard.access.users import Actor
from dashboard.pages import health
from dashboard.pages.warm_up import warm_up
from tests.dashboard.access.conftest import ADDRESS

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
USERS = {"viewer": "vera", "operator": "otto", "pm": "pia", "admin": "ada"}

#: Accounts that may see the partner AA alone.
SCOPED_USERS = {"viewer": "val", "operator": "oli", "pm": "pat"}


def addresses(app):
    """An address of each endpoint, with its methods."""
    values = {"filename": "milepost.css", "code": "M1", "number": 1, "part": "AA", "name": "weekly", "version": "1"} | {
        "exchange": "4711",
        "partner": "AA",
        "feed": "flights",
        "secret": "none",
    }
    with app.test_request_context(base_url=ADDRESS):
        adapter = app.create_url_adapter(None) or app.url_map.bind("milepost.example")
        for rule in app.url_map.iter_rules():
            yield rule.endpoint, adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments}), rule


def test_the_table_names_every_endpoint_and_no_other(guarded):
    """A new page without a rule fails here; without a rule nobody is let through."""
    assert set(DEMANDS) == {rule.endpoint for rule in guarded.url_map.iter_rules()}
    assert set(DEMANDS) >= SCOPED_ENDPOINTS
    assert set(DEMANDS.values()) - {OPEN} <= set().union(*ROLES.values(), *TOKEN_KINDS.values())


def test_every_address_is_for_those_who_may_and_for_nobody_else(guarded, browser):
    """Nobody without a session gets anything but what is open; each role gets what the table grants, and 403 else.

    A scope of some partners takes away what is about all of them, and grants nothing.
    """
    scoped = {f"{role}, scoped": name for role, name in SCOPED_USERS.items()}
    visitors = {role: browser(name) for role, name in (USERS | scoped).items()} | {"nobody": browser()}
    keys = {role: visitor.form_key("/milestones") for role, visitor in visitors.items() if role != "nobody"}
    for endpoint, address, rule in addresses(guarded):
        for role, visitor in visitors.items():
            for method in METHODS:
                form = {"form_key": keys.get(role, "")} if DEMANDS[endpoint] != OPEN and method == "POST" else None
                answer = visitor.client.open(
                    address, method=method, base_url=ADDRESS, headers={"Accept": "text/html"}, data=form
                )
                answer.close()
                where = (endpoint, role, method, answer.status_code)
                if DEMANDS[endpoint] == OPEN:
                    assert answer.status_code != 500, where
                elif role == "nobody":
                    assert answer.status_code == (303 if method == "GET" else 401), where
                elif method not in rule.methods:
                    assert answer.status_code in {403, 405}, where
                elif role.endswith("scoped") and endpoint not in SCOPED_ENDPOINTS:
                    assert answer.status_code == 403, where
                elif DEMANDS[endpoint] in ROLES[role.removesuffix(", scoped")]:
                    assert answer.status_code in {200, 302, 303, 400, 404, 503}, where
                else:
                    assert answer.status_code == 403, where


def test_an_address_without_a_rule_is_refused(guarded, browser, monkeypatch):
    """Deny by default: even an administrator is refused where the table says nothing."""
    monkeypatch.delitem(DEMANDS, "method.page")
    assert browser("ada").get("/method").status_code == 403


@pytest.mark.parametrize("kind", TOKEN_KINDS)
def test_a_token_opens_what_its_kind_is_for(guarded, browser, accounts, clock, kind):
    """`read` and `operate` read pages and metrics, the others nothing; a revoked or expired one opens nothing."""
    with change_access(accounts) as connection:
        actor = Actor("test", "", clock())
        number, secret = add_token(connection, actor, "monitor", kind, clock() + 3_600_000_000)
    bearer = {"Authorization": f"Bearer {secret}"}
    allowed = {"read": 200, "operate": 200, "collect": 403, "intake": 403}[kind]
    assert browser().get("/metrics", **bearer).status_code == allowed
    assert browser().get("/metrics", Authorization=f"Bearer {secret}x").status_code == 401
    clock.pass_s(3_601)
    assert browser().get("/metrics", **bearer).status_code == 401
    clock.pass_s(-3_601)
    with change_access(accounts) as connection:
        revoke_token(connection, actor, number)
    assert browser().get("/metrics", **bearer).status_code == 401


def test_a_token_for_files_opens_nothing_else(guarded, browser, accounts, clock):
    """Every address but those for files refuses it; a token of another kind is refused there."""
    bearers = {}
    with change_access(accounts) as connection:
        for kind in TOKEN_KINDS:
            secret = add_token(connection, Actor("test", "", clock()), kind, kind, None)[1]
            bearers[kind] = {"Authorization": f"Bearer {secret}", "Accept": "*/*"}
    for endpoint, address, rule in addresses(guarded):
        for method in sorted(rule.methods & {"GET", "POST"}):
            if DEMANDS[endpoint] not in {OPEN, "intake"}:
                answer = browser().client.open(address, method=method, base_url=ADDRESS, headers=bearers["intake"])
                assert answer.status_code == 403, (endpoint, method)
            for kind, headers in bearers.items() if DEMANDS[endpoint] == "intake" else ():
                answer = browser().client.open(address, method=method, base_url=ADDRESS, headers=headers)
                assert answer.status_code == (404 if kind == "intake" else 403), (endpoint, method, kind)


def test_a_form_of_another_site_does_nothing(browser):
    """Without the key of the session, with another one, or sent by another site, the session goes on."""
    ada = browser("ada")
    key = ada.form_key("/milestones")
    assert ada.post("/sign-out", {}).status_code == 403
    assert ada.post("/sign-out", {"form_key": browser("otto").form_key("/milestones")}).status_code == 403
    assert ada.post("/sign-out", {"form_key": key}, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert ada.get("/method").status_code == 200
    assert ada.post("/sign-out", {"form_key": key}).status_code == 303
    assert ada.get("/method").status_code == 303


def test_only_the_public_address_and_this_machine_are_answered(browser):
    """Another host name is refused, so that a foreign site cannot take ours."""
    client = browser("ada").client
    assert client.get("/method", base_url="https://evil.example").status_code == 403
    assert client.get("/sign-in", base_url="http://127.0.0.1:8765").status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "evil",
        "",
        "javascript:alert(1)",
        "/a\nb",
        "\\/evil",
        "//[",
        "//\u2100",
    ],
)
def test_sign_in_leads_to_no_other_site(browser, target):
    """What could lead elsewhere becomes the first page; a path of ours stays, with its query."""
    assert local_target(target) == "/"
    assert local_target("/runs?partner=AA") == "/runs?partner=AA"
    visitor = browser()
    answer = visitor.sign_in("vera", "correct horse battery", next=target)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_the_page_that_was_asked_for_comes_after_sign_in(browser):
    """The redirect to the form carries the address with its query."""
    visitor = browser()
    answer = visitor.get("/runs?partner=AA&side=service")
    assert answer.headers["Location"] == "/sign-in?next=/runs%3Fpartner%3DAA%26side%3Dservice"


def test_the_sign_in_page_is_there_for_head(browser):
    """A check by HEAD is no form that was sent without its key."""
    assert browser().client.head("/sign-in", base_url=ADDRESS).status_code == 200


@pytest.mark.parametrize("data", [b"no database at all, but a text " * 200, None])
def test_accounts_that_cannot_be_read_let_nobody_in_and_are_said(guarded, browser, accounts, data):
    """503 without the path of the file, for a damaged one and for a folder in its place; probes and styles go on."""
    ada = browser("ada")
    for file in accounts.parent.iterdir():
        file.unlink()
    accounts.mkdir() if data is None else accounts.write_bytes(data)
    for answer in (ada.get("/method"), ada.get("/sign-in")):
        assert (answer.status_code, "The accounts cannot be read" in answer.text) == (503, True)
        assert str(accounts.parent) not in answer.text
    for path in ("/live", "/static/milepost.css"):
        with ada.get(path) as answer:
            assert answer.status_code == 200


def test_accounts_that_are_gone_let_nobody_in(browser, accounts):
    """A session of before is of nobody then."""
    ada = browser("ada")
    for file in accounts.parent.iterdir():
        file.unlink()
    assert ada.get("/method").status_code == 303


def test_no_shared_cache_keeps_what_somebody_sees(browser):
    """Pages, errors with names in them, and what has an ETag of its own say so; signing out clears the browser's."""
    otto = browser("otto")
    for path in ("/method", "/runs.json", "/nothing", "/audit", "/runs/77"):
        with otto.get(path) as answer:
            assert answer.headers["Cache-Control"] in {"private, no-cache", "no-store"}, path
    answer = otto.post("/sign-out", {"form_key": otto.form_key("/milestones")})
    assert answer.headers["Clear-Site-Data"] == '"cache"'


def test_a_token_is_not_taken_for_a_person(browser, accounts, clock):
    """Its label may be anybody's name; what names it has its id."""
    with change_access(accounts) as connection:
        number, secret = add_token(connection, Actor("test", "", clock()), "ada", "read", None)
    answer = browser().get("/audit", Authorization=f"Bearer {secret}")
    assert (answer.status_code, f"ada (token {number})" in answer.text) == (403, True)


def test_ready_tells_reasons_to_those_who_may_see_pages(guarded, browser, monkeypatch):
    """They name files of this machine; a load balancer needs the status alone."""
    monkeypatch.setattr(health, "reasons_not_ready", lambda *_: ["/srv/secret/ledger.db: is damaged"])
    for visitor, is_told in ((browser(), False), (browser("vera"), True)):
        answer = visitor.get("/ready")
        assert (answer.status_code, "/srv/secret" in answer.text) == (503, is_told)


def test_pages_are_warm_behind_a_sign_in_too(guarded, monkeypatch):
    """When the server starts, each page is made once; a header of the same name lets nobody in."""
    statuses = []
    guarded.after_request(lambda response: statuses.append(response.status_code) or response)
    monkeypatch.setattr(guarded.extensions["views"], "refresh", lambda: True)
    warm_up(guarded)
    assert set(statuses) == {200}
    assert len(statuses) > 5
    for name in ("milepost.warm_up", "Milepost-Warm-Up", "milepost_warm_up"):
        assert guarded.test_client().get("/method", base_url=ADDRESS, headers={name: "1"}).status_code == 401
