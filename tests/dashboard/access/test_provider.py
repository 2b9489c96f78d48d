"""Sign in by a real OpenID provider on loopback: there and back once, in the browser that began, with a valid token."""

import json
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from pydantic import ValidationError

from dashboard.access.audit import read_acts
from dashboard.access.database import change_access, read_access
from dashboard.access.errors import AccessRefused, ProviderFailed
from dashboard.access.provider import LEEWAY_S, Provider, ProviderSettings, is_trusted
from dashboard.access.settings import Access
from dashboard.scope import WHOLE, Scope
from poc.config.settings.web import OidcSettings
from tests.dashboard.access.conftest import Browser

CLIENT = "milepost"
NOW_S = 1_790_000_000


def settings(issuer, **more):
    """The settings of a provider whose groups `ops` and `boss` have roles here."""
    given = {
        "issuer": issuer, "client_id": CLIENT, "client_secret": lambda: "s3cret", "name_claim": "email",
        "roles_claim": "groups", "roles": {"boss": "admin", "ops": "operator"},
    }  # fmt: skip
    return ProviderSettings(**{**given, **more})


@pytest.fixture(scope="module")
def issuer():
    """The address of a provider in a process of its own, with three people."""
    people = [
        {"sub": "1", "email": "otto@example.org", "groups": ["staff", "ops"]},
        {"sub": "2", "email": "eve@example.org", "groups": ["staff"]},
        {"sub": "3", "email": "otto@example.org", "groups": ["boss"]},
        {"sub": "4", "email": "olga@example.org", "groups": ["ops"]},
    ]
    claims = [part for person in people for part in ("--user-claims", json.dumps(person))]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", "0", *claims]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            for line in process.stdout:
                if found := re.search(r"http://(?:127\.0\.0\.1|localhost):(\d+)", line):
                    yield found[0]
                    break
        finally:
            process.terminate()


@pytest.fixture
def make_browser(tmp_path, app_on, accounts, issuer):
    """A function that returns a browser on a dashboard whose people sign in by the provider."""
    access = Access(
        path=accounts,
        public_url="https://milepost.example",
        proxies=0,
        now_us=lambda: time.time_ns() // 1000,
        provider=Provider(settings(issuer)),
    )
    app = app_on(tmp_path / "metrics.db", access=access)
    return lambda: Browser(app.test_client())


def way_back(browser, subject, target="/method"):
    """Go to the provider and sign in there; return the path by which it leads back."""
    there = browser.get(f"/sign-in/provider?next={target}").headers["Location"]
    answer = requests.post(there, data={"sub": subject}, allow_redirects=False, timeout=30)
    back = urlsplit(answer.headers["Location"])
    assert back.netloc == "milepost.example"
    return f"{back.path}?{back.query}"


