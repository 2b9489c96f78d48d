"""Mail of the digest by a real server over TLS: it must be trusted before a password is sent."""

from __future__ import annotations

import socket
import ssl
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from roadmap.digest.mail import NotSent, Server, send_message


class Mailbox:
    """Keeps the recipients of each mail, and whether it came over TLS with the right password."""

    def __init__(self) -> None:
        self.mails = []
        self.passwords = []

    def sign_in(self, server, session, envelope, mechanism, auth_data):
        """Accept one password."""
        self.passwords.append(auth_data.password)
        return AuthResult(success=auth_data.password == b"s3cret")

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 (aiosmtpd's name)
        """Keep the mail."""
        self.mails.append(
            (envelope.rcpt_tos, server.transport.get_extra_info("ssl_object") is not None, session.authenticated)
        )
        return "250 OK"


class OnFreePort(Controller):
    """A server on a port that the system chooses; with `smtps`, TLS from the first byte."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        if self.ssl_context is None:
            super()._trigger_server()
            return
        anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.port), 60) as plain, anything.wrap_socket(plain) as client:
            client.recv(100)


@pytest.fixture
def serving(certificates):
    """A function that starts a mail server by its scheme and certificate; the mailbox and where to send."""
    started = []

    def start(scheme, certificate):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificates[f"{certificate}.pem"], certificates[f"{certificate}.key"])
        box = Mailbox()
        context = {"ssl_context": tls} if scheme == "smtps" else {"tls_context": tls, "require_starttls": True}
        controller = OnFreePort(
            box, hostname="127.0.0.1", port=0, authenticator=box.sign_in, auth_require_tls=scheme == "smtp", **context
        )
        controller.start()
        started.append(controller)
        return box, Server(scheme=scheme, host="127.0.0.1", port=controller.port, user="milepost", password="s3cret")

    yield start
    for controller in started:
        controller.stop()


def a_mail():
    """A mail to two people."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "m@example.org", "a@example.org, b@example.org", "Digest"
    message.set_content("Nothing changed.")
    return message


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_password_and_a_mail_go_to_a_trusted_server_over_tls_alone(serving, certificates, monkeypatch, scheme):
    """By STARTTLS and by TLS from the start; a server whose certificate is of another name gets neither."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates["ca.pem"]))
    box, server = serving(scheme, "good")
    assert send_message(a_mail(), server) == {}
    assert box.mails == [(["a@example.org", "b@example.org"], True, True)]
    stranger, server = serving(scheme, "other")
    with pytest.raises(NotSent, match="its certificate is not trusted"):
        send_message(a_mail(), server)
    assert (stranger.passwords, stranger.mails) == ([], [])
