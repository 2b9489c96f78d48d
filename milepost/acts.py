"""What the dashboard may do for a person: the same functions as those of the commands."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING

from milepost.errors import describe_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dashboard.actions.act import Doer
    from milepost.context import WorkspaceContext
    from poc.cli.console import Done


def make_doers(context: WorkspaceContext) -> dict[str, Doer]:
    """Return what does each act, by its name; see `dashboard.actions.act`."""
    from poc.cli import acts

    def now_us() -> int:
        return time_ns() // 1000

    doers: dict[str, Callable[[str, Mapping[str, str], str], Done]] = {
        "release": lambda target, _fields, _who: acts.release(context, target, now_us()),
        "resend": lambda target, _fields, _who: acts.resend(context, target, now_us()),
        "arrived": lambda target, _fields, _who: acts.mark_as_arrived(context, target, now_us()),
        "give_up": lambda target, fields, _who: acts.give_up_requests(context, target, fields["why"]),
        "discard_file": lambda target, fields, who: acts.discard_refused_file(
            context, target, fields["why"], who, now_us()
        ),
    }
    return {name: in_words(doer) for name, doer in doers.items()}


def in_words(doer: Callable[[str, Mapping[str, str], str], Done]) -> Doer:
    """Return the text of what was done; an expected error becomes NotDone."""
    from dashboard.actions.act import NotDone

    def do(target: str, fields: Mapping[str, str], who: str) -> str:
        try:
            return doer(target, fields, who).text
        except Exception as error:
            message, code = describe_error(error)
            if code is None:
                raise
            raise NotDone(str(message)) from error

    return do
