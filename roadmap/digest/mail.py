"""Build a digest as a mail, and hand it to an SMTP server."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from roadmap.digest.letter import Letter

#: Seconds after which a server that does not answer is given up.
TIMEOUT_S = 30.0

#: Hosts of this machine, to which credentials may go without TLS.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

#: Ports by the scheme of the address.
PORTS = {"smtp": 587, "smtps": 465}


class NotSent(Exception):
    """The server did not take the mail; the message says why, without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A mail server, and how to sign in to it."""

    scheme: str
    host: str
    port: int
    user: str
    password: str

    def __repr__(self) -> str:
        return f"Server({self.scheme}://{self.host}:{self.port})"


def parse_server(address: str) -> Server:
    """Parse `smtp://USER:PASSWORD@HOST:PORT` or `smtps://...`. Raises NotSent, whose message shows none of it."""
    try:
        parts = urlsplit(address.strip())
        port, host = parts.port, parts.hostname
    except ValueError:
        port, host = None, None
        parts = urlsplit("")
    if parts.scheme not in PORTS or not host:
        raise NotSent("its secret is no smtp://HOST:PORT or smtps://HOST:PORT")
    return Server(
        scheme=parts.scheme,
        host=host,
        port=port or PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def build_message(
    letter: Letter, number: str, sender: str, to: Sequence[str], at: datetime, pdf: bytes | None
) -> EmailMessage:
    """Return the mail: plain text, the same as HTML, and the report as PDF; `number` is its id for each attempt."""
    message = EmailMessage()
    message["Subject"] = letter.subject
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{number}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    if pdf is not None:
        message.add_attachment(pdf, maintype="application", subtype="pdf", filename="report.pdf")
    return message


def send_message(message: EmailMessage, server: Server, timeout_s: float = TIMEOUT_S) -> dict[str, str]:
    """Hand a mail to a server; return the addresses that it refused, each with its answer.

    Raises:
        NotSent: no address was accepted, or the server cannot be reached, trusted or signed in to.
    """
    tls = ssl.create_default_context()
    try:
        with _connect(server, tls, timeout_s) as client:
            if server.scheme == "smtp" and client.has_extn("starttls"):
                client.starttls(context=tls)
                client.ehlo()
            elif server.scheme == "smtp" and server.user and server.host not in LOOPBACK:
                raise NotSent(f"{server.host} offers no TLS, and the password is not sent without it; use smtps://")
            if server.user:
                client.login(server.user, server.password)
            refused = client.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        raise NotSent(f"{server.host} refused every address: {_answers(error.recipients)}") from error
    except smtplib.SMTPAuthenticationError as error:
        raise NotSent(f"{server.host} refused the user name or password ({error.smtp_code})") from error
    except smtplib.SMTPResponseException as error:
        raise NotSent(f"{server.host} answered {error.smtp_code}: {_decoded(error.smtp_error)}") from error
    except UnicodeError as error:  # its message shows a character of the password
        raise NotSent(
            "the host, the user name or the password in its secret has a character that cannot be sent; all three are "
            "plain ASCII"
        ) from error
    except ssl.SSLError as error:
        raise NotSent(f"{server.host}: its certificate is not trusted, or TLS failed") from error
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(f"{server.host}:{server.port} cannot be reached: {type(error).__name__}") from error
    return {address: f"{code}: {_decoded(text)}" for address, (code, text) in refused.items()}


def _connect(server: Server, tls: ssl.SSLContext, timeout_s: float) -> smtplib.SMTP:
    if server.scheme == "smtps":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=timeout_s, context=tls)
    client = smtplib.SMTP(server.host, server.port, timeout=timeout_s)
    client.ehlo()
    return client


def _answers(recipients: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{address} {code}: {_decoded(text)}" for address, (code, text) in recipients.items())[:300]


def _decoded(text: bytes | str) -> str:
    shown = text.decode(errors="replace") if isinstance(text, bytes) else text
    return " ".join(shown.split())[:200]
