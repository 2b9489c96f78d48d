"""What has changed between two standings: statuses, due dates, forecasts, decisions, check-ins and money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from roadmap.records.checkins import checkins
from roadmap.records.decisions import recorded_decisions
from roadmap.wording.checkins import checkin_text
from roadmap.wording.dates import day
from roadmap.wording.decisions import decision_text
from roadmap.wording.verdicts import STATUS, spent_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlite_utils import Database

    from roadmap.digest.standing import Standings
    from roadmap.model import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and its lines."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a digest says. `changed` has no empty section; `to_decide` stands whether it is new or not."""

    changed: tuple[Section, ...]
    to_decide: tuple[str, ...]
    standing: tuple[str, ...]  #: a line for each milestone


def changes_between(
    before: Standings, now: Standings, db: Database | None, verdicts: Sequence[Verdict]
) -> Changes:  # fmt: skip
    """Return what has changed since an earlier standing; of what is recorded, the entries with a higher id."""
    sections = (
        Section(heading="Statuses", lines=tuple(_statuses(before, now))),
        Section(heading="Plans", lines=tuple(_plans(before, now))),
        Section(heading="Forecasts", lines=tuple(_texts(before, now, "forecast"))),
        Section(heading="Decided", lines=tuple(_decided(before, db, verdicts))),
        Section(heading="Check-ins, the words of people", lines=tuple(_checked_in(before, db, verdicts))),
        Section(heading="Money", lines=tuple(_money(before, now))),
    )
    return Changes(
        changed=tuple(section for section in sections if section.lines),
        to_decide=tuple(
            f"{code} {new['title']}: {new['advice']} "
            f"(milepost roadmap decide {code} {new['choice']} --owner NAME --why TEXT)"
            for code, new in now.items()
            if new["advice"]
        ),
        standing=tuple(_standing_line(code, new) for code, new in now.items()),
    )


def _standing_line(code: str, new: Mapping[str, Any]) -> str:
    parts = [STATUS.get(new["status"], new["status"]), new["gain"], f"spent {spent_text(new['spent'], new['budget'])}"]
    return f"{code} {new['title']}: {'; '.join(filter(None, parts))}"


def _statuses(before: Standings, now: Standings) -> Iterator[str]:
    for code, new in now.items():
        old = before.get(code)
        status = STATUS.get(new["status"], new["status"])
        if old is None:
            yield f"{code} {new['title']}: {status}, new in the plan"
        elif old["status"] != new["status"]:
            yield f"{code} {new['title']}: {status}, was {STATUS.get(old['status'], old['status'])}: {new['reason']}"
    for code, old in before.items():
        if code not in now:
            yield f"{code} {old['title']}: no longer in the plan"


def _plans(before: Standings, now: Standings) -> Iterator[str]:
    for code, new in now.items():
        old = before.get(code)
        if old and old["due"] != new["due"]:
            due, was = (day(date.fromisoformat(text)) for text in (new["due"], old["due"]))
            yield f"{code} {new['title']}: due {due}, was {was}"


def _texts(before: Standings, now: Standings, name: str) -> Iterator[str]:
    for code, new in now.items():
        old = before.get(code)
        if new[name] and (old is None or old[name] != new[name]):
            was = f", was {old[name]}" if old and old[name] else ""
            yield f"{code} {new['title']}: {new[name]}{was}"


def _decided(before: Standings, db: Database | None, verdicts: Sequence[Verdict]) -> Iterator[str]:
    for v in verdicts:
        for recorded in recorded_decisions(db, v.code, v.as_of) if db else ():
            made = recorded.decision
            if made.id > (before.get(v.code) or {}).get("decision", 0):
                text = decision_text(made.choice, made.owner, until=made.until, as_of=made.as_of, why=made.why)
                yield f"{v.code}: {text}"


def _checked_in(before: Standings, db: Database | None, verdicts: Sequence[Verdict]) -> Iterator[str]:
    for v in verdicts:
        for made in checkins(db, v.code, v.as_of) if db else ():
            if made.id > (before.get(v.code) or {}).get("checkin", 0):
                yield f"{v.code}: {checkin_text(made.text, made.by, made.as_of, made.done, made.of, v.counts)}"


def _money(before: Standings, now: Standings) -> Iterator[str]:
    for code, new in now.items():
        old = (before.get(code) or {}).get("spent") or 0
        if (more := (new["spent"] or 0) - old) != 0:
            way = "more" if more > 0 else "less"
            yield f"{code} {new['title']}: {abs(more):,.0f} {way}; spent {spent_text(new['spent'], new['budget'])}"
