"""The digest by mail: what has changed, to a real SMTP server on loopback, at least once and with a stable id."""

from __future__ import annotations

import email
import email.policy
import io
import os
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from click.testing import CliRunner
from pypdf import PdfReader

from metrics.store.database import open_store
from milepost.cli import main
from milepost.context import WorkspaceContext
from milepost.digest import digest_turn
from milepost.digest_schedule import digest_state, last_due, next_due
from poc.config.settings.digest import DigestSettings
from roadmap.digest.store import newest_digest
from roadmap.pdf import PROGRAMS
from tests.roadmap.conftest import ONE_MILESTONE, replay  # noqa: F401

#: A Monday, 07:00 UTC: a digest is due.
MONDAY = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)


class Mailbox:
    """Takes mails, or refuses each with the answer in `answer`; `refused` are addresses that it does not take."""

    def __init__(self):
        self.mails, self.answer, self.refused = [], "", ()

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 (aiosmtpd's name)
        """Take an address or refuse it."""
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 (aiosmtpd's name)
        """Keep the mail and answer."""
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return self.answer or "250 OK"


class OnFreePort(Controller):
    """A server on a port that the system chooses."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def mailbox():
    """A mail server on a free port of loopback."""
    box = Mailbox()
    controller = OnFreePort(
        box, hostname="127.0.0.1", port=0, auth_require_tls=False, authenticator=lambda *_: AuthResult(success=True)
    )
    controller.start()
    box.address = f"smtp://127.0.0.1:{controller.port}"
    yield box
    controller.stop()


@pytest.fixture
def shop(tmp_path, replay, mailbox, monkeypatch):  # noqa: F811
    """A workspace on a replay with four weeks measured, whose digest goes to two people."""
    digest = '[digest]\nto = ["pm@example.org", "boss@example.org"]\nfrom = "milepost@example.org"\n'
    settings = f'schema = 1\nname = "shop"\nclock = "replay"\n{digest}smtp = "${{env:MAIL}}"\n'
    (tmp_path / "milepost.toml").write_text(settings)
    (tmp_path / "partners").mkdir()
    (tmp_path / "milestones.toml").write_text(ONE_MILESTONE)
    (tmp_path / "var").mkdir()
    context = WorkspaceContext(tmp_path)
    with closing(open_store(context.store, "replay")) as db:
        replay(db, range(4))
    monkeypatch.setenv("MAIL", mailbox.address)
    monkeypatch.setenv("MILEPOST_BROWSER", "no-browser")
    return context


def turn(context, now):
    """One turn of the job."""
    return digest_turn(context, context.workspace.settings.digest, now, os.environ)


def roadmap(context, *words):
    """A command of `milepost roadmap` in the workspace."""
    done = CliRunner().invoke(main, ["-w", str(context.root), "roadmap", *words])
    assert done.exit_code == 0, done.output


def test_it_says_what_has_changed_since_the_last_one(shop, mailbox, replay):  # noqa: F811
    """Status, check-in, decision and money, as plain text and HTML; before the first due moment nothing is sent."""
    assert turn(shop, MONDAY - timedelta(days=3)) == []
    with closing(open_store(shop.store, "replay")) as db:
        replay(db, range(4, 12))
    roadmap(shop, "checkin", "M1", "--text", "<b>all</b> is well", "--by", "Ann")
    roadmap(shop, "spend", "M1", "1200", "--note", "two days")
    roadmap(shop, "decide", "M1", "continue", "--why", "it pays", "--owner", "Bea")
    assert mailbox.mails == []
    assert turn(shop, MONDAY) == []
    (mail,) = mailbox.mails
    assert (mail["From"], mail["To"]) == ("milepost@example.org", "pm@example.org, boss@example.org")
    assert mail["Subject"] == "[shop] Milestones: 4 changes"
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    for words in (
        "What has changed since 2026-11-27 07:00", "- M1 Receive: proven, was not enough evidence",
        "M1: 31 Mar 2013, Ann: <b>all</b> is well", "M1: continued on 31 Mar 2013 by Bea: it pays",
        "- M1 Receive: 1,200 more; spent 1,200, no budget set", "Where all milestones stand:", "Hands a replayed month",
        "The report is not attached: MILEPOST_BROWSER is 'no-browser'",
    ):  # fmt: skip
        assert words in text
    assert "&lt;b&gt;all&lt;/b&gt; is well" in html


def test_nothing_changed_is_one_line(shop, mailbox):
    """And it is sent once a week, not in each turn."""
    turn(shop, MONDAY - timedelta(days=3))
    for minutes in (0, 1, 60, 24 * 60):
        turn(shop, MONDAY + timedelta(minutes=minutes))
    (mail,) = mailbox.mails
    assert mail["Subject"] == "[shop] Milestones: nothing has changed"
    lines = mail.get_body(("plain",)).get_content().splitlines()
    assert lines[0].startswith("Nothing has changed since 2026-11-27 07:00")
    assert len([line for line in lines if line]) == 2  # and the note on the attachment
    turn(shop, MONDAY + timedelta(days=7))
    assert len(mailbox.mails) == 2


def test_a_mail_that_was_not_taken_is_tried_again_with_the_same_id_and_text(shop, mailbox):
    """`status` says what became of it; the digest after one that was given up says what was in both."""
    turn(shop, MONDAY - timedelta(days=3))
    mailbox.answer = "451 try later"
    (problem,) = turn(shop, MONDAY)
    assert problem.startswith("the digest was not sent: 127.0.0.1 answered 451: try later; the next attempt is at")
    assert "not sent yet: 1 attempt(s), 127.0.0.1 answered 451" in state(shop)
    assert turn(shop, MONDAY + timedelta(seconds=30)) == []
    mailbox.answer = ""
    assert turn(shop, MONDAY + timedelta(seconds=61)) == []
    first, second = mailbox.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_body(("plain",)).get_content() == second.get_body(("plain",)).get_content()
    assert state(shop).startswith("digest: sent at 2026-11-30 07:01")
    mailbox.answer = "451 try later"
    roadmap(shop, "checkin", "M1", "--text", "between")
    turn(shop, MONDAY + timedelta(days=7))
    turn(shop, MONDAY + timedelta(days=11))
    assert state(shop, MONDAY + timedelta(days=11)).startswith("digest: given up after 1 attempt(s)")
    mailbox.answer = ""
    turn(shop, MONDAY + timedelta(days=14))
    assert "between" in mailbox.mails[-1].get_body(("plain",)).get_content()


def state(context, now=MONDAY):
    """The line of `milepost status`."""
    return digest_state(context.workspace.settings.digest, context.store, now)


def test_an_address_that_is_refused_does_not_keep_the_others_from_theirs(shop, mailbox):
    """It is named in the log and in `status`."""
    mailbox.refused = ("boss@example.org",)
    turn(shop, MONDAY - timedelta(days=3))
    assert turn(shop, MONDAY) == ["the digest was refused for: boss@example.org 550: no such user"]
    assert len(mailbox.mails) == 1
    assert "refused for boss@example.org 550" in state(shop)


@pytest.mark.parametrize(("part", "other"), [("//", "//milepost:gr%C3%BCn@"), ("127.0.0.1", "mail..example")])
def test_a_secret_that_cannot_be_sent_is_a_failed_attempt(shop, mailbox, monkeypatch, part, other):
    """A password or a host that SMTP cannot carry is told as any other failure, and no character of it is shown."""
    turn(shop, MONDAY - timedelta(days=3))
    monkeypatch.setenv("MAIL", mailbox.address.replace(part, other))
    (problem,) = turn(shop, MONDAY)
    assert "has a character that cannot be sent" in problem
    assert "the next attempt is at" in problem
    assert not any(piece in problem for piece in ("xfc", "gr", "mail."))
    assert "not sent yet: 1 attempt(s)" in state(shop)


def test_send_and_show_work_at_once(shop, mailbox):
    """`show` sends nothing; `send` does, and the next digest says what has changed since."""
    runner = CliRunner()
    shown = runner.invoke(main, ["-w", str(shop.root), "digest", "show"])
    assert (shown.exit_code, mailbox.mails) == (0, [])
    assert "- M1 Receive: not enough evidence, new in the plan" in shown.output
    sent = runner.invoke(main, ["-w", str(shop.root), "digest", "send"])
    assert (sent.exit_code, sent.output) == (0, "The digest was sent to pm@example.org, boss@example.org.\n")
    assert "Nothing has changed since" in runner.invoke(main, ["-w", str(shop.root), "digest", "show"]).output
    assert "digest: sent at" in runner.invoke(main, ["-w", str(shop.root), "status"]).output
    mailbox.answer = "451 try later"
    failed = runner.invoke(main, ["-w", str(shop.root), "digest", "send"])
    assert failed.exit_code == 75


@pytest.mark.skipif(
    not any(os.access(f"/usr/bin/{name}", os.X_OK) for name in PROGRAMS) and not os.environ.get("CI"),
    reason="no Chromium",
)
def test_the_report_is_attached_as_pdf(shop, mailbox, monkeypatch):
    """One page; it is no longer kept once it was sent."""
    monkeypatch.delenv("MILEPOST_BROWSER")
    turn(shop, MONDAY - timedelta(days=3))
    assert turn(shop, MONDAY) == []
    (attached,) = mailbox.mails[0].iter_attachments()
    assert (attached.get_content_type(), attached.get_filename()) == ("application/pdf", "report.pdf")
    (page,) = PdfReader(io.BytesIO(attached.get_content())).pages
    assert "Was it worth it?" in page.extract_text()
    with closing(open_store(shop.store, "replay")) as db:
        assert newest_digest(db).pdf is None


def test_it_is_due_once_a_week_in_its_own_zone():
    """On the day and at the time of the zone, on days when clocks change as well."""
    settings = DigestSettings.model_validate(
        {
            "to": ("a@example.org",), "from": "b@example.org", "smtp": "${env:MAIL}", "day": "sunday", "at": "02:30",
            "zone": "Europe/Berlin",
        }
    )  # fmt: skip
    now = datetime(2026, 3, 25, 12, 0, tzinfo=UTC)
    assert last_due(settings, now) == datetime(2026, 3, 22, 1, 30, tzinfo=UTC)
    assert next_due(settings, now) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)  # 02:30 is left out on that day
