"""`milepost partner add`: write the files of a new partner, by flags, or by asking on a terminal."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, echo_json
from poc.cli.onboarding.contract import check_name, report_lines
from poc.cli.onboarding.sample_options import choices_of, sample_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.cli.console import CliContext
    from poc.onboarding.infer import Inferred
    from poc.onboarding.layout import Choices


@click.command("add")
@click.argument("partner", metavar="ID")
@click.option("--name", default="", help="The partner's name for people.")
@click.option("--from-file", "sample", type=click.Path(path_type=Path), help="A sample of the files to exchange.")
@click.option("--contract", "contract_name", default="", help="Instead of a sample: a contract that is there.")
@click.option("--feed", default="", help="The name of the feed; by default by that of the sample.")
@click.option("--url", default="", help="Where the partner takes deliveries: an address.")
@click.option("--folder", default="", help="Where the partner takes deliveries: an existing folder.")
@click.option("--honours-keys", is_flag=True, help="The partner recognises a repeated Idempotency-Key.")
@click.option("--pickup", default="", help="The address from which files are fetched, such as sftp://HOST/FOLDER.")
@click.option("--intake", is_flag=True, help="The partner hands its files in by POST /in/ID/FEED.")
@click.option(
    "--receipts", is_flag=True, help="The partner gets a receipt of each file, signed by secrets/ID.receipts."
)
@click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="A further setting, such as pickup.user=acme, endpoint.oauth2.client_id=acme or feed.settle_s=0; also of the "
    "tables receipts and intake. May be repeated.",
)
@sample_options
@AS_JSON
@click.pass_context
def add(ctx: click.Context, /, partner: str, as_json: bool, **options: Any) -> None:
    """Write the files of a new partner: partners/ID.toml, and the contract of its feed.

    With `--from-file`, feed and contract are proposed from a sample, as by `milepost contract infer`. On a terminal,
    what is not given is asked. Nothing is overwritten, and nothing is written where a setting is wrong.

    Exit codes: 0 the partner is ready; 2 nothing was written; 3 the files are written, and something that they name is
    missing, such as a secret, or the sample has rows that would be quarantined.
    """
    from poc.errors import BadInput
    from poc.onboarding import partner_files

    context: CliContext = ctx.obj
    root = context.workspace.root
    path = partner_files.check_new(root, partner)
    check_name(options["feed"])
    is_asking = sys.stdin.isatty() and not as_json
    if is_asking:
        ask(partner, options)
    sample, contract_name = options["sample"], options["contract_name"]
    if (sample is None) == (not contract_name):
        raise BadInput("give a sample by --from-file, or a contract that is there by --contract")
    endpoint = partner_files.endpoint_settings(
        root, partner, options["url"], options["folder"], partner_files.parse_settings(options["pairs"], "endpoint"),
        honours_keys=options["honours_keys"],
    )  # fmt: skip
    more = partner_files.parse_settings(options["pairs"], "feed")
    if options["pickup"]:
        of_pickup = partner_files.parse_settings(options["pairs"], "pickup")
        more["pickup"] = partner_files.place_settings(partner, options["pickup"], of_pickup)
    inferred: Inferred | None = None
    schema_text, feed = "", options["feed"]
    if sample is None:
        feed = feed or contract_name.partition(".")[0]
        feed_text = partner_files.contract_feed(root, contract_name, feed, more)
    else:
        inferred = infer_for(root, partner, sample, options, is_asking=is_asking)
        proposal = inferred.proposal
        feed, contract_name, schema_text = proposal.feed_id, proposal.contract, proposal.schema_text()
        feed_text = proposal.feed_text(more)
    tables = partner_files.partner_tables(
        partner, options["pairs"], receipts=options["receipts"], intake=options["intake"]
    )
    new = partner_files.NewPartner(partner, options["name"] or partner, endpoint, tables, feed_text)
    partner_files.check_partner(path, new.text())
    if inferred is not None and not as_json:
        for line in report_lines(sample, inferred):
            print_line(line)
    if is_asking and not click.confirm(f"Write {path}?", default=True):
        raise click.Abort
    contract_path = None if inferred is None else root / "contracts" / contract_name
    partner_files.write_files(path, new.text(), contract_path, schema_text)
    context.workspace.inbox(partner, feed).mkdir(parents=True, exist_ok=True)
    problems = problems_of(root, path, contract_path)
    has_place = bool(options["pickup"] or (options["url"] and not options["url"].startswith("http")))
    written = [str(each) for each in (path, contract_path) if each is not None]
    if as_json:
        trial = None if inferred is None else inferred.as_dict()
        echo_json({"partner": partner, "feed": feed, "written": written, "problems": problems, "sample": trial})
    else:
        for line in done_lines(root, f"{partner}/{feed}", written, problems, sample, has_place=has_place):
            print_line(line)
    ctx.exit(3 if problems or (inferred is not None and not inferred.trial.is_accepted) else 0)


def ask(partner: str, options: dict[str, Any]) -> None:
    """Ask for what is not given."""
    options["name"] = options["name"] or click.prompt("The partner's name for people", default=partner)
    if options["sample"] is None and not options["contract_name"]:
        options["sample"] = Path(click.prompt("A sample of the files to exchange")).expanduser()
    if not options["url"] and not options["folder"]:
        place = click.prompt("Where the partner takes deliveries: an address, or a folder")
        options["url" if "://" in place else "folder"] = place
        if place.startswith("http"):
            question = "Does the partner recognise a repeated Idempotency-Key?"
            options["honours_keys"] = click.confirm(question, default=options["honours_keys"])
    if not options["pickup"]:
        question = "The address from which files are fetched; empty where they are put into the inbox"
        options["pickup"] = click.prompt(question, default="", show_default=False)


def infer_for(root: Path, partner: str, sample: Path, options: dict[str, Any], *, is_asking: bool) -> Inferred:
    """Return the proposal for a sample; on a terminal, what has two readings is asked. Raises BadInput."""
    from datetime import UTC, datetime

    from metrics.process_end import cleaning_up_on_terminate
    from poc.onboarding.infer import DEFAULT_ROWS, infer
    from poc.onboarding.partner_files import free_contract_name, open_questions

    choices = choices_of(options)
    rows = options["rows"] or DEFAULT_ROWS

    def propose(choices: Choices) -> Inferred:
        with cleaning_up_on_terminate():
            return infer(
                sample, choices, datetime.now(UTC), rows, options["feed"],
                name_contract=lambda feed: free_contract_name(root, partner, feed),
            )  # fmt: skip

    result = propose(choices)
    doubts = [doubt for guess in result.proposal.guesses for doubt in guess.doubts]
    questions: dict[str, Callable[[Choices], Choices]] = {
        "dates": lambda known: replace(
            known, dates=click.prompt("Dates", type=click.Choice(["day-first", "month-first"]))
        ),
        "decimal": lambda known: replace(known, decimal=click.prompt("Decimal mark", type=click.Choice([".", ","]))),
    }
    names = open_questions(doubts) if is_asking else []
    for name in names:
        for doubt in doubts:
            if f"--{name} " in doubt:
                print_line(f"? {doubt}")
        choices = questions[name](choices)
    return propose(choices) if names else result


def problems_of(root: Path, path: Path, contract: Path | None) -> list[str]:
    """Return the problems of the workspace that are those of the new files."""
    from poc.validation.workspace_problems import find_problems

    names = [str(each) for each in (path, contract) if each is not None]
    return [problem for problem in find_problems(root, os.environ) if any(name in problem for name in names)]


def done_lines(
    root: Path, feed: str, written: list[str], problems: list[str], sample: Path | None, *, has_place: bool
) -> list[str]:
    """Return what was written, what is still missing, and what to do next."""
    lines = [f"Written: {', '.join(written)}"]
    if problems:
        lines += ["Still missing:", *(f"  {problem}" for problem in problems)]
    lines.append("Next:")
    if sample is not None:
        lines.append(f"  milepost -w {root} try {feed} {sample}")
    if has_place:
        lines.append(f"  milepost -w {root} places check {feed.partition('/')[0]}")
    lines.append(f"  milepost -w {root} validate --online")
    lines.append(f"  milepost -w {root} run {feed}   # files arrive in var/inbox/{feed}")
    return lines
