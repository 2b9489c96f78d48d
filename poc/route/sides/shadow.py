"""The shadow: the service exchanges a file whole, in a ledger of its own, and keeps its requests instead of sending.

Nothing of it is in the ledger of the workspace, so that no file can count as delivered by it. It runs after the
monolith's command, and whatever goes wrong in it concerns the comparison alone.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from metrics.private_files import open_private
from poc.capture.bodies import SentBody
from poc.exchanges.exchange import exchange
from poc.ledger.opening import open_ledger
from poc.route.sides.handed_file import DIGITS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from poc.capture.bodies import BodyFormat
    from poc.config.workspace import Workspace
    from poc.exchanges.receipt import Receipt
    from poc.ledger.ledger import Ledger
    from poc.pipeline.prepared_feed import PreparedFeed

#: The id of every shadow ledger: no partner gets a key of it.
SHADOW_ID = "shadow"


@dataclass(slots=True)
class KeptRequests:
    """An endpoint that writes each request into a file and accepts it; a repeated one replaces itself."""

    folder: Path

    def post(self, body: bytes, headers: Mapping[str, str], now: datetime) -> bool:
        """Keep one body; the partner of a shadow never had it before."""
        del now
        name = headers["Milepost-Slot"]
        with open(self.folder / name, "wb", opener=open_private) as file:
            file.write(body)
        return False


@dataclass(frozen=True, slots=True)
class ShadowRun:
    """How the service would have exchanged a file, and what it would have sent."""

    receipt: Receipt
    bodies: tuple[SentBody, ...]


class Shadow:
    """The shadow of one feed. Its owner closes it; it opens its ledger when it is used first."""

    def __init__(self, workspace: Workspace, prepared: PreparedFeed) -> None:
        self._folder = workspace.root / "var" / "shadow" / prepared.partner / prepared.feed_id
        self._body = workspace.partners[prepared.partner].endpoint.body
        self._prepared = prepared
        self._ledger: Ledger | None = None

    def exchange(self, path: Path, sha256: str, now: datetime) -> ShadowRun:
        """Exchange a file without sending it. Raises what `poc.exchanges.exchange.exchange` raises, and OSError."""
        requests = self._folder / "requests" / sha256[:DIGITS]
        shutil.rmtree(requests, ignore_errors=True)
        requests.mkdir(mode=0o700, parents=True)
        kept = KeptRequests(requests)
        prepared = replace(self._prepared, pace=lambda: None, span_files=False, parallel=1)
        if prepared.endpoint is not None:
            prepared = replace(prepared, endpoint=kept, honours_keys=True)
        else:
            from poc.places.target import FolderTarget

            prepared = replace(prepared, target=FolderTarget(requests))
        ledger = self._ledger or self._open()
        if ledger.find(
            prepared.partner, prepared.feed_id, path.name, sha256
        ).outcome:  # it ended, but not its comparison
            ledger = self._begin_anew()
        under_way = self._folder / "under-way"
        under_way.touch(mode=0o600)
        receipt = exchange(prepared, path, now, ledger)
        under_way.unlink(missing_ok=True)
        return ShadowRun(receipt, self._bodies(requests))

    def close(self) -> None:
        """Close the shadow's ledger."""
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def _bodies(self, requests: Path) -> tuple[SentBody, ...]:
        out = self._prepared.feed.out
        kind: BodyFormat = "auto" if out in {"fixed", "parquet"} else out  # type: ignore[assignment]
        if self._prepared.endpoint is not None and self._body != "jsonl":
            kind = "json"
        return tuple(SentBody(path, kind) for path in sorted(requests.iterdir(), key=slot_order))

    def _begin_anew(self) -> Ledger:
        """Remove the ledger, which would exchange no file twice, and open a new one: it holds nothing of value."""
        self.close()
        (self._folder / "under-way").touch(mode=0o600)
        return self._open()

    def _open(self) -> Ledger:
        """Open the ledger; begin anew where an exchange in it was interrupted."""
        folder = self._folder / "ledger"
        if (self._folder / "under-way").exists():
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ledger = open_ledger(folder / "ledger.db", fixed_id=SHADOW_ID, decision="moved")
        return self._ledger


def slot_order(path: Path) -> tuple[tuple[int, str], ...]:
    """Return the order of a request by its slot: `2` before `10`."""
    return tuple((int(part) if part.isdecimal() else 0, part) for part in path.name.split("."))
