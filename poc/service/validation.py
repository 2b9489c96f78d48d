"""Everything that is wrong with a workspace's files, not only what comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poc.config import workspace
from poc.contract import contract
from poc.errors import BadInput
from poc.pipeline.capabilities import resolve_level
from poc.stages.map import Map

if TYPE_CHECKING:
    from pathlib import Path


def find_problems(root: Path) -> list[str]:
    """One line a file that has a mistake, the file named in it; none where all is in order.

    Raises:
        BadInput: the folder is no workspace.
    """
    found: list[str] = []
    try:
        resolve_level(workspace.load_settings(root).level)
    except BadInput as error:
        if not (root / "milepost.toml").is_file():
            raise
        found.append(str(error))
    for path in workspace.partner_files(root):
        try:
            partner = workspace.load_partner(root, path)
            for feed_id, feed in partner.feed.items():
                try:
                    Map(feed.map, contract.load_contract(root / "contracts" / feed.contract))
                except BadInput as error:
                    found.append(f"{path}: feed.{feed_id}: {error}")
        except BadInput as error:
            found.append(str(error))
    return found
