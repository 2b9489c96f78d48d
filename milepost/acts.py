"""What the dashboard may do for a person: the same functions as those of the commands."""

from __future__ import annotations

import re
from dataclasses import replace
from time import time_ns
from typing import TYPE_CHECKING

from milepost.errors import expected_errors_as

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from dashboard.actions.act import Doer, ExactTarget
    from milepost.context import WorkspaceContext
    from poc.cli.console import Done
    from poc.cli.operations.repair import EditReader
    from roadmap.cli.record import Recorded


#: The number of a row in the name of a field.
NUMBER = re.compile(r"[0-9]{1,18}")

#: The acts that are done to one exchange.
EXCHANGE_ACTS = frozenset({"resend", "arrived", "give_up", "discard_file", "replay", "discard_rows", "redeliver"})


def make_doers(context: WorkspaceContext) -> dict[str, Doer]:
    """Return what does each act, by its name; see `dashboard.actions.act`."""
    from poc.cli import acts
    from poc.cli.migration import route_acts
    from poc.cli.operations import repair
    from roadmap.cli.record import (
        DecisionOrder,
        SpendingOrder,
        record_checkin_on,
        record_decision_on,
        record_spending_on,
    )
    from roadmap.cli.replan import ReplanOrder, replan_on
    from roadmap.records.checkins import CheckinOrder

    def now_us() -> int:
        return time_ns() // 1000

    doers: dict[str, Callable[[str, Mapping[str, str], str], Done | Recorded]] = {
        "release": lambda target, _fields, _who: acts.release(context, target, now_us()),
        "resend": lambda target, _fields, _who: acts.resend(context, target, now_us()),
        "arrived": lambda target, _fields, _who: acts.mark_as_arrived(context, target, now_us()),
        "give_up": lambda target, fields, _who: acts.give_up_requests(context, target, fields["why"]),
        "discard_file": lambda target, fields, who: acts.discard_refused_file(
            context, target, fields["why"], who, now_us()
        ),
    }
    doers["decide"] = lambda target, fields, who: record_decision_on(
        context,
        target,
        DecisionOrder(fields["choice"], fields["why"], who, parse_day(fields["until"]), None, parse_seen(fields)),
        now_us(),
    )
    doers["spend"] = lambda target, fields, _who: record_spending_on(
        context,
        target,
        SpendingOrder(parse_amount(fields["amount"]), fields["note"], None, parse_seen(fields)),
        now_us(),
    )
    doers["replan"] = lambda target, fields, who: replan_on(
        context,
        target,
        ReplanOrder(
            parse_day(fields["due"]),
            parse_amount(fields["budget"]) if fields["budget"] else None,
            fields["why"],
            who,
            parse_seen(fields),
        ),
        now_us(),
    )
    doers["checkin"] = lambda target, fields, who: record_checkin_on(
        context,
        target,
        CheckinOrder(text=fields["text"], by=who, done=parse_count(fields["done"]), of=parse_count(fields["of"])),
        now_us(),
    )
    doers["route_advance"] = lambda target, fields, who: route_acts.advance_feed(
        context, target, now_us(), who=who, seen=parse_seen(fields)
    )
    doers["route_back"] = lambda target, fields, who: route_acts.back_feed(
        context, target, now_us(), why=fields["why"], who=who, seen=parse_seen(fields)
    )
    for name, release in (("route_hold", False), ("route_release", True)):
        doers[name] = lambda target, fields, who, release=release: route_acts.hold_feed(  # type: ignore[misc]
            context, target, now_us(), release=release, why=fields["why"], who=who, seen=parse_seen(fields)
        )
    doers["redeliver"] = lambda target, fields, who: acts.redeliver(context, target, fields["why"], who)
    doers["review"] = lambda target, _fields, _who: review(context, target)
    # its notes have values of rows: they stay on the page, and out of the audit log, which nobody can shorten
    doers["replay"] = lambda target, fields, _who: replace(
        repair.replay_rows(context, target, edits_of_form(fields)), notes=()
    )
    doers["discard_rows"] = lambda target, fields, _who: repair.discard_rows(context, target, (), fields["why"])
    return {name: answer_in_words(doer) for name, doer in doers.items()}


