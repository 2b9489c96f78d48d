"""A request to a partner, as it is built, reserved and sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """A request to send: its name within the exchange, its number of rows, and its body.

    `joint` is the id of the joint request of which it is a part; empty for one that is sent on its own.
    """

    name: str
    rows: int
    body: bytes
    joint: str = ""
