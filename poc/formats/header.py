"""Compare a header or first record with the contract, and report schema drift once per file, not once per row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping  # noqa: TC003 - types of a dataclass
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from poc.batch import Finding
from poc.errors import ContractBreach
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The most labels that a sentence lists, and the most unusable labels that are reported.
MAX_LISTED_LABELS = 10
MAX_UNUSABLE_LABELS = 100


class SchemaDrift(ContractBreach):
    """A header or first record that differs from the contract; `findings` say how, the message has the first ones."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__(findings[0].code, "; ".join(finding.note for finding in findings[:MAX_LISTED_LABELS]))
        self.findings = findings


class ExpectedFields(Protocol):
    """The parts of a contract that a format needs."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields in order."""

    @property
    def types(self) -> Mapping[str, str]:
        """The Table Schema type of each field."""

    @property
    def formats(self) -> Mapping[str, str]:
        """The Table Schema format of each field, `default` where it has none."""

    @property
    def decimal_chars(self) -> Mapping[str, str]:
        """The decimal mark of each field of numbers in which it is not a point."""

    @property
    def group_chars(self) -> Mapping[str, str]:
        """The mark between groups of digits of each field of numbers that has one."""

    @property
    def boolean_texts(self) -> Mapping[str, tuple[str, str]]:
        """The texts of true and false in each field of booleans."""

    @property
    def missing_values(self) -> tuple[str, ...]:
        """Texts that mean a missing value."""

    @property
    def field_missing(self) -> Mapping[str, tuple[str, ...]]:
        """The missing values of each field that has its own, which replace the general ones."""

    @property
    def required(self) -> tuple[str, ...]:
        """Fields that must have a value in every row."""

    @property
    def fields_match(self) -> str:
        """How the fields of a file must match: exact, equal, subset, superset or partial."""


@dataclass(frozen=True, slots=True)
class HeaderFields:
    """The fields of a file as its own header names them, all of them texts; see `ExpectedFields`."""

    names: tuple[str, ...]
    missing_values: tuple[str, ...] = ("",)
    types: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    decimal_chars: Mapping[str, str] = field(default_factory=dict)
    group_chars: Mapping[str, str] = field(default_factory=dict)
    boolean_texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    field_missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    fields_match: str = "exact"


def allows_extra_fields(expected: ExpectedFields) -> bool:
    """Return whether a file may have fields beyond the contract."""
    return expected.fields_match in {"subset", "partial"}


def allows_missing_fields(expected: ExpectedFields) -> bool:
    """Return whether a file may lack fields of the contract."""
    return expected.fields_match in {"superset", "partial"}


def compare_header(labels: Sequence[str], expected: ExpectedFields, *, accept_extra: bool) -> tuple[Finding, ...]:
    """Compare a header with the contract.

    Args:
        labels: of the file.
        expected: the contract's names, and how they must match: `exact` by name and order, all others by name; with
            `subset` a file may have more, with `superset` fewer, with `partial` both (but at least one of them).
        accept_extra: ignore columns beyond the contract, and note them.

    Returns:
        Notes on ignored columns, of row 0.

    Raises:
        SchemaDrift: the header differs; the message says how, and each finding has the Frictionless error code.
    """
    if tuple(labels) == expected.names:
        return ()
    names = expected.names
    extra = [label for label in labels if label not in names]
    missing = [name for name in names if name not in labels]
    drift = [*unusable_labels(labels)]
    allowed, may_lack = allows_extra_fields(expected) or accept_extra, allows_missing_fields(expected)
    renamed: dict[str, str] = {}
    if missing and len(labels) == len(names) and not may_lack:
        renamed = {
            name: label
            for name, label in zip(names, labels, strict=True)
            if name in missing and label in extra and label
        }
    for name, label in renamed.items():
        note = f"column {names.index(name) + 1} is {truncate(label)!r} instead of {name!r}; it was probably renamed"
        drift.append(Finding(0, "incorrect-label", name, note))
    absent = [name for name in missing if name not in renamed]
    if absent and not may_lack:
        note = f"the header lacks {list_labels(absent)}; it has {list_labels(labels)}"
        drift.append(Finding(0, "missing-label", absent[0], note))
    elif len(missing) == len(names) and not renamed:
        note = f"the header has none of the contract's fields; it has {list_labels(labels)}, "
        note += f"agreed is {list_labels(names)}"
        drift.append(Finding(0, "missing-label", names[0], note))
    unexpected = [label for label in extra if label and label not in renamed.values()]
    notes: list[Finding] = []
    if unexpected and not allowed:
        note = f"the header has {list_labels(unexpected)}, which the contract does not know"
        drift.append(Finding(0, "extra-label", truncate(unexpected[0]), note))
    elif unexpected and not allows_extra_fields(expected):
        notes = [
            Finding(0, "extra-label", name, f"column {name!r} is not in the contract; ignored")
            for name in map(truncate, unexpected)
        ]
    order = [label for label in labels if label in names]
    if not drift and expected.fields_match == "exact" and order != list(names):
        note = f"the header's order is {list_labels(order)}; agreed is {list_labels(names)}"
        note += '; `"fieldsMatch": "equal"` in the contract takes any order'
        drift.append(Finding(0, "incorrect-label", first_misplaced(order, names), note))
    if drift:
        raise SchemaDrift(tuple(drift))
    return tuple(notes)


