"""`milepost contract infer`: propose a feed and a contract from a sample file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, echo_json
from poc.cli.onboarding.sample_options import choices_of, sample_options
from poc.cli.run import outcome_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.onboarding.infer import Inferred
    from poc.onboarding.sample_trial import TrialResult


@click.group()
def contract() -> None:
    """Propose a contract and a feed for files of a new partner."""


@contract.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--feed", default="", help="The name of the feed; by default by that of the file.")
@click.option("--to", type=click.Path(path_type=Path), help="Write FEED.toml and FEED.schema.json into this folder.")
@sample_options
@AS_JSON
@click.pass_context
def infer(ctx: click.Context, /, file: Path, feed: str, to: Path | None, as_json: bool, **options: Any) -> None:
    """Propose a feed and a Table Schema for files like FILE, and try them on it.

    Each guess says on how many rows it rests; a line with `?` is in doubt, and for you to decide. What has more than
    one reading, such as 03/04/2026 or 1,234, stays text until you say which one is meant. Nothing is written without
    `--to`, and no file is overwritten.

    Exit codes: 0 the proposal accepts every row of the file; 2 the file cannot be read, or leaves open how; 3 some rows
    would be quarantined, or the file refused.
    """
    from datetime import UTC, datetime

    from metrics.process_end import cleaning_up_on_terminate
    from poc.onboarding.infer import DEFAULT_ROWS
    from poc.onboarding.infer import infer as infer_sample

    check_name(feed)
    with cleaning_up_on_terminate():
        result = infer_sample(
            file, choices_of(options), datetime.now(UTC), options["rows"] or DEFAULT_ROWS, feed_id=feed
        )
    proposal = result.proposal
    texts = {f"{proposal.feed_id}.toml": proposal.feed_text(), proposal.contract: proposal.schema_text()}
    written = [] if to is None else write_new(to, texts)
    if as_json:
        echo_json({"file": str(file), **result.as_dict(), "written": list(map(str, written))})
    else:
        for line in report_lines(file, result):
            print_line(line)
        if to is None:
            for name, text in texts.items():
                print_line(f"--- {name}")
                for line in text.splitlines():
                    print_line(line)
        else:
            print_line(f"Written: {', '.join(map(str, written))}")
    ctx.exit(0 if result.trial.is_accepted else 3)


def check_name(feed: str) -> None:
    """Check the name of a feed. Raises BadInput."""
    import re

    from poc.errors import BadInput

    if feed and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", feed):
        raise BadInput(f"{feed!r} cannot be the name of a feed; use letters, digits, `-`, `_` and `.`")


def write_new(folder: Path, texts: dict[str, str]) -> list[Path]:
    """Write files into a folder, none over another. Raises BadInput."""
    from poc.cli.console import naming_file
    from poc.errors import BadInput

    paths = [folder / name for name in texts]
    if there := next((path for path in paths if path.exists()), None):
        raise BadInput(f"{there}: is there already; nothing was written")
    with naming_file(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for path, text in zip(paths, texts.values(), strict=True):
        with naming_file(path), path.open("x", encoding="utf-8") as file:
            file.write(text)
    return paths


def report_lines(file: Path, result: Inferred) -> Iterator[str]:
    """Yield what was read, each guess with its rows and doubts, and the trial."""
    whole = "the whole file" if result.is_whole else "the first ones; more may be in the file"
    yield f"{file}: guessed from {result.rows:,} row(s), {whole}"
    guesses = result.proposal.guesses
    width = min(max(len(guess.about) for guess in guesses), 30)
    for guess in guesses:
        rows = "" if guess.rows == result.rows else f"  [{guess.rows:,} row(s)]"
        yield f"  {guess.about:<{width}}  {guess.text}{rows}"
        for doubt in guess.doubts:
            yield f"  {'':<{width}}  ? {doubt}"
    yield from trial_lines(result.trial)


def trial_lines(trial: TrialResult) -> Iterator[str]:
    """Yield what became of the sample under the proposal."""
    verb = "refused" if trial.outcome == "refused" else "would be delivered"
    yield f"Tried on the file: {outcome_line(verb, trial.rows)}"
    if trial.error:
        yield f"  {trial.error}"
    for finding in trial.findings[:5]:
        yield f"  {finding}"
