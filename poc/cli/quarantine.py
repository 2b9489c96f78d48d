"""`milepost quarantine`: list, show, export, replay or discard quarantined rows."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from poc.cli.console import AS_JSON, EXCHANGE, echo_json, escape_control_characters, exclusive_ledger, naming_file

if TYPE_CHECKING:
    from poc.cli.console import CliContext


@click.group()
def quarantine() -> None:
    """Rows that were set aside: show, mend, replay or discard them.

    EXCHANGE is the beginning of an exchange's id, as `milepost quarantine ls` shows it.
    """


@quarantine.command("ls")
@click.argument("feed", metavar="[PARTNER[/FEED]]", required=False)
@AS_JSON
@click.pass_obj
def list_rows(front: CliContext, feed: str | None, as_json: bool) -> None:
    """List the exchanges that have rows in quarantine."""
    from poc.ledger.ledger import open_ledger
    from poc.ledger.queries import quarantined_exchanges

    with closing(open_ledger(front.workspace.ledger)) as ledger:
        found = quarantined_exchanges(ledger)
    if feed is not None:  # rows stay there, and are found, when their feed is taken out of the configuration
        found = [row for row in found if feed in {row["partner"], f"{row['partner']}/{row['feed']}"}]
        if not found:
            front.workspace.select_feeds(feed)
    if as_json:
        echo_json(found)
        return
    for row in found:
        head = f"{row['id'][:12]}  {row['partner']}/{row['feed']}"
        click.echo(f"{head}  {escape_control_characters(row['file'])}: {row['rows']:,} row(s)")
    if not found:
        click.echo("Nothing is in quarantine.")


@quarantine.command()
@EXCHANGE
@click.option(
    "--rows", type=click.IntRange(min=1), default=20, show_default=True, help="How many rows to show at the most."
)
@AS_JSON
@click.pass_obj
def show(front: CliContext, exchange: str, rows: int, as_json: bool) -> None:
    """Show the rows of an exchange as they came, and what is wrong with each."""
    from dataclasses import asdict
    from itertools import islice

    from poc.ledger.ledger import find_by_prefix, open_ledger
    from poc.quarantine.store import QuarantineStore

    with closing(open_ledger(front.workspace.ledger)) as ledger:
        entry = find_by_prefix(ledger, exchange)
        every = QuarantineStore(ledger, entry).rows()
        kept = list(islice(every, rows))
        more = sum(1 for _ in every)
    if as_json:
        texts = [{"original": row.original.decode("utf-8", "backslashreplace"), "state": row.state} for row in kept]
        told = [[asdict(finding) for finding in row.findings] for row in kept]
        echo_json([{"row": row.row, **text, "findings": f} for row, text, f in zip(kept, texts, told, strict=True)])
        return
    click.echo(
        f"{entry.partner}/{entry.feed} {escape_control_characters(entry.file)}: {len(kept) + more:,} row(s) set aside"
    )
    for row in kept:
        original = escape_control_characters(row.original.decode("utf-8", "backslashreplace"))
        click.echo(f"row {row.row} ({row.state}): {original}")
        for found in row.findings:
            click.echo(escape_control_characters(f"  {found.text()}"))
        if row.why:
            click.echo(escape_control_characters(f"  {row.state}: {row.why}"))
    if more:
        click.echo(f"... {more:,} more; --rows shows more of them")


@quarantine.command()
@EXCHANGE
@click.option("--out", type=click.Path(path_type=Path), help="Where to; standard output unless given.")
@click.pass_obj
def export(front: CliContext, exchange: str, out: Path | None) -> None:
    """Write the rows held of an exchange as text to be edited, each after a line that says what is wrong with it.

    Rows stand as they came, in the encoding of their feed: edit and save them in that one.
    """
    from poc.errors import BadInput
    from poc.ledger.ledger import find_by_prefix, open_ledger
    from poc.quarantine.export import export as exported
    from poc.quarantine.store import QuarantineStore

    with closing(open_ledger(front.workspace.ledger)) as ledger:
        entry = find_by_prefix(ledger, exchange)
        pieces = exported(entry, (row for row in QuarantineStore(ledger, entry).rows() if row.state == "held"))
        if out is None:
            sys.stdout.buffer.writelines(pieces)
            sys.stdout.buffer.flush()
            return
        if out.exists():
            raise BadInput(f"{out}: is there already, and may hold what you mended; choose another name")
        count, aside = 0, out.parent / f"{out.name}.part"
        with naming_file(out):
            try:
                with aside.open("wb") as file:
                    for count, piece in enumerate(pieces, 1):  # noqa: B007 - told below
                        file.write(piece)
                aside.rename(out)
            finally:
                aside.unlink(missing_ok=True)
    click.echo(f"{count:,} row(s) in {out}; mend them there, then: milepost quarantine replay {exchange} --from {out}")


@quarantine.command()
@EXCHANGE
@click.option(
    "--from", "mended", type=click.Path(path_type=Path), help="The edited export; without it, the rows as they came."
)
@AS_JSON
@click.pass_context
def replay(context: click.Context, exchange: str, mended: Path | None, as_json: bool) -> None:
    """Check rows once more, as edited or under the contract as it is now, and send those that are good.

    A row that was replayed has left quarantine: replaying it again is refused, so that nothing is sent twice.
    Into a partner's folder they go at once, as a file of their own. Exit codes: 0 all good and sent; 3 some are still
    bad and stay; 4 they are good, and their delivery is due later.
    """
    from datetime import UTC, datetime

    from metrics.events import SpoolRecorder
    from poc.errors import BadInput
    from poc.ledger.ledger import find_by_prefix
    from poc.pipeline.capabilities import resolve_level
    from poc.pipeline.prepared_feed import prepare_feed
    from poc.quarantine.export import read_export
    from poc.quarantine.replay import find_archived_file, replay
    from poc.service.runner import Runner
    from poc.transports.http import new_session

    front: CliContext = context.obj
    workspace = front.workspace
    with exclusive_ledger(front) as ledger, new_session() as session:
        entry = find_by_prefix(ledger, exchange)
        edits = None
        if mended is not None:
            with naming_file(mended):
                text = mended.read_bytes()
            try:
                edits = read_export(text, entry)
            except BadInput as error:
                raise BadInput(f"{mended}: {error}") from error
        ready = prepare_feed(workspace, entry.partner, entry.feed, resolve_level(workspace.settings.level), session)
        done = replay(ready, entry, find_archived_file(workspace, entry), edits, ledger, datetime.now(UTC))
        ended = "nothing to send"
        if done.replayed_rows and ready.folder is not None:
            ended = "done"
        elif done.replayed_rows:
            with closing(SpoolRecorder(workspace.spool)) as recorder:
                runner = Runner(ready, ledger, lambda: datetime.now(UTC), recorder, front.release)
                ended = runner.resume(find_by_prefix(ledger, entry.exchange_id)).outcome
    if as_json:
        bad = [{"row": one.row, "notes": [f.note for f in one.findings]} for one in done.still_rejected]
        echo_json(
            {"exchange_id": entry.exchange_id, "replayed": list(done.replayed_rows), "still_bad": bad, "outcome": ended}
        )
    else:
        click.echo(f"{len(done.replayed_rows)} row(s) replayed: {ended}; {len(done.still_rejected)} still bad.")
        for one in done.still_rejected:
            notes = "; ".join(f.text() for f in one.findings)
            click.echo(escape_control_characters(f"  row {one.row}: {notes}"))
    context.exit(3 if done.still_rejected else 4 if ended in {"due", "failed", "ambiguous"} else 0)


@quarantine.command()
@EXCHANGE
@click.option("--row", "rows", type=int, multiple=True, help="Which row; all that are held unless given.")
@click.option("--why", required=True, help="The reason, for whoever asks later.")
@click.pass_obj
def discard(front: CliContext, exchange: str, rows: tuple[int, ...], why: str) -> None:
    """Give rows up. They stay in the account as quarantined, with the reason, and are not offered again."""
    from poc.errors import BadInput
    from poc.ledger.ledger import find_by_prefix
    from poc.quarantine.store import QuarantineStore

    with exclusive_ledger(front) as ledger:
        entry = find_by_prefix(ledger, exchange)
        stored = QuarantineStore(ledger, entry)
        held = [row.row for row in stored.rows() if row.state == "held"]
        for row in rows:
            if row not in held:
                raise BadInput(f"row {row} of exchange {entry.exchange_id} is not held; held are {held[:10] or 'none'}")
        chosen = rows or held
        stored.discard(chosen, why)
        ledger.commit()
    click.echo(f"{len(chosen)} row(s) discarded: {why}")
