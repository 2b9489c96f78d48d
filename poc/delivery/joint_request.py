"""Joint requests: the rows of several small files in one request, where the partner's file allows it (`span_files`).

Each file's part is reserved as a request of its exchange, together with the id of the joint request. What is sent is
all parts, one after the other, under one idempotency key that is made of theirs. So it is the same after a restart,
whichever of the exchanges is resumed first: the partner takes the rows of all, and the others need not send them again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import blake2b
from operator import add, le
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from poc.delivery.outbound_request import OutboundRequest

#: The most files of a joint request, and the most bytes of their names, which are sent in a header.
MAX_FILES, MAX_NAME_BYTES = 64, 2048


@dataclass(frozen=True, slots=True)
class JointRequest:
    """What is sent: its id, the file, slot and number of rows of each part, and the parts' bodies as one."""

    id: str
    slots: tuple[tuple[str, str, int], ...]
    body: bytes

    def header(self) -> str:
        """Return the parts as a JSON array in ASCII, for the header `Milepost-Slots`."""
        return json.dumps([[file, int(slot), rows] for file, slot, rows in self.slots], separators=(",", ":"))


def join_parts(joint_id: str, parts: Sequence[tuple[str, OutboundRequest]]) -> JointRequest:
    """Return the joint request of file names and their requests, in order."""
    slots = tuple((file, request.name, request.rows) for file, request in parts)
    return JointRequest(joint_id, slots, b"".join(request.body for _, request in parts))


def plan_joint_requests(
    files: Sequence[tuple[str, str]], requests: Sequence[list[OutboundRequest]], max_rows: int, max_bytes: int
) -> list[list[OutboundRequest]]:
    """Mark the requests that are sent together with the id of their joint request.

    Files that follow one another are joined as long as each has one request, and all together at most `max_rows` rows
    and `max_bytes` bytes.

    Args:
        files: the exchange id and name of each file.
        requests: the requests of each file.
        max_rows: of a joint request.
        max_bytes: of its body; no more than the outbox stores in the ledger, where the parts are read to be sent again.
    """
    planned = [list(of_file) for of_file in requests]
    for group in _groups(files, requests, max_rows, max_bytes):
        keys = ",".join(f"{files[at][0]}-{planned[at][0].name}" for at in group)
        joint_id = f"joint-{blake2b(keys.encode(), digest_size=12).hexdigest()}"
        for at in group:
            planned[at] = [replace(planned[at][0], joint=joint_id)]
    return planned


def _groups(
    files: Sequence[tuple[str, str]], requests: Sequence[list[OutboundRequest]], max_rows: int, max_bytes: int
) -> Iterator[list[int]]:
    """Yield the places of the files of each joint request; a file without rows does not come between two others."""
    limits = (max_rows, max_bytes, MAX_NAME_BYTES)
    group: list[int] = []
    sizes: tuple[int, ...] = (0, 0, 0)
    for at, of_file in enumerate(requests):
        if not of_file:
            continue
        own = (of_file[0].rows, len(of_file[0].body), len(json.dumps(files[at][1])))
        sizes = tuple(map(add, sizes, own))
        is_single = len(of_file) == 1
        if is_single and group and len(group) < MAX_FILES and all(map(le, sizes, limits)):
            group.append(at)
            continue
        if len(group) > 1:
            yield group
        group, sizes = ([at], own) if is_single else ([], (0, 0, 0))
    if len(group) > 1:
        yield group
