"""Compare a look at a place with the ledger: which files are new, which have changed, and which may be fetched.

Names, sizes and marks decide what is new; two looks a while apart, or an announcement, decide what is complete.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from poc.pickup.store import PickedFile
from poc.transports.inbox import belongs_to_feed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from poc.config.partner import Feed
    from poc.config.workspace import Workspace
    from poc.places.place import Seen

#: The longest wait before a file that failed is tried again; one that lies further ahead was noted by a wrong clock.
LONGEST_WAIT_US = 3_600_000_000

#: For how long the ledger keeps what has ended and no longer lies at the place.
KEEP_ENDED_US = 30 * 86_400_000_000

#: What `after` says of a version that is no longer there, so that the same one under the same name has come again.
TAKEN_AWAY = frozenset({"moved", "deleted", "gone"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PickupRules:
    """Which files of a place are taken, and when they are complete.

    Attributes:
        partner: the partner.
        feed_id: the feed.
        feed: its settings, with the `done_file` of the place.
        place: the place, as text.
        settled_us: for how long size and mark must have stayed the same; 0 where files appear complete.
    """

    partner: str
    feed_id: str
    feed: Feed
    place: str
    settled_us: int

    @classmethod
    def of(cls, workspace: Workspace, partner: str, feed_id: str) -> PickupRules:
        """Return the rules of a feed that has a pick-up."""
        feed = workspace.get_feed(partner, feed_id)[1]
        assert feed.pickup is not None  # noqa: S101 (the caller takes feeds with a pick-up)
        return cls(
            partner=partner,
            feed_id=feed_id,
            feed=feed.model_copy(update={"done_file": feed.pickup.done_file}),
            place=feed.pickup.url,
            settled_us=int(feed.pickup.settled_s * 1_000_000),
        )

    def announcement(self, name: str) -> str:
        """Return the name of the file that announces a file; empty where files are not announced."""
        return self.feed.done_file.replace("{name}", name)


@dataclass(slots=True)
class Comparison:
    """What a look at a place says about the rows of the ledger.

    `files` are the newest versions by name; those with the id 0 are new, those in `changed` were seen with another
    size or mark before they were fetched. `by_name` are all files of the look.
    """

    by_name: Mapping[str, Seen]
    files: dict[str, PickedFile] = field(default_factory=dict)
    changed: list[PickedFile] = field(default_factory=list)
    older: list[PickedFile] = field(default_factory=list)  #: versions that are not the newest of their name
    announced_before: dict[str, set[str]] = field(default_factory=dict)

    @property
    def new(self) -> list[PickedFile]:
        """The files that the ledger does not have."""
        return [file for file in self.files.values() if not file.id]


def compare(rows: Iterable[PickedFile], look: Sequence[Seen], rules: PickupRules, now_us: int) -> Comparison:
    """Return what a look says about the rows of the place, which are given oldest first."""
    comparison = Comparison({seen.name: seen for seen in look})
    files = comparison.files
    for row in rows:
        if row.name in files:
            comparison.older.append(files[row.name])
        files[row.name] = row
        if row.announced:
            comparison.announced_before.setdefault(row.name, set()).add(row.announced)
    for seen in sorted(look, key=lambda seen: seen.name):
        if not _is_taken(seen.name, rules.feed):
            continue
        known = files.get(seen.name)
        if known is not None and known.version == (seen.size_bytes, seen.mark) and not _came_again(known):
            if now_us < known.seen_at_us:  # the clock was ahead
                comparison.changed.append(_seen_anew(known, seen, now_us))
            continue
        if known is not None and known.state == "seen":
            comparison.changed.append(_seen_anew(known, seen, now_us))
            continue
        if known is not None:
            comparison.older.append(known)
        files[seen.name] = PickedFile(
            partner=rules.partner, feed=rules.feed_id, place=rules.place, name=seen.name, size_bytes=seen.size_bytes,
            mark=seen.mark, first_seen_at_us=now_us, seen_at_us=now_us,
        )  # fmt: skip
    files.update({file.name: file for file in comparison.changed})
    return comparison


def complete_files(comparison: Comparison, rules: PickupRules, now_us: int) -> list[PickedFile]:
    """Return the files to fetch now: they lie at the place, are complete, and no wait after a failure is left."""
    return [
        file
        for file in comparison.files.values()
        if file.state == "seen"
        and file.name in comparison.by_name
        and not now_us < file.next_at_us <= now_us + LONGEST_WAIT_US
        and _is_complete(file, comparison, rules, now_us)
    ]


def settling_files(comparison: Comparison, rules: PickupRules, now_us: int) -> list[PickedFile]:
    """Return the files that a later look finds complete, unless they change."""
    announced = rules.feed.done_file
    return [
        file
        for file in comparison.files.values()
        if file.state == "seen"
        and file.name in comparison.by_name
        and (not announced or announcement_mark(file, comparison, rules))
        and not _is_complete(file, comparison, rules, now_us)
    ]


def forgotten_files(comparison: Comparison, now_us: int) -> list[PickedFile]:
    """Return the rows of the ledger that tell of nothing any more: what lies at the place is never among them."""
    vanished = [file for file in comparison.files.values() if file.id and file.name not in comparison.by_name]
    return [
        file
        for file in (*vanished, *comparison.older)
        if file.state == "seen" or (file.state == "ended" and (file.ended_at_us or 0) < now_us - KEEP_ENDED_US)
    ]


def _is_taken(name: str, feed: Feed) -> bool:
    """Return whether a name is one of the feed's files, and one that a folder and the ledger can hold as it is."""
    try:
        name.encode()
    except UnicodeEncodeError:  # a file system's name that is not text
        return False
    return belongs_to_feed(name, feed) and "/" not in name and "\0" not in name and name not in {".", ".."}


def _came_again(file: PickedFile) -> bool:
    """Return whether a version that is at the place was taken away from there before."""
    return file.state == "ended" and file.after in TAKEN_AWAY


def _seen_anew(file: PickedFile, seen: Seen, now_us: int) -> PickedFile:
    """Return a file as it is seen now: it settles from now on, and earlier failures do not count."""
    return replace(
        file, size_bytes=seen.size_bytes, mark=seen.mark, seen_at_us=now_us, failures=0, failing_since_us=None,
        next_at_us=0, error="",
    )  # fmt: skip


def announcement_mark(file: PickedFile, comparison: Comparison, rules: PickupRules) -> str:
    """Return the mark of the announcement of a file; empty where there is none."""
    seen = comparison.by_name.get(rules.announcement(file.name))
    return "" if seen is None else f"{seen.size_bytes} {seen.mark}"


def _is_complete(file: PickedFile, comparison: Comparison, rules: PickupRules, now_us: int) -> bool:
    if rules.feed.done_file:
        announced = announcement_mark(file, comparison, rules)
        if not announced:
            return False
        if announced not in comparison.announced_before.get(file.name, ()):
            return True  # else it may have announced an earlier version only
    return now_us - file.seen_at_us >= rules.settled_us
