"""Header against contract: drift is named once, as what it is."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from poc.batch import Finding
from poc.errors import ContractBreach
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Labels that a sentence lists at the most, and that cannot be used and are named.
MAX_LISTED_LABELS = 10
MAX_UNUSABLE_LABELS = 100


class SchemaDrift(ContractBreach):
    """A header, or first record, that is not the contract's; `findings` say how, the error the first of them."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__(findings[0].code, "; ".join(finding.note for finding in findings[:MAX_LISTED_LABELS]))
        self.findings = findings


class ExpectedFields(Protocol):
    """What a format needs to know of a contract."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its fields in order."""

    @property
    def types(self) -> Mapping[str, str]:
        """The Table Schema type of each field."""

    @property
    def missing_values(self) -> tuple[str, ...]:
        """Texts that stand for no value."""

    @property
    def field_missing(self) -> Mapping[str, tuple[str, ...]]:
        """Such texts of the fields that have their own, which then stand alone."""

    @property
    def required(self) -> tuple[str, ...]:
        """Fields that must have a value in every row."""

    @property
    def fields_match(self) -> str:
        """How the fields of a file must match: exact, equal, subset, superset or partial."""


def allows_extra_fields(shape: ExpectedFields) -> bool:
    """Whether a file may have fields that the contract does not know."""
    return shape.fields_match in {"subset", "partial"}


def allows_missing_fields(shape: ExpectedFields) -> bool:
    """Whether a file may lack fields of the contract."""
    return shape.fields_match in {"superset", "partial"}


def compare_header(found: Sequence[str], shape: ExpectedFields, *, accept_extra: bool) -> tuple[Finding, ...]:
    """Hold a header against the contract.

    Args:
        found: the file's labels.
        shape: the contract's names, and how they must match: `exact` by name and order, all others by name; `subset`
            lets a file have more, `superset` fewer, `partial` both (but one of them at least).
        accept_extra: columns that the contract does not know are read over, and noted.

    Returns:
        Notes of what was read over, of row 0.

    Raises:
        Drift: the header is another; the message says how, each finding has the code Frictionless has for it.
    """
    if tuple(found) == shape.names:
        return ()
    wanted = shape.names
    extra = [label for label in found if label not in wanted]
    missing = [name for name in wanted if name not in found]
    drift = [*unusable_labels(found)]
    allowed, may_lack = allows_extra_fields(shape) or accept_extra, allows_missing_fields(shape)
    renamed = {}
    if missing and len(found) == len(wanted) and not may_lack:
        renamed = {w: f for w, f in zip(wanted, found, strict=True) if w in missing and f in extra and f}
    for name, label in renamed.items():
        note = f"column {wanted.index(name) + 1} is {truncate(label)!r} instead of {name!r}; it was probably renamed"
        drift.append(Finding(0, "incorrect-label", name, note))
    lost = [name for name in missing if name not in renamed]
    if lost and not may_lack:
        drift.append(
            Finding(0, "missing-label", lost[0], f"the header lacks {list_labels(lost)}; it has {list_labels(found)}")
        )
    elif len(missing) == len(wanted) and not renamed:
        names = list_labels(wanted)
        note = f"the header has none of the contract's fields; it has {list_labels(found)}, agreed is {names}"
        drift.append(Finding(0, "missing-label", wanted[0], note))
    over = [label for label in extra if label and label not in renamed.values()]
    notes: list[Finding] = []
    if over and not allowed:
        note = f"the header has {list_labels(over)}, which the contract does not know"
        drift.append(Finding(0, "extra-label", truncate(over[0]), note))
    elif over and not allows_extra_fields(shape):
        notes = [
            Finding(0, "extra-label", name, f"column {name!r} is not in the contract; read over")
            for name in map(truncate, over)
        ]
    order = [label for label in found if label in wanted]
    if not drift and shape.fields_match == "exact" and order != list(wanted):
        note = f"the header's order is {list_labels(order)}; agreed is {list_labels(wanted)}"
        drift.append(Finding(0, "incorrect-label", first_misplaced(order, wanted), note))
    if drift:
        raise SchemaDrift(tuple(drift))
    return tuple(notes)


def compare_record(keys: Sequence[str], shape: ExpectedFields, *, accept_extra: bool) -> None:
    """Hold the keys of a file's first record against the contract, where there is no header.

    Args:
        keys: as they stand there; their order means nothing.
        shape: as for `compare`. A record need not have the keys of values that it does not have, so a field that is
            not required may be absent whatever `fieldsMatch` says.
        accept_extra: keys that the contract does not know are read over.

    Raises:
        Drift: it has keys that the contract does not know and may not have them, lacks a required one and may not, or
            has none of the contract's; or a key stands in the place of one that is absent, and was probably renamed.
    """
    wanted = shape.names
    extra, missing = [key for key in keys if key not in wanted], [name for name in wanted if name not in keys]
    has = f"the first record has {list_labels(keys)}"
    drift: list[Finding] = []
    if not allows_missing_fields(shape):
        renamed = dict(zip(wanted, keys, strict=True)) if len(keys) == len(wanted) else {}
        for name in [name for name in missing if renamed.get(name, name) in extra]:
            label = renamed[name]
            extra.remove(label)
            missing.remove(name)
            note = f"the first record has {truncate(label)!r} instead of {name!r}; it was probably renamed"
            drift.append(Finding(0, "incorrect-label", name, note))
        if lost := [name for name in missing if name in shape.required]:
            drift.append(Finding(0, "missing-label", lost[0], f"the first record lacks {list_labels(lost)}; {has}"))
    if extra and not (allows_extra_fields(shape) or accept_extra):
        note = f"the first record has {list_labels(extra)}, which the contract does not know"
        note += f"; it lacks {list_labels(missing)}" if missing else ""
        drift.append(Finding(0, "extra-label", truncate(extra[0]), note))
    elif extra and not drift and len(missing) == len(wanted):
        note = f"the first record has none of the contract's fields; {has}, agreed is {list_labels(wanted)}"
        drift.append(Finding(0, "missing-label", wanted[0], note))
    if drift:
        raise SchemaDrift(tuple(drift))


def unusable_labels(found: Sequence[str]) -> list[Finding]:
    """Labels by which no column can be told: blank ones, and those that stand twice; the first of many."""
    blank = (
        Finding(0, "blank-label", "", f"column {place} has no label")
        for place, label in enumerate(found, 1)
        if not label.strip()
    )
    drift = [*islice(blank, MAX_UNUSABLE_LABELS)]
    twice = (label for label, times in Counter(found).items() if times > 1 and label.strip())
    places: dict[str, list[str]] = {label: [] for label in islice(twice, MAX_UNUSABLE_LABELS)}
    for place, label in enumerate(found, 1):
        if label in places:
            places[label].append(str(place))
    for label, columns in places.items():
        note = f"label {truncate(label)!r} stands {len(columns)} times, in columns {list_labels(columns)}"
        drift.append(Finding(0, "duplicate-label", truncate(label), note))
    return drift


def first_misplaced(order: Sequence[str], wanted: Sequence[str]) -> str:
    """The first field that stands elsewhere."""
    return next(name for name, label in zip(wanted, order, strict=True) if name != label)


def list_labels(labels: Sequence[str]) -> str:
    """Labels in a row, the first of many."""
    more = len(labels) - MAX_LISTED_LABELS
    return ", ".join(map(truncate, labels[:MAX_LISTED_LABELS])) + (f" and {more} more" if more > 0 else "")
