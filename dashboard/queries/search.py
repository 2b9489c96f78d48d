"""Search over partners, feeds, milestones, files and exchanges; each kind is bounded, so that a search stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.queries import runs, search
from metrics.queries.filter_sql import list_feeds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from metrics.queries.runs import Run
    from metrics.queries.search import FileMatch
    from roadmap.plan.milestones import Milestone

#: Matches of each kind on a page, and the fewest characters of the beginning of an exchange id.
MAX_MATCHES, MIN_ID_CHARS = 20, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """What matches a search, the best matches first.

    `exact` tells of how many matches the text is the whole name, in any case.
    """

    partners: tuple[str, ...] = ()
    feeds: tuple[tuple[str, str], ...] = ()  #: partner and feed
    feed_names: tuple[str, ...] = ()  #: whole names of feeds that several partners have
    milestones: tuple[Milestone, ...] = ()
    files: tuple[FileMatch, ...] = ()
    runs: tuple[Run, ...] = ()  #: of the exchanges and of the file whose whole name or id it is, the newest attempts
    has_file_index: bool = True
    exact: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing matches."""
        return not (self.partners or self.feeds or self.feed_names or self.milestones or self.files or self.runs)


def feed_pairs(db: Database, view: View) -> tuple[tuple[str, str], ...]:
    """Return each partner and feed that has a run, in order."""
    return tuple(list_feeds(db, view.as_of))


def find_matches(
    db: Database | None, view: View, pairs: Sequence[tuple[str, str]], text: str
) -> Matches:  # fmt: skip
    """Return what matches a text.

    Args:
        db: the store; None before there is a run.
        view: whose plan and day count.
        pairs: the partners and feeds that may be seen; files and exchanges of others are left out.
        text: what to search for, without blanks around it.
    """
    wanted = text.casefold()
    partners = _best(wanted, dict.fromkeys(partner for partner, _ in pairs))
    names = [name for name in dict.fromkeys(feed for _, feed in pairs) if name.casefold() == wanted]
    feeds = _best_feeds(wanted, pairs)
    milestones = _find_milestones(view, wanted)
    found, files, has_index = _find_runs(db, view, pairs, text) if db is not None else ((), (), True)
    exact = sum(name.casefold() == wanted for name in partners) + len(names)
    exact += sum(f"{partner}/{feed}".casefold() == wanted for partner, feed in feeds)
    exact += sum(milestone.code.casefold() == wanted for milestone in milestones)
    exact += len({exchange_key(run) for run in found if is_exact(run, wanted)})
    return Matches(
        partners=partners,
        feeds=feeds,
        feed_names=tuple(names),
        milestones=milestones,
        files=files,
        runs=found,
        has_file_index=has_index,
        exact=exact,
    )


def exchange_key(run: Run) -> tuple[object, ...]:
    """Return what the attempts at one exchange share."""
    return run.side, run.faults, run.series, run.round, run.exchange_id


def is_exact(run: Run, wanted: str) -> bool:
    """Return whether a text in lower case is the id of the exchange of a run, or the name of its file."""
    return wanted in {run.exchange_id.casefold(), run.file.casefold()}


def _best(wanted: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that contain a text: the text itself first, then those that begin with it."""
    matching = [name for name in names if wanted in name.casefold()]
    return tuple(sorted(matching, key=lambda name: _rank(wanted, name))[:MAX_MATCHES])


def _rank(wanted: str, name: str) -> tuple[bool, bool, str]:
    return name.casefold() != wanted, not name.casefold().startswith(wanted), name


def _best_feeds(wanted: str, pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the feeds whose name, or `PARTNER/FEED`, contains a text; a partner's name alone finds the partner."""
    matching = [
        (partner, feed)
        for partner, feed in pairs
        if wanted in feed.casefold() or ("/" in wanted and wanted in f"{partner}/{feed}".casefold())
    ]
    return tuple(sorted(matching, key=lambda pair: _rank(wanted, "/".join(pair)))[:MAX_MATCHES])


def _find_milestones(view: View, wanted: str) -> tuple[Milestone, ...]:
    milestones = view.plan.milestones
    exact = tuple(milestone for milestone in milestones if milestone.code.casefold() == wanted)
    return exact or tuple(
        milestone for milestone in milestones if wanted in f"{milestone.code} {milestone.title}".casefold()
    )


def _find_runs(
    db: Database, view: View, pairs: Sequence[tuple[str, str]], text: str
) -> tuple[tuple[Run, ...], tuple[FileMatch, ...], bool]:
    """Return the runs and the files that match, and whether files can be found by name."""
    visible = set(pairs)
    partners = tuple(dict.fromkeys(partner for partner, _ in pairs))
    has_index = search.has_file_index(db)
    files = search.find_files(db, text, partners, MAX_MATCHES) if has_index else ()
    numbers = list(search.find_exchanges(db, text, MAX_MATCHES)) if len(text) >= MIN_ID_CHARS else []
    for match in files:
        if match.file.casefold() == text.casefold():
            numbers += search.runs_of_file(db, match.partner, match.file, MAX_MATCHES)
    newest: dict[tuple[object, ...], Run] = {}
    for number in dict.fromkeys(numbers):
        run = runs.get_run(db, number)
        if run is None or not run.is_known(view.as_of) or (run.partner, run.feed) not in visible:
            continue
        earlier = newest.get(exchange_key(run))
        if earlier is None or run.attempt > earlier.attempt:
            newest[exchange_key(run)] = run
    latest_first = sorted(newest.values(), key=lambda run: (not is_exact(run, text.casefold()), -run.started_at_us))
    others = tuple(
        match for match in files if match.file.casefold() != text.casefold() and _is_visible(db, match, view, visible)
    )
    return tuple(latest_first[:MAX_MATCHES]), others, has_index


def _is_visible(db: Database, match: FileMatch, view: View, visible: set[tuple[str, str]]) -> bool:
    """Return whether the newest run of a file may be seen, and was known on the day of the view."""
    run = runs.get_run(db, match.newest_run)
    return run is not None and run.is_known(view.as_of) and (run.partner, run.feed) in visible
