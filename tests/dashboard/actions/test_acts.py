"""Acts in the browser: by whoever may, once, recorded, and with the words of the command."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from dashboard.access.audit import read_acts
from dashboard.access.database import change_access, read_access
from dashboard.access.settings import Access
from dashboard.actions.act import ACTS, ACTS_OF_KIND, NotDone
from dashboard.actions.perform import Order
from dashboard.service_state import Problem, ServiceState
from tests.dashboard.access.conftest import ADDRESS, Browser, Clock, accounts, clock, made_accounts  # noqa: F401

SINCE = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)


def problem(kind, subject=""):
    """An open problem of the partner AA."""
    return Problem(
        kind=kind, label=kind, severity="critical", partner="AA", feed="flights", since=SINCE, alerts=1, count=1,
        summary="it is so", next_step="milepost status", subject=subject,
    )  # fmt: skip


@pytest.fixture
def service(tmp_path, app_on, accounts, clock):  # noqa: F811
    """A dashboard on three problems, whose acts are kept in a list; `refuse` makes them fail."""

    class Service:
        done: list = []  # noqa: RUF012
        refuse = ""

        def do(self, name):
            def doer(target, fields, who):
                if self.refuse:
                    raise NotDone(self.refuse)
                self.done.append((name, target, dict(fields), who))
                return f"{name} of {target}"

            return doer

        def browser(self, user):
            made = Browser(self.app.test_client())
            assert made.sign_in(user, "correct horse battery").status_code == 303
            return made

    made = Service()
    made.done = []
    problems = (problem("partner_paused"), problem("failed", "4711"), problem("ambiguous"))
    made.app = app_on(
        tmp_path / "metrics.db",
        access=Access(path=accounts, public_url=ADDRESS, proxies=0, now_us=clock),
        service=lambda: ServiceState(at=SINCE, problems=problems),
        doers={name: made.do(name) for name in ACTS},
        clock="live",
    )
    made.accounts = accounts
    return made


def form(text, act):
    """The hidden fields of the form of an act on a page."""
    part = text.split(f'action="/acts/{act}"')[1].split("</form>")[0]
    return {
        piece.split('"')[0]: piece.split('value="')[1].split('"')[0] for piece in part.split('type="hidden" name="')[1:]
    }


def test_who_may_act_sees_a_form_and_nobody_else(service):
    """An operator and an administrator do; a viewer and a PM see the command alone. Several files have no form."""
    for user, shown in (("otto", True), ("ada", True), ("vera", False), ("pia", False)):
        page = service.browser(user).get("/today").text
        assert ('action="/acts/release"' in page, 'action="/acts/give_up"' in page) == (shown, shown)
        assert 'action="/acts/arrived"' not in page
        assert "milepost status" in page


def test_an_act_is_done_recorded_and_said_once(service):
    """The form does it, the next page says so, the one after that does not; the audit log has both of its sides."""
    otto = service.browser("otto")
    answer = otto.post("/acts/release", form(otto.get("/today").text, "release"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/today")
    assert service.done == [("release", "AA", {}, "otto")]
    assert "Done: release of AA" in otto.get("/today").text
    assert "Done: release of AA" not in otto.get("/today").text
    with read_access(service.accounts) as connection:
        acts = [(act.who, act.act, act.target) for act in read_acts(connection, 2)]
    assert acts == [("otto", "release: done", "AA"), ("otto", "release", "AA")]


def test_ten_clicks_at_once_do_it_once(service):
    """Each click gets the page or is told that it is under way; the act is done once."""
    otto = service.browser("otto")
    fields = form(otto.get("/today").text, "release")
    cookie = otto.client.get_cookie("__Host-milepost", domain="milepost.example").value

    def click(_):
        client = service.app.test_client()
        client.set_cookie("__Host-milepost", cookie, domain="milepost.example", secure=True)
        return client.post("/acts/release", base_url=ADDRESS, data=fields).status_code

    with ThreadPoolExecutor(10) as pool:
        codes = set(pool.map(click, range(10)))
    assert codes <= {303, 409}
    assert len(service.done) == 1


def test_a_reason_is_needed_and_kept(service):
    """Without it nothing is done; with it, the act and the audit log have it."""
    otto = service.browser("otto")
    fields = form(otto.get("/today").text, "give_up")
    assert otto.post("/acts/give_up", fields).status_code == 400
    assert otto.post("/acts/give_up", {**fields, "why": " "}).status_code == 400
    assert otto.post("/acts/give_up", {**fields, "why": "x" * 1001}).status_code == 400
    assert service.done == []
    assert otto.post("/acts/give_up", {**fields, "why": "sent by mail"}).status_code == 303
    assert service.done == [("give_up", "4711", {"why": "sent by mail"}, "otto")]
    with read_access(service.accounts) as connection:
        assert read_acts(connection, 2)[1].detail == {"why": "sent by mail"}


def test_an_act_that_cannot_be_done_says_why_and_can_be_tried_again(service):
    """The page has the words of the command, nothing is marked as done, and the audit log has the refusal."""
    otto = service.browser("otto")
    fields = form(otto.get("/today").text, "release")
    service.refuse = "another process exchanges its files; try again later"
    answer = otto.post("/acts/release", fields)
    assert (answer.status_code, "nother process exchanges its files" in answer.text) == (409, True)
    service.refuse = ""
    assert otto.post("/acts/release", fields).status_code == 303
    with read_access(service.accounts) as connection:
        assert [act.act for act in read_acts(connection, 4)] == [
            "release: done", "release", "release: not done", "release",
        ]  # fmt: skip


def test_an_act_whose_end_is_not_known_is_not_done_again(service, clock):  # noqa: F811
    """A process that died in the middle leaves it so; a person looks first."""
    otto = service.browser("otto")
    fields = form(otto.get("/today").text, "release")
    with change_access(service.accounts) as connection:
        order = Order(act=ACTS["release"], target="AA", fields={}, token=fields["token"], payload={})
        connection.execute("INSERT INTO act VALUES (?, ?, '', 'release', 'AA', 'otto')", (order.key, clock()))
    answer = otto.post("/acts/release", fields)
    assert (answer.status_code, "its end is not recorded yet" in answer.text) == (409, True)
    assert service.done == []


def test_a_foreign_form_and_a_viewer_do_nothing(service):
    """The key of the session and the role are checked before anything else."""
    otto, vera = service.browser("otto"), service.browser("vera")
    fields = form(otto.get("/today").text, "release")
    assert otto.post("/acts/release", {**fields, "form_key": "x"}).status_code == 403
    assert vera.post("/acts/release", {**fields, "form_key": vera.form_key("/today")}).status_code == 403
    assert otto.post("/acts/release", {**fields, "token": ""}).status_code == 400
    assert otto.post("/acts/release", {**fields, "target": "x" * 1001}).status_code == 400
    assert service.done == []


def test_every_act_of_a_problem_exists():
    """The table of problems names acts that there are; the others are those of milestones, rows and routes."""
    assert {name for names in ACTS_OF_KIND.values() for name in names} == set(ACTS) - {
        "decide",
        "spend",
        "replan",
        "checkin",
        "replay",
        "discard_rows",
        "route_advance",
        "route_back",
        "route_hold",
        "route_release",
        "redeliver",
        "review",
    }


def test_a_pm_decides_records_money_and_checks_in_on_the_page_of_a_milestone(service):
    """The forms are there for a PM and not for an operator; what is filled in reaches the same function."""
    pia = service.browser("pia")
    page = pia.get("/milestones/M1").text
    assert 'action="/acts/decide"' not in service.browser("otto").get("/milestones/M1").text
    decision = form(page, "decide") | {"choice": "pause", "why": "no feed before spring", "until": "2027-03-01"}
    assert pia.post("/acts/decide", decision | {"choice": "perhaps"}).status_code == 400
    assert pia.post("/acts/decide", decision).status_code == 303
    assert pia.post("/acts/spend", form(page, "spend") | {"amount": "1200", "note": "two days"}).status_code == 303
    checkin = form(page, "checkin") | {"text": "AA is over", "done": "3", "of": "12"}
    assert pia.post("/acts/checkin", checkin).status_code == 303
    assert pia.post("/acts/checkin", checkin).status_code == 303  # a second click does nothing
    new_plan = form(page, "replan") | {"due": "2027-06-30", "budget": "", "why": "a later release"}
    assert pia.post("/acts/replan", new_plan).status_code == 303
    assert service.done == [
        (
            "decide",
            "M1",
            {"choice": "pause", "why": "no feed before spring", "until": "2027-03-01", "seen": "0"},
            "pia",
        ),
        ("spend", "M1", {"amount": "1200", "note": "two days", "seen": "0"}, "pia"),
        ("checkin", "M1", {"text": "AA is over", "done": "3", "of": "12", "seen": "0"}, "pia"),
        ("replan", "M1", {"due": "2027-06-30", "budget": "", "why": "a later release", "seen": "1"}, "pia"),
    ]


def test_the_audit_log_is_a_page_for_administrators(service):
    """It has the act, who did it and what came of it; nobody else gets the page or a link to it."""
    otto, ada = service.browser("otto"), service.browser("ada")
    otto.post("/acts/give_up", form(otto.get("/today").text, "give_up") | {"why": "<b>by mail</b>"})
    page = ada.get("/audit").text
    assert "give_up: done" in page
    assert "&lt;b&gt;by mail&lt;/b&gt;" in page
    assert 'href="/audit"' in ada.get("/today").text
    assert 'href="/audit"' not in otto.get("/today").text
    assert otto.get("/audit").status_code == 403


def acts_of(service):
    """Return the newest acts of the audit log."""
    with read_access(service.accounts) as connection:
        return [(act.who, act.act, act.target) for act in read_acts(connection, 4)]


def test_an_act_that_crashed_is_unknown_and_can_be_done_after_a_look(service, clock):  # noqa: F811
    """It is not begun for ever: the log says unknown at once, the form says what to check, and works again later."""
    otto = service.browser("otto")
    fields = form(otto.get("/today").text, "release")
    release = service.app.config["MILEPOST"].doers["release"]
    service.app.config["MILEPOST"].doers["release"] = lambda *_: 1 // 0
    assert otto.post("/acts/release", fields).status_code == 500
    assert acts_of(service)[0] == ("otto", "release: unknown, check", "AA")
    service.app.config["MILEPOST"].doers["release"] = release
    answer = otto.post("/acts/release", fields)
    assert (answer.status_code, "not known whether this was done" in answer.text) == (409, True)
    assert service.done == []
    clock.pass_s(61)
    assert otto.post("/acts/release", fields).status_code == 303
    assert len(service.done) == 1


def test_an_act_that_was_cut_off_is_unknown_in_the_audit_log(service, clock):  # noqa: F811
    """The program was killed while it did it: after a while its entry says unknown, with what to do, once."""
    with change_access(service.accounts) as connection:
        connection.execute("INSERT INTO act VALUES ('k', ?, '', 'release', 'AA', 'otto')", (clock(),))
    ada = service.browser("ada")
    assert "unknown, check" not in ada.get("/audit").text
    clock.pass_s(16 * 60)
    for _ in range(2):
        text = ada.get("/audit").text
        assert text.count("release: unknown, check") == 1
        assert "if it was not done" in text


def test_refusals_and_sign_outs_stand_in_the_audit_log(service):
    """Who was refused what, once a minute for each address, and who left."""
    vera = service.browser("vera")
    key = vera.form_key("/today")
    for _ in range(3):
        assert vera.get("/audit").status_code == 403
    assert vera.post("/acts/release", {"form_key": key, "target": "AA", "token": "x"}).status_code == 403
    assert vera.post("/sign-out", {"form_key": key}).status_code == 303
    assert acts_of(service)[:3] == [
        ("vera", "signed out", "vera"),
        ("vera", "refused", "POST /acts/release"),
        ("vera", "refused", "GET /audit"),
    ]
