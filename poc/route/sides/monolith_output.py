"""What the monolith sent or wrote for a file, kept until the service has exchanged it without sending."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poc.capture.bodies import SentBody
from poc.capture.journal_reader import capture_folder
from poc.capture.proxy_lock import sending_unwatched
from poc.capture.records import Sent, watch_folder, watch_http
from poc.errors import TryLater
from poc.route.stages import SHADOWED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from poc.capture.records import Watch
    from poc.config.monolith import MonolithConfig
    from poc.config.workspace import Workspace
    from poc.route.route_store import Route

#: In the folder of a file: what the monolith sent, and copies of what it wrote.
SENT, COPIES = "sent.json", "written"

#: Seconds for which another file is waited for whose requests may have the same paths.
WATCH_WAIT_S = 10.0


@dataclass(slots=True)
class WatchedOutput:
    """Whether what the monolith does is to be compared."""

    is_open: bool = False


@contextmanager
def watch_output(
    workspace: Workspace, partner: str, config: MonolithConfig, folder: Path, route: Route
) -> Iterator[WatchedOutput]:
    """Watch what the monolith sends or writes during the block, where the stage compares it.

    Where it cannot be watched, the block is entered all the same: `sent.json` says why nothing can be compared.
    """
    watched = WatchedOutput(route.stage in SHADOWED)
    if not watched.is_open:
        with _unwatched(workspace, partner, config):
            yield watched
        return
    with ExitStack() as resources:
        watch: Watch | None = None
        problem = ""
        body_format = config.output.format or "auto"
        try:
            if config.output.folder is not None:
                watch = resources.enter_context(watch_folder(workspace.root, config.output.folder, body_format))
            else:
                watch = resources.enter_context(
                    watch_http(
                        workspace.root, partner, paths=config.output.paths, body_format=body_format, wait_s=WATCH_WAIT_S
                    )
                )
        except TryLater as error:
            problem = str(error)
            resources.enter_context(_unwatched(workspace, partner, config))
        yield watched
    sent = Sent(problem=problem) if watch is None else watch.sent
    if config.output.folder is not None:
        sent = _with_copies(sent, folder / COPIES)
    write_sent(folder, sent)


def _unwatched(workspace: Workspace, partner: str, config: MonolithConfig) -> AbstractContextManager[None]:
    """Let a watch of another feed of the partner know that requests of this one go through the same proxy."""
    if config.output.capture is None:
        return nullcontext()
    return sending_unwatched(capture_folder(workspace.root, partner))


def write_sent(folder: Path, sent: Sent) -> None:
    """Keep what the monolith sent for the file of a folder."""
    bodies = [{**asdict(body), "path": str(body.path)} for body in sent.bodies]
    value = {
        "bodies": bodies, "refused": sent.refused, "unknown": sent.unknown, "repeated": sent.repeated,
        "maybe_twice": sent.maybe_twice, "problem": sent.problem,
    }  # fmt: skip
    part = folder / f"{SENT}.part"
    part.write_text(json.dumps(value))
    part.rename(folder / SENT)


def read_sent(folder: Path) -> Sent:
    """Return what the monolith sent for the file of a folder."""
    try:
        value: dict[str, Any] = json.loads((folder / SENT).read_text())
        bodies = tuple(SentBody(**{**body, "path": Path(body["path"])}) for body in value.pop("bodies"))
        return Sent(bodies, **value)
    except (OSError, ValueError, KeyError, TypeError):
        return Sent(problem="nothing saw what the monolith sent")


def _with_copies(sent: Sent, folder: Path) -> Sent:
    """Copy what the monolith wrote, which its next run may overwrite."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    bodies = []
    try:
        for number, body in enumerate(sent.bodies):
            copy = folder / f"{number}-{body.path.name}"
            shutil.copyfile(body.path, copy)
            bodies.append(SentBody(copy, body.format, body.coding))
    except OSError as error:
        return Sent(problem=f"{error.filename}: cannot be copied: {error.strerror}")
    return Sent(tuple(bodies), sent.refused, sent.unknown, sent.repeated, sent.maybe_twice, sent.problem)
