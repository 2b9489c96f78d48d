"""The services that take notifications: webhooks as their receivers check them, and services of Apprise."""

import asyncio
import io
import json
import logging
import threading
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from poc.config.settings.notify import NotifyTarget
from poc.notify.notification import Notification, NotSent
from poc.notify.services import send

NOW_US = int(datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp() * 1_000_000)
MESSAGE = Notification(
    id="5f2a", target="ops", phase="begun", kind="partner_down", severity="critical", partner="AA",
    title="[shop] Critical: AA is down", body="Nothing is sent to AA: “no connection”.\n\nPartner: AA",
    since_us=NOW_US, created_at_us=NOW_US,
)  # fmt: skip


def to(url):
    """Return a target of Apprise whose URL is in the environment, and that environment."""
    return NotifyTarget(name="ops", to="${env:OPS}"), {"OPS": url}


def test_a_webhook_is_verified_by_the_stock_library(receiver, tmp_path):
    """Headers, signature and body are those of Standard Webhooks; another secret does not verify it."""
    key, other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    (tmp_path / "key").write_text(key + "\n")
    target = NotifyTarget(name="hook", webhook=f"http://{receiver.address}/h", secret="${file:key}")
    send(target, MESSAGE, {}, tmp_path)
    ((headers, body),) = receiver.requests
    got = Webhook(key).verify(body, headers)
    assert headers["webhook-id"] == "5f2a"
    assert got == {
        "type": "milepost.begun",
        "timestamp": "2026-03-28T12:00:00Z",
        "data": {
            "id": "5f2a", "kind": "partner_down", "severity": "critical", "partner": "AA", "feed": "", "subject": "",
            "title": MESSAGE.title, "body": MESSAGE.body, "since": "2026-03-28T12:00:00Z",
        },
    }  # fmt: skip
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(body, headers)


@pytest.mark.parametrize("status", [301, 404, 410, 500])
def test_any_answer_but_2xx_is_a_failure(receiver, status):
    """A redirect is not followed: it could lead to another host."""
    receiver.answers.append(status)
    target = NotifyTarget(name="hook", webhook=f"http://{receiver.address}/h", secret="${env:KEY}")
    with pytest.raises(NotSent, match=f"answered {status}$"):
        send(target, MESSAGE, {"KEY": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, None)
    assert len(receiver.requests) == 1


def test_a_service_of_apprise_gets_title_and_text(receiver):
    """Here the simplest one, which posts JSON; the last line of the text is the id."""
    target, environ = to(f"json://{receiver.address}/x")
    send(target, MESSAGE, environ, None)
    ((_, body),) = receiver.requests
    got = json.loads(body)
    assert (got["title"], got["message"], got["type"]) == (
        MESSAGE.title,
        f"{MESSAGE.body}\n\nNotification 5f2a",
        "failure",
    )


class MailServer:
    """An SMTP server on loopback that keeps each mail."""

    def __init__(self):
        self.mails = []
        self.is_listening = threading.Event()
        # the loop runs in a thread of its own from the start: a browser test may have left one in this thread
        self.thread = threading.Thread(target=asyncio.run, args=(self._listen(),), daemon=True)
        self.thread.start()
        assert self.is_listening.wait(60)

    async def _listen(self):
        self.loop, self.is_over = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            self.is_listening.set()
            await self.is_over.wait()

    async def _serve(self, reader, writer):
        writer.write(b"220 test\r\n")
        while line := await reader.readline():
            verb = line.strip().upper()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                break
        await writer.drain()
        writer.close()

    def stop(self):
        """End the server and its thread."""
        self.loop.call_soon_threadsafe(self.is_over.set)
        self.thread.join(60)


@pytest.fixture
def mail():
    """A running SMTP server."""
    server = MailServer()
    yield server
    server.stop()


def test_an_e_mail_arrives(mail):
    """By Apprise and SMTP, with the title as its subject."""
    url = f"mailto://127.0.0.1:{mail.port}?smtp=127.0.0.1&from=milepost@example.com&to=ops@example.com&mode=insecure"
    target, environ = to(url)
    send(target, MESSAGE, environ, None)
    got = message_from_bytes(mail.mails[0], policy=default)
    assert got["Subject"] == MESSAGE.title
    assert "Nothing is sent to AA" in got.get_body(("plain", "html")).get_content()


@pytest.fixture
def log():
    """What loggers pass on to the program's own log."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logging.getLogger().addHandler(handler)
    yield text
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nonsense", "its secret holds no URL that Apprise knows"),
        ("json://user:topsecret@127.0.0.1:1/hidden?token=abcdef", "Connection error"),
    ],
)
def test_an_error_of_apprise_shows_no_part_of_its_url(url, reason, log):
    """The reason is that of Apprise with all parts of the URL masked, and nothing of it reaches the program's log."""
    target, environ = to(url)
    with pytest.raises(NotSent, match=reason) as error:
        send(target, MESSAGE, environ, None)
    secrets = ("topsecret", "127.0.0.1", "hidden", "abcdef", "nonsense")
    assert [part for part in secrets if part in str(error.value)] == []
    assert log.getvalue() == ""


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (NotifyTarget(name="a", to="${env:NONE}"), "the environment variable NONE is not set"),
        (NotifyTarget(name="a", webhook="http://127.0.0.1:1/", secret="${env:KEY}"), "is no key of Standard Webhooks"),
        (NotifyTarget(name="a", webhook="http://127.0.0.1:1/", secret="${env:GOOD}"), "127.0.0.1:1/: no connection"),
    ],
)
def test_what_cannot_be_sent_says_why(target, reason):
    """A missing variable, a secret of another kind, nobody at the address."""
    with pytest.raises(NotSent, match=reason):
        send(target, MESSAGE, {"KEY": "whsec_", "GOOD": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, None)


@pytest.mark.parametrize(("package", "keys"), [("apprise", {"to": "${env:A}"}), ("standardwebhooks", {})])
def test_a_missing_package_names_the_extra(monkeypatch, package, keys):
    """Without the extra `notify`, the error says how to install it."""
    monkeypatch.setitem(__import__("sys").modules, package, None)
    target = NotifyTarget(name="a", **(keys or {"webhook": "http://127.0.0.1:1/", "secret": "${env:A}"}))
    with pytest.raises(NotSent, match=rf"{package} is missing; install it with `pip install 'milepost\[notify\]'`"):
        send(target, MESSAGE, {"A": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, None)