def compare_record(keys: Sequence[str], expected: ExpectedFields, *, accept_extra: bool) -> None:
    """Compare the keys of a file's first record with the contract, for a format without a header.

    Args:
        keys: of the record; their order does not matter.
        expected: as for `compare_header`. A record may omit the key of a missing value, so a field that is not required
            may be absent for any `fieldsMatch`.
        accept_extra: ignore keys beyond the contract.

    Raises:
        SchemaDrift: the record has keys beyond the contract that are not allowed, lacks a required one, or has none of
            the contract's; or a key takes the position of an absent one, which was probably renamed.
    """
    names = expected.names
    extra, missing = [key for key in keys if key not in names], [name for name in names if name not in keys]
    has = f"the first record has {list_labels(keys)}"
    drift: list[Finding] = []
    if not allows_missing_fields(expected):
        renamed = dict(zip(names, keys, strict=True)) if len(keys) == len(names) else {}
        for name in [name for name in missing if renamed.get(name, name) in extra]:
            label = renamed[name]
            extra.remove(label)
            missing.remove(name)
            note = f"the first record has {truncate(label)!r} instead of {name!r}; it was probably renamed"
            drift.append(Finding(0, "incorrect-label", name, note))
        if absent := [name for name in missing if name in expected.required]:
            drift.append(Finding(0, "missing-label", absent[0], f"the first record lacks {list_labels(absent)}; {has}"))
    if extra and not (allows_extra_fields(expected) or accept_extra):
        note = f"the first record has {list_labels(extra)}, which the contract does not know"
        note += f"; it lacks {list_labels(missing)}" if missing else ""
        drift.append(Finding(0, "extra-label", truncate(extra[0]), note))
    elif extra and not drift and len(missing) == len(names):
        note = f"the first record has none of the contract's fields; {has}, agreed is {list_labels(names)}"
        drift.append(Finding(0, "missing-label", names[0], note))
    if drift:
        raise SchemaDrift(tuple(drift))


def unusable_labels(labels: Sequence[str]) -> list[Finding]:
    """Return findings for labels that identify no column: blank and repeated ones, up to a limit."""
    blank = (
        Finding(0, "blank-label", "", f"column {place} has no label")
        for place, label in enumerate(labels, 1)
        if not label.strip()
    )
    drift = [*islice(blank, MAX_UNUSABLE_LABELS)]
    twice = (label for label, times in Counter(labels).items() if times > 1 and label.strip())
    places: dict[str, list[str]] = {label: [] for label in islice(twice, MAX_UNUSABLE_LABELS)}
    for place, label in enumerate(labels, 1):
        if label in places:
            places[label].append(str(place))
    for label, columns in places.items():
        note = f"label {truncate(label)!r} occurs {len(columns)} times, in columns {list_labels(columns)}"
        drift.append(Finding(0, "duplicate-label", truncate(label), note))
    return drift


def first_misplaced(order: Sequence[str], names: Sequence[str]) -> str:
    """Return the first field that is in another position than expected."""
    return next(name for name, label in zip(names, order, strict=True) if name != label)


def list_labels(labels: Sequence[str]) -> str:
    """List labels, the first ones if there are many."""
    more = len(labels) - MAX_LISTED_LABELS
    return ", ".join(map(truncate, labels[:MAX_LISTED_LABELS])) + (f" and {more} more" if more > 0 else "")
