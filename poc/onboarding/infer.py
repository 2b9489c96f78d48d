"""Infer a feed and a contract from a sample file: read its layout, guess each field, and try the proposal on it."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from poc.errors import BadInput
from poc.onboarding.fields import guess_field, is_identifier
from poc.onboarding.layout import TYPED, Guess, read_rows
from poc.onboarding.proposal import Proposal, feed_name
from poc.onboarding.sample_file import find_encoding, find_format, open_sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from poc.onboarding.layout import Choices, Layout
    from poc.onboarding.sample_file import SampleFile
    from poc.onboarding.sample_trial import TrialResult

#: Rows from which fields are guessed, unless somebody asks for others.
DEFAULT_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Inferred:
    """A proposal, the rows that it rests on, and what became of the sample under it."""

    proposal: Proposal
    rows: int
    is_whole: bool
    trial: TrialResult

    def as_dict(self) -> dict[str, Any]:
        """Return all for JSON."""
        proposal = self.proposal
        return {
            "feed": proposal.feed_id,
            "rows_read": self.rows,
            "whole_file": self.is_whole,
            "guesses": [guess.as_dict() for guess in proposal.guesses],
            "feed_toml": proposal.feed_text(),
            "contract_name": proposal.contract,
            "contract": proposal.schema(),
            "trial": self.trial.as_dict(),
        }


def infer(
    path: Path,
    choices: Choices,
    now: datetime,
    rows: int = DEFAULT_ROWS,
    feed_id: str = "",
    name_contract: Callable[[str], str] = "{}.schema.json".format,
) -> Inferred:
    """Return the proposal for a sample, after its trial on the whole file.

    Args:
        path: the sample.
        choices: what a person said about it.
        now: the time of the trial.
        rows: the most rows from which fields are guessed.
        feed_id: the name of the feed; by default, that of the file.
        name_contract: returns the name of the contract's file for the name of the feed.

    Raises:
        BadInput: the sample cannot be read, or leaves open what must be known to read it.
    """
    from poc.onboarding.sample_trial import settle

    sample = open_sample(path)
    layout = find_layout(sample, choices)
    table = read_rows(with_compression(layout, sample), path, rows)
    is_json = layout.format in {"json", "jsonl"}
    if table.unreadable:
        doubt = f"{table.unreadable:,} row(s) cannot be read; {table.first_fault}"
        guess = Guess("unreadable rows", "left out", table.frame.height, (doubt,))
        layout = replace(layout, guesses=(*layout.guesses, guess))
    fields = tuple(
        guess_field(
            name, table.frame.get_column(name), choices, is_json=is_json,
            is_text=layout.format in TYPED and name in layout.texts,
        )
        for name in layout.names
    )  # fmt: skip
    keys = [field.field["name"] for field in fields if field.may_be_key]
    keys.sort(key=lambda name: not is_identifier(name))
    feed_id = feed_id or feed_name(sample.inner_name)
    proposal = Proposal(
        feed_id, name_contract(feed_id), sample.pattern, sample.compression, layout, fields,
        () if exploded(layout) else tuple(keys[:1]),
    )  # fmt: skip
    proposal, trial = settle(proposal, path, now)
    return Inferred(proposal, table.frame.height, table.is_whole, trial)


def exploded(layout: Layout) -> bool:
    """Return whether a record may be several rows, so that its identifier is no key of a row."""
    return bool(layout.settings.get("json", {}).get("explode"))


def with_compression(layout: Layout, sample: SampleFile) -> Layout:
    """Return a layout whose feed reads the sample as it is compressed."""
    if sample.compression == "none":
        return layout
    return replace(layout, settings={**layout.settings, "compression": sample.compression})


def find_layout(sample: SampleFile, choices: Choices) -> Layout:
    """Return the layout of a sample. Raises BadInput where it is left open."""
    format_name = choices.format or find_format(sample)
    if format_name in {"xlsx", "parquet"} and sample.compression != "none":
        raise BadInput(f"{sample.path}: a compressed {format_name} file is not looked into; unpack it for the proposal")
    if format_name == "xlsx":
        from poc.onboarding.layouts.cell_layout import excel_layout

        return excel_layout(sample, choices)
    if format_name == "parquet":
        from poc.onboarding.layouts.cell_layout import parquet_layout

        return parquet_layout(sample.path)
    if format_name == "xml":
        from poc.onboarding.layouts.xml_layout import xml_layout

        return xml_layout(sample, choices)
    if format_name in {"json", "jsonl"}:
        from poc.onboarding.layouts.json_layout import json_layout

        return json_layout(sample, format_name, choices)
    return text_layout(sample, format_name, choices)


def text_layout(sample: SampleFile, format_name: str, choices: Choices) -> Layout:
    """Return the layout of a text: with delimiters, or with columns of fixed width where there are none."""
    from poc.onboarding.layouts.csv_layout import csv_layout, find_delimiter
    from poc.onboarding.layouts.fixed_layout import fixed_layout, looks_fixed

    if choices.encoding:
        encoding, reason, doubts = choices.encoding, "as you said", tuple[str, ...]()
        try:
            codecs.lookup(encoding)
        except LookupError as error:
            raise BadInput(
                f"the encoding {encoding!r} is not known; see Python's list of standard encodings"
            ) from error
    else:
        encoding, reason, doubts = find_encoding(sample)
    text = sample.head.decode(encoding, "replace").removeprefix("\ufeff")
    rows = text.count("\n")
    guess = Guess("encoding", encoding, rows, doubts or ((reason,) if reason.startswith("only") else ()))
    if format_name == "fixed":
        return fixed_layout(text, guess, is_whole=sample.is_whole)
    if not choices.format and not choices.delimiter and looks_fixed(text) and find_delimiter(text, "")[1] == 1:
        return fixed_layout(text, guess, is_whole=sample.is_whole)
    return csv_layout(text, guess, choices, is_whole=sample.is_whole)
