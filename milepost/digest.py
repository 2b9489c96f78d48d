"""`milepost digest`, and the job that mails the digest of the milestones: weekly, at least once, with a stable id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line, print_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlite_utils import Database

    from milepost.context import WorkspaceContext
    from poc.config.settings.digest import DigestSettings
    from roadmap.digest.letter import Letter
    from roadmap.digest.standing import Standings

#: Where there are no settings.
NOT_SET = (
    "milepost.toml has no [digest]; it says who gets the digest, and from which server (docs: how-to/send-the-digest)"
)


@click.group()
def digest() -> None:
    """Show the digest of the milestones, or send it by mail."""


@digest.command()
@click.option("--html", is_flag=True, help="Print it as HTML.")
@click.option("--json", "as_json", is_flag=True, help="Print subject, text and HTML as JSON.")
@click.pass_obj
def show(context: WorkspaceContext, html: bool, as_json: bool) -> None:
    """Show the digest as it would be now; nothing is sent or recorded of it."""
    import json
    import os
    from dataclasses import asdict
    from datetime import UTC, datetime

    letter, _, _ = compose(context, datetime.now(UTC), os.environ, with_pdf=False)
    if as_json:
        print_text(json.dumps(asdict(letter), indent=2))
    elif html:
        print_text(letter.html)
    else:
        print_line(letter.subject)
        print_text(f"\n{letter.text.rstrip()}")


@digest.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def send(click_context: click.Context, as_json: bool) -> None:
    """Send the digest now; the next one says what has changed since.

    Exit codes: 0 sent; 75 the server did not take it, and `milepost serve` tries again.
    """
    import json
    import os
    from datetime import UTC, datetime

    from milepost.errors import BUSY, CommandError
    from roadmap.digest.store import open_digests

    context: WorkspaceContext = click_context.obj
    settings, now = context.workspace.settings.digest, datetime.now(UTC)
    if settings is None:
        raise CommandError(NOT_SET)
    record(context, now, os.environ)
    db = open_digests(context.store, context.clock)
    try:
        problems = send_due(context, settings, db, now, os.environ)
    finally:
        db.close()
    for problem in problems:
        print_line(f"milepost: {problem}", err=True)
    if as_json:
        print_text(json.dumps({"sent": not problems, "to": list(settings.to), "problems": problems}, indent=2))
    elif not problems:
        print_line(f"The digest was sent to {', '.join(settings.to)}.")
    click_context.exit(BUSY if problems else 0)


def make_digest_job(
    context: WorkspaceContext, settings: Callable[[], DigestSettings | None], report: Callable[[str], None]
) -> Callable[[], None]:
    """Return the job of a running service that mails the digest; `settings` are those of the moment."""
    import os
    from datetime import UTC, datetime

    def mail_digest() -> None:
        for problem in digest_turn(context, settings(), datetime.now(UTC), os.environ):
            report(f"{problem}; see `milepost status`")

    return mail_digest


def digest_turn(
    context: WorkspaceContext, settings: DigestSettings | None, now: datetime, environ: Mapping[str, str]
) -> list[str]:
    """Record a digest where one is due, try to send what waits, and return what went wrong, a line each.

    The first turn only notes where the milestones stand, so that the first digest says what has changed. Without
    settings, nothing is looked at.
    """
    from contextlib import closing

    from milepost.digest_schedule import last_due
    from roadmap.digest.store import newest_digest, open_digests, record_baseline

    if settings is None:
        return []
    with closing(open_digests(context.store, context.clock)) as db:
        newest = newest_digest(db)
        if newest is not None and newest.made_at_us >= _to_us(last_due(settings, now)):
            return send_due(context, settings, db, now, environ)
    if newest is None:
        standing = _standing_now(context, now)
        with closing(open_digests(context.store, context.clock)) as db:
            record_baseline(db, standing, _to_us(now))
        return []
    record(context, now, environ)
    with closing(open_digests(context.store, context.clock)) as db:
        return send_due(context, settings, db, now, environ)


def record(context: WorkspaceContext, now: datetime, environ: Mapping[str, str]) -> None:
    """Compose a digest and record it, to be sent."""
    from contextlib import closing

    from roadmap.digest.store import open_digests, record_digest

    letter, standing, pdf = compose(context, now, environ, with_pdf=True)
    with closing(open_digests(context.store, context.clock)) as db:
        record_digest(db, standing, letter, pdf, _to_us(now))


def compose(
    context: WorkspaceContext, now: datetime, environ: Mapping[str, str], *, with_pdf: bool
) -> tuple[Letter, Standings, bytes | None]:
    """Return the digest of now, where the milestones stand, and the report as PDF where it can be made."""
    from poc.text import format_utc
    from roadmap.cli.session import open_session
    from roadmap.digest.changes import changes_between
    from roadmap.digest.letter import write_letter
    from roadmap.digest.standing import standings_of
    from roadmap.errors import Refused
    from roadmap.pdf import print_pdf
    from roadmap.report import full_report, one_page

    before, since = _last_sent(context)
    pdf, notes = None, []
    with open_session(context, _to_us(now)) as session:
        standing = standings_of(session.db, session.verdicts)
        changes = changes_between(before, standing, session.db, session.verdicts)
        judged = (session.db, session.plan, session.verdicts, session.today, context.clock)
        worth = full_report.gather(*judged, session.heading, context.built).worth if changes.changed else ()
        if with_pdf:
            try:
                page = full_report.to_html(one_page.gather(*judged, context.built), context.name)
                pdf = print_pdf(page, environ)
                notes.append("The report is attached.")
            except Refused as error:
                notes.append(f"The report is not attached: {error}.")
        heading = session.heading.replace("\n", " ")
    if url := context.workspace.settings.web.public_url:
        notes.append(f"More: {url.rstrip('/')}/milestones")
    shown = format_utc(since) if since else "the beginning"
    return write_letter(context.name, shown, heading, changes, worth, tuple(notes)), standing, pdf


def send_due(
    context: WorkspaceContext, settings: DigestSettings, db: Database, now: datetime, environ: Mapping[str, str]
) -> list[str]:
    """Try to send the digest that waits, if its attempt is due; return what went wrong, a line each."""
    from poc.errors import BadInput
    from poc.text import format_utc
    from poc.transports.secrets import resolve_secret
    from roadmap.digest.mail import NotSent, build_message, parse_server, send_message
    from roadmap.digest.store import claim_due, note_failed, note_sent

    waiting = claim_due(db, _to_us(now))
    if waiting is None:
        return []
    try:
        server = parse_server(resolve_secret(settings.smtp, environ, context.root).reveal())
        mail = build_message(
            waiting.letter, waiting.id, settings.sender, settings.to, _from_us(waiting.made_at_us), waiting.pdf
        )
        refused = send_message(mail, server)
    except (NotSent, BadInput) as error:
        next_us = note_failed(db, waiting, _to_us(now), str(error))
        return [f"the digest was not sent: {error}; the next attempt is at {format_utc(next_us)}"]
    text = "; ".join(f"{address} {answer}" for address, answer in refused.items())
    note_sent(db, waiting.id, _to_us(now), text)
    return [f"the digest was refused for: {text}"] if text else []


def _last_sent(context: WorkspaceContext) -> tuple[Standings, int | None]:
    """Return where the milestones stood in the last digest that was sent, and when that was."""
    from contextlib import closing

    from metrics.errors import StoreMissing
    from metrics.store.database import open_reader
    from roadmap.digest.store import newest_digest

    try:
        with closing(open_reader(context.store)) as db:
            last = newest_digest(db, "sent")
    except StoreMissing:
        last = None
    return (last.standing, last.made_at_us) if last else ({}, None)


def _standing_now(context: WorkspaceContext, now: datetime) -> Standings:
    from roadmap.cli.session import open_session
    from roadmap.digest.standing import standings_of

    with open_session(context, _to_us(now)) as session:
        return standings_of(session.db, session.verdicts)


def _to_us(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def _from_us(at_us: int) -> datetime:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_us / 1_000_000, UTC)
