"""`milepost quarantine`: list, show, export, replay or discard quarantined rows."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, EXCHANGE, echo_json, naming_file, print_done

if TYPE_CHECKING:
    from poc.cli.console import CliContext


@click.group()
def quarantine() -> None:
    """Show, export, replay or discard quarantined rows.

    EXCHANGE is the beginning of an exchange's id, as `milepost quarantine ls` shows it, or the name of its file.
    """


@quarantine.command("ls")
@click.argument("feed", metavar="[PARTNER[/FEED]]", required=False)
@AS_JSON
@click.pass_obj
def list_rows(context: CliContext, feed: str | None, as_json: bool) -> None:
    """List the exchanges that have rows in quarantine."""
    from poc.ledger.opening import open_ledger
    from poc.ledger.queries import quarantined_exchanges

    with closing(open_ledger(context.workspace.ledger)) as ledger:
        exchanges = quarantined_exchanges(ledger)
    if feed is not None:  # rows stay in quarantine, and are listed, when their feed is no longer configured
        exchanges = [row for row in exchanges if feed in {row["partner"], f"{row['partner']}/{row['feed']}"}]
        if not exchanges:
            context.workspace.select_feeds(feed)
    if as_json:
        echo_json(exchanges)
        return
    for row in exchanges:
        head = f"{row['id'][:12]}  {row['partner']}/{row['feed']}"
        print_line(f"{head}  {row['file']}: {row['rows']:,} row(s)")
        if row["redelivery"]:
            print_line(f"  {row['redelivery']}")
    if not exchanges:
        print_line("No row is in quarantine.")


@quarantine.command()
@EXCHANGE
@click.option("--rows", type=click.IntRange(min=1), default=20, show_default=True, help="Most rows to show.")
@AS_JSON
@click.pass_obj
def show(context: CliContext, exchange: str, rows: int, as_json: bool) -> None:
    """Show the quarantined rows of an exchange as they came, each with its findings.

    The rows are read in the encoding of their feed; bytes that are not valid in it are shown as escapes.
    """
    from itertools import islice

    from poc.ledger.lookup import find_by_prefix
    from poc.ledger.opening import open_ledger
    from poc.ledger.queries import redelivery_notes
    from poc.quarantine.export_encoding import exchange_codec
    from poc.quarantine.store import QuarantineStore

    with closing(open_ledger(context.workspace.ledger)) as ledger:
        entry = find_by_prefix(ledger, exchange)
        all_rows = QuarantineStore(ledger, entry).rows()
        shown = list(islice(all_rows, rows))
        more = sum(1 for _ in all_rows)
        note = redelivery_notes(ledger).get(entry.exchange_id, "")
        codec = exchange_codec(context.workspace, entry) if shown else "utf-8"
    texts = [row.original.decode(codec, "backslashreplace") for row in shown]
    if as_json:
        echo_json(
            [
                {"row": row.row, "original": text, "state": row.state, "findings": [f._asdict() for f in row.findings]}
                for row, text in zip(shown, texts, strict=True)
            ]
        )
        return
    print_line(f"{entry.partner}/{entry.feed} {entry.file}: {len(shown) + more:,} quarantined row(s)")
    if note:
        print_line(note)
    for row, text in zip(shown, texts, strict=True):
        print_line(f"row {row.row} ({row.state}): {text}")
        for finding in row.findings:
            print_line(f"  {finding.text()}")
        if row.why:
            print_line(f"  {row.state}: {row.why}")
    if more:
        print_line(f"... {more:,} more; --rows sets how many are shown")


@quarantine.command()
@EXCHANGE
@click.option("--out", type=click.Path(path_type=Path), help="The file to write; standard output by default.")
@click.option("--json", "as_json", is_flag=True, help="With --out: print what was written as JSON.")
@click.pass_obj
def export(context: CliContext, exchange: str, out: Path | None, as_json: bool) -> None:
    """Write the held rows of an exchange as text to edit, each after a line with its findings.

    The rows are as they came, byte for byte, and the whole text is in the encoding of their feed: edit and save it in
    that encoding, with a text editor. One that was saved as UTF-8 is converted back, if it has lost nothing. A
    spreadsheet would change them, and might run a cell that begins with `=` as a formula.
    """
    from poc.errors import BadInput
    from poc.ledger.lookup import find_by_prefix
    from poc.ledger.opening import open_ledger
    from poc.quarantine.export import export_rows
    from poc.quarantine.export_encoding import exchange_codec
    from poc.quarantine.store import QuarantineStore

    if as_json and out is None:
        raise click.UsageError("--json goes with --out; without it, the rows are printed as they came")
    with closing(open_ledger(context.workspace.ledger)) as ledger:
        entry = find_by_prefix(ledger, exchange)
        held = (row for row in QuarantineStore(ledger, entry).rows() if row.state == "held")
        exported = export_rows(entry, held, exchange_codec(context.workspace, entry))
        if out is None:
            sys.stdout.buffer.writelines(exported)
            sys.stdout.buffer.flush()
            return
        if out.exists():
            raise BadInput(f"{out}: exists already and may hold your edits; choose another name")
        count, part = 0, out.parent / f"{out.name}.part"
        with naming_file(out):
            try:
                with part.open("wb") as file:
                    for count, row in enumerate(exported, 1):  # noqa: B007 - printed below
                        file.write(row)
                part.rename(out)
            finally:
                part.unlink(missing_ok=True)
    if as_json:
        echo_json({"exchange_id": entry.exchange_id, "file": entry.file, "rows": count, "out": str(out)})
        return
    print_line(f"{count:,} row(s) in {out}; edit them, then: milepost quarantine replay {exchange} --from {out}")


@quarantine.command()
@EXCHANGE
@click.option(
    "--from", "edited", type=click.Path(path_type=Path), help="The edited export; by default the rows as they came."
)
@AS_JSON
@click.pass_context
def replay(ctx: click.Context, exchange: str, edited: Path | None, as_json: bool) -> None:
    """Check quarantined rows again, as edited or under the current contract, and send the valid ones.

    A replayed row has left quarantine: it cannot be replayed again, so that no row is sent twice. Rows for a partner's
    folder are written at once, as a file of their own. Exit codes: 0 all valid and sent; 3 some are still rejected and
    stay; 4 all valid, and their delivery is due later.
    """
    from poc.cli.operations.repair import edits_of_export, replay_rows

    edit = None
    if edited is not None:
        with naming_file(edited):
            edit = edits_of_export(edited.read_bytes(), str(edited))
    done = replay_rows(ctx.obj, exchange, edit)
    print_done(done, as_json=as_json)
    ctx.exit(3 if done.values["still_bad"] else 4 if done.values["outcome"] in {"due", "failed", "ambiguous"} else 0)


@quarantine.command()
@EXCHANGE
@click.option("--row", "rows", type=int, multiple=True, help="A row to discard; all held rows by default.")
@click.option("--why", required=True, help="The reason, kept with the rows.")
@AS_JSON
@click.pass_obj
def discard(context: CliContext, exchange: str, rows: tuple[int, ...], why: str, as_json: bool) -> None:
    """Give rows up. They stay in the account as quarantined, with the reason, and cannot be replayed."""
    from poc.cli.operations.repair import discard_rows

    print_done(discard_rows(context, exchange, rows, why), as_json=as_json)