def review(context: WorkspaceContext, code: str) -> Recorded:
    """Judge the milestones now, as `milepost roadmap status` does, and return the status of one."""
    from roadmap.cli.main import judge_workspace
    from roadmap.cli.record import Recorded
    from roadmap.errors import PlanError
    from roadmap.wording.verdicts import STATUS

    statuses = {verdict.code: verdict.status for verdict in judge_workspace(context)}
    if code not in statuses:
        raise PlanError(f"unknown milestone {code!r}; choose one of {', '.join(statuses)}")
    return Recorded(f"{code}: judged now: {STATUS[statuses[code]]}", {"code": code, "status": statuses[code]})


def find_target(context: WorkspaceContext, act: str, target: str) -> ExactTarget | None:
    """Return what an act would be done to, exactly; None where there is no such partner or exchange."""
    from contextlib import closing

    from dashboard.actions.act import ExactTarget
    from poc.alerts.read_ledger import open_ledger_read_only
    from poc.errors import ExchangeError
    from poc.ledger.lookup import find_by_prefix

    if act in {"release", "resend"} and target in context.workspace.partners:
        return ExactTarget(partner=target, target=target)
    if act.startswith("route_"):
        partner, _, feed = target.partition("/")
        has_feed = partner in context.workspace.partners and feed in context.workspace.partners[partner].feed
        return ExactTarget(partner=partner, target=target) if has_feed else None
    if act not in EXCHANGE_ACTS:
        return None
    try:
        ledger = open_ledger_read_only(context.workspace.ledger)
        if ledger is None:
            return None
        with closing(ledger):
            entry = find_by_prefix(ledger, target)
            return ExactTarget(partner=entry.partner, target=entry.exchange_id)
    except ExchangeError:
        return None


def edits_of_form(fields: Mapping[str, str]) -> EditReader:
    """Return the reader of the rows of a form: an uploaded export, or each row as text."""
    from poc.cli.operations.repair import edits_of_export, edits_of_texts

    if "export" in fields:
        return edits_of_export(fields["export"].encode("latin-1"), "the file")  # a character is a byte of it
    rows = {name.removeprefix("row-"): text for name, text in fields.items()}
    return edits_of_texts({int(number): text for number, text in rows.items() if NUMBER.fullmatch(number)})


def parse_day(text: str) -> date | None:
    """Return a day of a form; None for an empty text. Raises NotDone."""
    from datetime import date

    from dashboard.actions.act import NotDone

    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise NotDone(f"{text!r} is no day; write it as 2026-12-31") from None


def parse_seen(fields: Mapping[str, str]) -> int:
    """Return how many entries the page of a form showed. Raises NotDone where the form does not say."""
    from dashboard.actions.act import NotDone

    text = fields.get("seen", "")
    if not NUMBER.fullmatch(text):
        raise NotDone("This form is of an earlier release. Load the page again; nothing was done.")
    return int(text)


def parse_amount(text: str) -> float:
    """Return an amount of a form. Raises NotDone."""
    from dashboard.actions.act import NotDone

    try:
        return float(text)
    except ValueError:
        raise NotDone(f"{text!r} is no amount; write it as 1200.50") from None


def parse_count(text: str) -> int | None:
    """Return a whole number of a form; None for an empty text. Raises NotDone."""
    from dashboard.actions.act import NotDone

    try:
        return int(text) if text else None
    except ValueError:
        raise NotDone(f"{text!r} is no whole number; write it as 3") from None


def answer_in_words(doer: Callable[[str, Mapping[str, str], str], Done | Recorded]) -> Doer:
    """Return the text of what was done; an expected error becomes NotDone."""
    from dashboard.actions.act import NotDone

    def do(target: str, fields: Mapping[str, str], who: str) -> str:
        with expected_errors_as(NotDone):
            done = doer(target, fields, who)
            return "\n".join((done.text, *getattr(done, "notes", ())))

    return do
