"""What nobody told of a run: numbers that are 0 in the store, for sums, and that nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Of these a start says no more than that nothing has been yet.
RECORDED_AT_END = ("bytes_in", "bytes_out", "calls", "operator_touch")


def is_recorded_inside(calls: int | None, operator_touch: int | None) -> bool:
    """Whether anybody told what a run did: a log, and who only times a command, cannot see inside of it."""
    return calls is not None or operator_touch is not None


def unknown_fields(told: Mapping[str, Any], rows: Mapping[str, int]) -> dict[str, None]:
    """The fields of a run that are not known, each None.

    Args:
        told: its columns, and its times under their names in seconds (`operator_s`).
        rows: `in`, and one count an outcome.
    """
    ended = told["duration_s"] is not None
    inside = is_recorded_inside(told["calls"], told["operator_touch"])
    lacks = {
        "rows": not any(rows.values()) and not (ended and (inside or told["records"] is not None)),
        "blocked_s": not (ended and inside),
        "operator_s": told["mode"] == "live" and not told["operator_s"],  # only a replay has an operator with a watch
        **{name: not ended and not told[name] for name in RECORDED_AT_END},
    }
    return {name: None for name, lacking in lacks.items() if lacking}