def test_a_person_signs_in_with_the_role_of_their_group(make_browser, accounts):
    """The page that was asked for follows; the name and the role are those of the claims."""
    browser = make_browser()
    answer = browser.get(way_back(browser, "1"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/method")
    assert "otto@example.org (operator)" in browser.get("/method").text
    with read_access(accounts) as connection:
        row = connection.execute("SELECT role, password, subject FROM user WHERE name = 'otto@example.org'").fetchone()
    assert row == ("operator", "", "1")


def test_an_answer_works_once_and_in_one_browser(make_browser):
    """Neither a replayed answer nor one carried to another browser signs anybody in."""
    browser, other = make_browser(), make_browser()
    back = way_back(browser, "1")
    other.get("/sign-in/provider")
    refused = other.get(back)
    assert (refused.status_code, "was begun in another browser" in refused.text) == (403, True)
    assert browser.get(back).status_code == 403
    again = way_back(browser, "1")
    assert browser.get(again).status_code == 303
    assert make_browser().get(again).status_code == 403


def test_who_has_no_role_or_the_name_of_another_is_refused(make_browser):
    """The page says why, and nobody is signed in."""
    browser = make_browser()
    assert "none of the roles here: boss, ops" in browser.get(way_back(browser, "2")).text
    assert browser.get("/method").status_code == 303
    browser.get(way_back(browser, "1"))
    other = make_browser()
    assert "is the name of another account here" in other.get(way_back(other, "3")).text


def test_a_provider_that_refuses_or_is_away_is_said(make_browser, accounts, tmp_path, app_on):
    """The sign-in page comes back with the reason."""
    browser = make_browser()
    state = parse_qs(urlsplit(browser.get("/sign-in/provider").headers["Location"]).query)["state"][0]
    answer = browser.get(f"/sign-in/callback?error=access_denied&state={state}")
    assert (answer.status_code, "the provider refused the sign-in: access_denied" in answer.text.casefold()) == (
        403,
        True,
    )
    away = Access(
        path=accounts, public_url="https://milepost.example", proxies=0, now_us=lambda: 0,
        provider=Provider(settings("http://127.0.0.1:9")),
    )  # fmt: skip
    answer = Browser(app_on(tmp_path / "m.db", access=away).test_client()).get("/sign-in/provider")
    assert (answer.status_code, "the provider cannot be used" in answer.text) == (503, True)


def test_passwords_sign_nobody_in_where_a_provider_does(make_browser):
    """The form is not there, and its address takes nothing."""
    browser = make_browser()
    assert 'type="password"' not in browser.get("/sign-in").text
    assert browser.post("/sign-in", {"name": "ada", "password": "correct horse battery"}).status_code == 404


@pytest.fixture(scope="module")
def keys():
    """A key of the provider and one of somebody else, with the same name."""
    return RSAKey.generate_key(2048, {"kid": "k"}), RSAKey.generate_key(2048, {"kid": "k"})


@pytest.fixture
def provider(keys):
    """A provider whose documents are known already."""
    issuer = "https://id.example"
    made = Provider(settings(issuer))
    metadata = {"issuer": issuer, "jwks_uri": "https://id.example/keys"}
    fresh = time.monotonic()
    made._documents[f"{issuer}/.well-known/openid-configuration"] = (fresh, metadata)
    made._documents["https://id.example/keys"] = (fresh, KeySet([keys[0]]).as_dict(private=False))
    return made


CLAIMS = {"iss": "https://id.example", "sub": "1", "aud": CLIENT, "exp": NOW_S + 300, "iat": NOW_S, "nonce": "n"}


def test_a_valid_token_is_accepted(provider, keys):
    """Its claims are returned; clocks may differ by a minute."""
    token = jwt.encode({"alg": "RS256", "kid": "k"}, CLAIMS, keys[0])
    for now_s in (NOW_S, NOW_S - LEEWAY_S, NOW_S + 300 + LEEWAY_S - 1):
        assert provider.check_id_token(token, "n", now_s)["sub"] == "1"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"}, {"aud": "another"}, {"aud": ["another", "third"]}, {"azp": "another"},
        {"exp": NOW_S - LEEWAY_S - 1}, {"iat": NOW_S + LEEWAY_S + 60}, {"nonce": "other"}, {"sub": None}, {"exp": None},
        {"nonce": None}, {"aud": None}, {"iss": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_token_for_another_or_of_another_time_is_refused(provider, keys, change):
    """Each claim is checked: issuer, audience, times, and the sign-in that it belongs to."""
    claims = {name: value for name, value in (CLAIMS | change).items() if value is not None}
    token = jwt.encode({"alg": "RS256", "kid": "k"}, claims, keys[0])
    with pytest.raises(ProviderFailed):
        provider.check_id_token(token, "n", NOW_S)


def test_a_forged_token_is_refused(provider, keys):
    """Signed by another key, by a secret, or not at all."""
    from joserfc.jwk import OctKey

    other = jwt.encode({"alg": "RS256", "kid": "k"}, CLAIMS, keys[1])
    head, body, _ = other.split(".")
    none = "eyJhbGciOiJub25lIn0" + f".{body}."
    shared = jwt.encode({"alg": "HS256", "kid": "k"}, CLAIMS, OctKey.import_key("s3cret-s3cret-s3cret-s3cret-s3cret"))
    for token in (other, none, shared, f"{head}.{body}.", "", "a.b.c"):
        with pytest.raises(ProviderFailed):
            provider.check_id_token(token, "n", NOW_S)


def test_roles_come_from_the_first_line_that_applies(provider):
    """Of several groups the first in the settings counts; none is refused."""
    assert provider.role_of({"groups": ["ops", "boss"]}) == "admin"
    assert provider.role_of({"groups": "ops"}) == "operator"
    for value in ([], ["staff"], "staff"):
        with pytest.raises(AccessRefused):
            provider.role_of({"groups": value})


def test_addresses_of_a_provider_are_protected():
    """https, or this machine; nothing else is asked for keys or codes."""
    assert is_trusted("https://id.example/x")
    assert is_trusted("http://127.0.0.1:9400/x")
    assert not is_trusted("http://id.example/x")
    assert not is_trusted("file:///etc/passwd")


def test_a_claim_of_another_kind_gives_no_role_and_no_name(provider):
    """A number, a list of numbers or nothing is no group, and no error of ours; a name has to be a text."""
    for value in (5, None, True, [1, None], 1.5):
        with pytest.raises(AccessRefused, match="none of the roles"):
            provider.role_of({"groups": value})
    assert provider.role_of({"groups": {"ops": {"org": "x"}}}) == "operator"
    for value in (True, 7, ["otto@example.org"], {"a": 1}):
        with pytest.raises(AccessRefused, match="is no text"):
            provider.name_of({"email": value, "sub": "1"})
    assert provider.name_of({"sub": "1"}) == "1"


def test_an_address_that_is_not_verified_is_no_name(provider):
    """Otherwise anybody at the provider could take the name of somebody who has not come yet."""
    with pytest.raises(AccessRefused, match="not verified"):
        provider.name_of({"sub": "1", "email": "ada@example.org", "email_verified": False})
    assert provider.name_of({"sub": "1", "email": "ada@example.org", "email_verified": True}) == "ada@example.org"


def test_keys_that_are_none_are_said(provider, keys):
    """A key set of the wrong shape is the provider's failure, and no error of ours."""
    token = jwt.encode({"alg": "RS256", "kid": "k"}, CLAIMS, keys[0])
    for document in ({"keys": None}, {"keys": "abc"}, {"keys": [1]}, {}):
        provider._documents["https://id.example/keys"] = (time.monotonic(), document)
        with pytest.raises(ProviderFailed):
            provider.check_id_token(token, "n", NOW_S)


def change_person(accounts, *statements):
    """Change the accounts as a provider's rename or an administrator would."""
    with change_access(accounts) as connection:
        for statement in statements:
            connection.execute(statement)


def test_who_is_disabled_does_not_come_back_under_another_name(make_browser, accounts):
    """The provider's id tells who it is, whatever the name is there now."""
    browser = make_browser()
    browser.get(way_back(browser, "4"))
    change_person(
        accounts, "DELETE FROM session",
        "UPDATE user SET name = 'former@example.org', disabled_us = 1 WHERE subject = '4'",
    )  # fmt: skip
    again = make_browser()
    assert "is disabled here" in again.get(way_back(again, "4")).text
    assert again.get("/method").status_code == 303


def test_who_was_renamed_at_the_provider_keeps_the_account(make_browser, accounts):
    """There is one account for each person; the audit log has both names, and earlier sessions have ended."""
    browser = make_browser()
    browser.get(way_back(browser, "4"))
    change_person(accounts, "DELETE FROM session", "UPDATE user SET name = 'former@example.org' WHERE subject = '4'")
    again = make_browser()
    assert again.get(way_back(again, "4")).status_code == 303
    with read_access(accounts) as connection:
        assert connection.execute("SELECT name FROM user WHERE subject = '4'").fetchall() == [("olga@example.org",)]
        assert ("user renamed", {"before": "former@example.org"}) in [
            (act.act, dict(act.detail)) for act in read_acts(connection, 5)
        ]


def test_a_sign_in_without_a_role_ends_the_sessions_of_before(make_browser, accounts):
    """Whose role was taken away at the provider is out everywhere as soon as the provider says so; links rest, too."""
    browser, other = make_browser(), make_browser()
    browser.get(way_back(browser, "4"))
    change_person(accounts, "DELETE FROM session", "UPDATE user SET subject = '2' WHERE subject = '4'")
    change_person(
        accounts,
        "INSERT INTO session SELECT x'00', name, 'k', 0, 9e18 FROM user WHERE subject = '2'",
    )
    assert "none of the roles" in other.get(way_back(other, "2")).text
    with read_access(accounts) as connection:
        assert connection.execute("SELECT count(*) FROM session").fetchone() == (0,)
        assert connection.execute("SELECT confirmed_us FROM user WHERE subject = '2'").fetchone() == (0,)
    browser.get(way_back(browser, "1"))
    with read_access(accounts) as connection:
        (confirmed_us,) = connection.execute("SELECT confirmed_us FROM user WHERE subject = '1'").fetchone()
    assert confirmed_us > 0


@pytest.fixture
def answering():
    """A function that starts a provider which answers everything by a function, and gives its address."""
    servers = []

    def start(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                with suppress(OSError):
                    answer(self)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_):
                pass

        asked = []
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}", asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_answer_without_end_is_given_up_and_not_asked_for_at_once_again(answering):
    """It would fill the memory; a provider that failed is left alone for seconds, so that no thread waits on it."""

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b" " * 65_536)

    address, asked = answering(endless)
    made = Provider(settings(address))
    for _ in range(3):
        with pytest.raises(ProviderFailed, match="its answer has over"):
            made.authorization_url("https://milepost.example", state="s", nonce="n", verifier="v" * 43)
    assert len(asked) == 1


def test_a_code_is_not_sent_on_to_where_a_provider_redirects(answering):
    """The code and our secret are for the address in its metadata alone."""

    def redirecting(handler):
        handler.send_response(307)
        handler.send_header("Location", "/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    address, asked = answering(redirecting)
    made = Provider(settings(address))
    made._documents[f"{address}/.well-known/openid-configuration"] = (
        time.monotonic(), {"issuer": address, "token_endpoint": f"{address}/token"},
    )  # fmt: skip
    with pytest.raises(ProviderFailed):
        made.exchange_code("https://milepost.example", "code", "v" * 43)
    assert asked == ["/token"]


def test_an_issuer_without_tls_is_not_asked():
    """Whoever is on the way could name other keys; neither the settings nor the provider take it."""
    with pytest.raises(ProviderFailed, match="has to be an https address"):
        Provider(settings("http://id.example")).authorization_url("x", state="s", nonce="n", verifier="v" * 43)
    given = {"client_id": "m", "roles": {"a": "viewer"}}
    for issuer in ("http://id.example", "http://localhost.evil.example", "http://127.0.0.1@evil.example"):
        with pytest.raises(ValidationError):
            OidcSettings(issuer=issuer, **given)
    for issuer in ("https://id.example/realm", "http://localhost:9400", "http://127.0.0.1", "http://[::1]:1/x"):
        assert OidcSettings(issuer=issuer, **given).issuer == issuer


def test_partners_come_from_the_claim_and_from_nothing_else(issuer):
    """With `scopes_claim`, who has no partner in it is refused; `all` is all; other groups are left out."""
    scoped = Provider(settings(issuer, scopes_claim="groups"))
    assert scoped.scope_of({"groups": ["ops", "partner:AA", "partner:B6"]}) == Scope(frozenset({"AA", "B6"}))
    assert scoped.scope_of({"groups": ["ops", "all"]}) == WHOLE
    for claims in ({}, {"groups": []}, {"groups": ["ops"]}, {"groups": 7}):
        with pytest.raises(AccessRefused, match="none of the partners"):
            scoped.scope_of(claims)
    assert Provider(settings(issuer)).scope_of({"groups": ["partner:AA"]}) is None
