"""Validation of a workspace: all mistakes in its files, not only the first."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from poc.config import workspace
from poc.contract import contract
from poc.errors import BadInput
from poc.mapping.look_ups import read_look_up_files
from poc.pipeline.capabilities import resolve_level
from poc.stages.map import Map

if TYPE_CHECKING:
    from pathlib import Path


def find_problems(root: Path) -> list[str]:
    """Return one line per file with a mistake, each with the file's name; empty where all files are in order.

    Raises:
        BadInput: the folder is not a workspace.
    """
    problems: list[str] = []
    try:
        resolve_level(workspace.load_settings(root).level)
    except BadInput as error:
        if not (root / "milepost.toml").is_file():
            raise
        problems.append(str(error))
    for path in workspace.partner_files(root):
        try:
            partner = workspace.load_partner(root, path)
            for feed_id, feed in partner.feed.items():
                try:
                    checked = contract.load_contract(root / "contracts" / feed.contract)
                    Map(feed.map, checked, read_look_up_files(feed.map, root))
                except BadInput as error:
                    problems.append(f"{path}: feed.{feed_id}: {error}")
        except BadInput as error:
            problems.append(str(error))
    return problems


def find_notes(root: Path) -> list[str]:
    """Return what is valid in contracts and maps and may mean something else than its author expects, one line each."""
    notes: dict[str, None] = {}
    for path in workspace.partner_files(root):
        with suppress(BadInput):  # find_problems reports it
            for feed_id, feed in workspace.load_partner(root, path).feed.items():
                notes |= dict.fromkeys(f"{path}: feed.{feed_id}: {field.note}" for field in feed.map if field.note)
                contract_path = root / "contracts" / feed.contract
                notes |= dict.fromkeys(
                    f"{contract_path}: {note}" for note in contract.load_contract(contract_path).notes
                )
    return list(notes)
