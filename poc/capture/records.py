"""What the monolith sent for one file, as records: from the capture proxy, or from a folder into which it writes.

    with watch_http(root, partner) as watch:
        ...                     # run the monolith's command on the file
    sent = watch.sent           # or watch_folder(root, "out/orders/*.csv", "csv")

`sent.bodies` are the files that hold what the partner took, `sent.records()` their records as text. While a watch is
open, no other one of the same partner is: requests name no file, so that only their time says which file they are of.
"""

from __future__ import annotations

import fnmatch
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from poc.capture.bodies import SentBody, read_bodies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from poc.capture.bodies import BodyFormat, Record
    from poc.capture.journal_reader import CapturedRequest

#: Methods whose bodies are deliveries.
DELIVERING = frozenset({"POST", "PUT", "PATCH"})

#: The pattern that all paths match.
EVERY_PATH = "*"

#: Answers of 2xx that do not say that the whole request was taken.
PARTIAL = frozenset({206, 207})


@dataclass(frozen=True, slots=True)
class Sent:
    """What the monolith sent for one file.

    `bodies` are those that the partner took, in their order. `refused` counts bodies that it never took, `unknown`
    bodies that it may have taken, `repeated` requests that repeated a body and count once, and `maybe_twice` those of
    them whose first sending it may have taken as well, without a key by which it would know. `problem` says why
    nothing can be compared, empty if something can.
    """

    bodies: tuple[SentBody, ...] = ()
    refused: int = 0
    unknown: int = 0
    repeated: int = 0
    maybe_twice: int = 0
    problem: str = ""

    @property
    def size_bytes(self) -> int:
        """The size of all bodies, as they were sent."""
        return sum(body.size_bytes for body in self.bodies)

    def records(self) -> Iterator[Record]:
        """Yield the records of all bodies as text. Raises BadInput for a body that cannot be read."""
        return read_bodies(self.bodies)


@dataclass(slots=True)
class Watch:
    """The sending of one file: `sent` is known once the block of the watch has ended."""

    sent: Sent = field(default_factory=lambda: Sent(problem="the monolith's command has not ended"))


@contextmanager
def watch_http(
    root: Path, partner: str, *, paths: str = EVERY_PATH, body_format: BodyFormat = "auto", wait_s: float = 10.0
) -> Iterator[Watch]:
    """Watch what goes through the partner's proxy until the end of the block.

    Args:
        root: the workspace.
        partner: whose proxy.
        paths: a pattern of the paths of the requests that count, such as `/orders*`.
        body_format: of the bodies; by default, their first bytes decide.
        wait_s: how long to wait for another watch of these paths, and for requests that are still under way at the end.

    Raises:
        TryLater: no proxy of the partner runs, or a watch of paths that may be the same is open.
    """
    from poc.capture.journal_reader import capture_folder, journal_end, read_requests
    from poc.capture.proxy_lock import has_ended, lost_requests, others_sending, sole_watch

    folder = capture_folder(root, partner)
    with sole_watch(folder, partner, paths, wait_s):
        watch, begin, lost = Watch(), journal_end(folder), lost_requests(folder)
        is_mixed, others = others_sending(folder)
        yield watch
        end = journal_end(folder)

        def requests() -> list[CapturedRequest]:
            return [
                request
                for request in read_requests(folder, begin, end)
                if fnmatch.fnmatchcase(request.path.partition("?")[0], paths)
            ]

        has_ended(folder, lambda: all(request.ended for request in requests()), wait_s)
        watch.sent = summarise(requests(), body_format)
        if lost_requests(folder) != lost:
            watch.sent = replace(watch.sent, problem="the proxy could not keep all requests")
        elif paths == EVERY_PATH and (is_mixed or others_sending(folder)[1] != others):
            watch.sent = replace(
                watch.sent,
                problem=f"the monolith sent a file of another feed of {partner} at the same time, and nothing tells "
                "their requests apart; give each feed its `paths` in `output`",
            )


@contextmanager
def watch_folder(root: Path, pattern: str, body_format: BodyFormat = "auto") -> Iterator[Watch]:
    """Watch a folder into which the monolith writes; files that are new or changed at the end of the block are sent.

    `pattern` is relative to the workspace, such as `out/orders/*.csv`.
    """
    before = _versions(root, pattern)
    watch = Watch()
    yield watch
    after = _versions(root, pattern)
    changed = [path for path, version in after.items() if before.get(path) != version]
    watch.sent = Sent(tuple(SentBody(path, body_format, size_bytes=after[path][1]) for path in changed))


def summarise(
    requests: Sequence[CapturedRequest],
    body_format: BodyFormat = "auto",
    is_success: Callable[[int], bool] | None = None,
) -> Sent:
    """Return what the partner took of these requests, which are in the order in which they began.

    A body that is sent again counts once where the partner did not take it before, where both requests have the same
    key, and for PUT. A body that it took twice without a key counts twice.
    """
    succeeds = is_success or (lambda status: 200 <= status < 300 and status not in PARTIAL)
    deliveries = [r for r in requests if r.method in DELIVERING and (r.size_bytes or not r.whole)]
    taken: list[CapturedRequest] = []
    keys: dict[tuple[str, str, str], set[str]] = {}
    repeated = 0
    for request in deliveries:
        if not _was_taken(request, succeeds):
            continue
        known = keys.setdefault(_identity(request), set())
        if known and (request.method == "PUT" or (request.key and request.key in known)):
            repeated += 1
        else:
            taken.append(request)
        known.add(request.key)
    refused = unknown = maybe_twice = 0
    missed: set[tuple[str, str, str]] = set()
    for request in deliveries:
        if _was_taken(request, succeeds):
            continue
        identity, open_end = _identity(request), _may_be_taken(request, succeeds)
        if identity in keys:
            repeated += 1
            same_key = request.method == "PUT" or (request.key and request.key in keys[identity])
            maybe_twice += open_end and not same_key
        elif identity in missed:
            repeated += 1
        else:
            missed.add(identity)
            unknown += open_end
            refused += not open_end
    problem = "" if all(request.kept for request in taken) else "a body was not kept"
    bodies = tuple(
        SentBody(request.body, body_format, request.coding, request.offset, request.size_bytes, request.media_type)
        for request in taken
    )
    return Sent(bodies, refused, unknown, repeated, maybe_twice, problem)


def _was_taken(request: CapturedRequest, succeeds: Callable[[int], bool]) -> bool:
    return request.whole and request.ended == "complete" and request.status is not None and succeeds(request.status)


def _may_be_taken(request: CapturedRequest, succeeds: Callable[[int], bool]) -> bool:
    """Return whether the partner may have taken a request whose answer does not say so."""
    if request.ended == "not-sent":
        return False
    return not request.ended or request.status is None or (succeeds(request.status) and request.ended != "complete")


def _identity(request: CapturedRequest) -> tuple[str, str, str]:
    return request.method, request.path, request.sha256 or request.id


def _versions(root: Path, pattern: str) -> dict[Path, tuple[int, int, int]]:
    """Return inode, size and time of each file of a pattern, oldest first."""
    found = []
    for path in root.glob(pattern):
        if path.is_file():
            status = path.stat()
            found.append((path, (status.st_ino, status.st_size, status.st_mtime_ns)))
    return dict(sorted(found, key=lambda item: (item[1][2], item[0].name)))
