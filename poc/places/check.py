"""Check a place: sign in, list its files, write a probe, read it back and remove it."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from poc.errors import BadInput, PlaceRefused, PlaceUnavailable, TryLater
from poc.places.registry import open_place
from poc.places.target import PartPlace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from poc.config.place import PlaceConfig
    from poc.places.place import Place, Seen

#: Content of the probe.
PROBE = b"A probe of `milepost places check`; it may be deleted.\n"

#: Seconds by which the clock of a place may differ from ours before it is worth a word.
CLOCK_S = 60.0


@dataclass(frozen=True, slots=True)
class PlaceFinding:
    """What a check found: the steps that succeeded, and the error that ended it, with its code and what would be right.

    `code` is empty where all is well, that of PlaceRefused or PlaceUnavailable, or `settings`. `is_final`: it stays so
    until a person corrects something. `note` is worth a word, and no error.
    """

    steps: tuple[str, ...]
    code: str = ""
    text: str = ""
    is_final: bool = False
    note: str = ""


def check_place(
    settings: PlaceConfig, environ: Mapping[str, str], root: Path, now: datetime, *, writes: bool, creates: bool = False
) -> PlaceFinding:
    """Check a place.

    Args:
        settings: the settings of the place.
        environ: the environment in which secrets are looked up.
        root: the workspace.
        now: the current time, with which the place's clock is compared.
        writes: whether files are written or removed there, so that a probe is.
        creates: whether the folder may be missing, because the first file that is written creates it.
    """
    steps: list[str] = []
    note = ""
    try:
        with open_place(settings, environ, root) as place:
            if creates:
                note = check_writing(place, now, steps, delivers=True)
            count = len(place.look())
            steps.append(f"lists {count:,} file{'' if count == 1 else 's'}")
            if writes and not creates:
                note = check_writing(place, now, steps)
    except PlaceUnavailable as error:
        return PlaceFinding(tuple(steps), error.code, str(error))
    except PlaceRefused as error:
        return PlaceFinding(tuple(steps), error.code, str(error), is_final=True)
    except BadInput as error:
        return PlaceFinding(tuple(steps), "settings", str(error), is_final=True)
    return PlaceFinding(tuple(steps), note=note)


def check_writing(place: Place, now: datetime, steps: list[str], *, delivers: bool = False) -> str:
    """Write a probe, read it back and remove it; return a note on the place's clock. Raises as the verbs of a place.

    Where files are delivered, the probe takes the steps of a delivery, and the right to remove it may be missing.
    """
    name = f"milepost-check-{uuid.uuid4().hex[:8]}.tmp"
    if delivers and isinstance(place, PartPlace):
        with place.open_part(name) as part:
            part.write(PROBE)
            part.finish()
        place.publish(name)
    else:
        place.put_new(name, BytesIO(PROBE))
    steps.append("writes a probe")
    seen = place.found(name)
    if seen is None:
        raise PlaceRefused("path", f"{place.address}: the probe {name} was written, and is not there")
    try:
        check_probe(place, seen, steps)
    except BaseException:
        with suppress(PlaceRefused, TryLater):
            place.take_away(place.found(name) or seen)
        raise
    try:
        place.take_away(seen)
    except PlaceRefused as error:
        if not delivers or error.code != "rights":
            raise
        return f"the probe {name} cannot be removed, a right that deliveries do not need; delete it"
    if place.found(name) is not None:
        raise PlaceRefused("rights", f"{place.address}: the probe {name} cannot be removed")
    steps.append("removes it")
    return clock_note(seen, now)


def check_probe(place: Place, seen: Seen, steps: list[str]) -> None:
    """Read the probe back, and see that the place refuses other content under its name. Raises as the verbs."""
    if b"".join(place.read(seen)) != PROBE:
        raise PlaceRefused("path", f"{place.address}: the probe {seen.name} has other bytes than were written")
    steps.append("reads it back")
    if place.put_new(seen.name, BytesIO(PROBE.upper())) != "conflict":
        text = f"{place.address}: a file replaces another one of its name, although it must not (`If-None-Match`)"
        raise PlaceRefused("settings", f"{text}; ask whether a newer release of the server refuses that")


def clock_note(seen: Seen, now: datetime) -> str:
    """Return by how much the clock of a place differs from ours, by a file that was just written; empty if little."""
    ahead_s = 0.0 if seen.changed_at is None else (seen.changed_at - now).total_seconds()
    if abs(ahead_s) < CLOCK_S:
        return ""
    direction = "ahead of" if ahead_s > 0 else "behind"
    return f"its clock is {abs(ahead_s):,.0f} s {direction} ours; set both by NTP"
