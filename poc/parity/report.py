"""A report of differences, as JSON and as lines of text; values are masked unless they are asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from poc.parity.causes.names import CAUSES
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from poc.parity.dispositions import Dispositions
    from poc.parity.result import Comparison, Example

#: The most examples of a cause that are shown.
MAX_SHOWN = 20

#: The sides of a comparison, as two files have no names of their own.
SIDES = ("left", "right")

#: The sides of a feed's comparison.
FEED_SIDES = ("of the monolith", "of the service")

#: Order of the causes in a report.
RANKS = {cause: rank for rank, cause in enumerate(CAUSES)}


def mask(text: str | None) -> str | None:
    """Return the shape of a value: each letter as `x` or `X`, each digit as `9`, all other characters as they are."""
    if text is None:
        return None
    shape = re.sub(r"[^\W\d_]", lambda match: "X" if match[0].isupper() else "x", text)
    return re.sub(r"\d", "9", shape)


def cause_rows(
    differences: Mapping[tuple[str, str], int], feed: str, dispositions: Dispositions | None, today: date
) -> list[dict[str, Any]]:
    """Return one row for each field and cause: its count and the disposition that explains it, None if none does."""
    rows = []
    for (name, cause), count in sorted(differences.items(), key=lambda item: (RANKS[item[0][1]], item[0][0])):
        found = None if dispositions is None else dispositions.find(feed, name, cause, today)
        rows.append(
            {
                "cause": cause, "field": name, "differences": count,
                "decision": found and found.decision, "reason": found and found.reason, "owner": found and found.owner,
                "until": found and found.until and found.until.isoformat(),
            }
        )  # fmt: skip
    return rows


def example_rows(examples: Iterable[tuple[str, Example]], *, values: bool) -> list[dict[str, Any]]:
    """Return examples as JSON, each with the file that it is of, at most `MAX_SHOWN` of a cause, in the causes' order.

    The file is "" for a comparison of two files.
    """
    show = truncated if values else masked
    counts = dict.fromkeys(CAUSES, 0)
    rows = []
    for file, example in sorted(examples, key=lambda each: RANKS[each[1].cause]):
        counts[example.cause] += 1
        if counts[example.cause] <= MAX_SHOWN:
            rows.append(
                {
                    "cause": example.cause, "field": example.field, "left_record": example.left_record,
                    "right_record": example.right_record, "left": show(example.left), "right": show(example.right),
                    "key": [show(text) for text in example.key], **({"file": file} if file else {}),
                }
            )  # fmt: skip
    return rows


def masked(text: str | None) -> str | None:
    """Return the beginning of a value's shape."""
    return truncated(mask(text))


def truncated(text: str | None) -> str | None:
    """Return the beginning of a value."""
    return None if text is None else truncate(text)


def comparison_json(result: Comparison, today: date, *, values: bool) -> dict[str, Any]:
    """Return a comparison of two files as JSON."""
    return {
        "left": {"name": result.left_name, "records": result.left_records, "unreadable": result.left_unreadable},
        "right": {"name": result.right_name, "records": result.right_records, "unreadable": result.right_unreadable},
        "key": list(result.key),
        "equal_records": result.equal_records,
        "different_records": result.different_records,
        "differences": sum(result.differences.values()),
        "causes": cause_rows(result.differences, "", None, today),
        "examples": example_rows((("", e) for part in result.examples.values() for e in part), values=values),
    }


def comparison_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield a comparison of two files as lines of text, from its JSON."""
    for side in (report["left"], report["right"]):
        unreadable = f", {side['unreadable']:,} of them not readable as a record" if side["unreadable"] else ""
        yield f"{side['name']}: {side['records']:,} records{unreadable}"
    by = f"by {', '.join(report['key'])}" if report["key"] else "as whole records; --key compares them by a key"
    yield (
        f"Compared {by}: {report['equal_records']:,} equal, {report['different_records']:,} in both and different, "
        f"{report['differences']:,} differences"
    )
    yield from cause_lines(report["causes"], report["examples"])


def cause_lines(
    causes: Sequence[Mapping[str, Any]], examples: Sequence[Mapping[str, Any]], sides: tuple[str, str] = SIDES
) -> Iterator[str]:
    """Yield rows of causes as lines of text, each with its examples; `sides` are the names of both."""
    for row in causes:
        where = f" in {row['field']}" if row["field"] else ""
        yield f"{row['cause']}{where}: {row['differences']:,}{decision_text(row)}"
        for example in examples:
            if (example["cause"], example["field"]) == (row["cause"], row["field"]):
                yield f"  {example_text(example, sides)}"


def decision_text(row: Mapping[str, Any]) -> str:
    """Return the disposition of a row of causes in words, empty where there is none."""
    if row["decision"] is None:
        return ""
    until = f" until {row['until']}" if row["until"] else ""
    return f", {row['decision']}{until} ({row['owner']}: {row['reason']})"


def example_text(example: Mapping[str, Any], sides: tuple[str, str] = SIDES) -> str:
    """Return an example in words."""
    places = [
        f"record {number:,} {side}"
        for side, number in zip(sides, (example["left_record"], example["right_record"]), strict=True)
        if number is not None
    ]
    key = f", {', '.join('no value' if text is None else text for text in example['key'])}" if example["key"] else ""
    texts = [repr(example[side]) if example[side] is not None else "no value" for side in SIDES]
    file = f"{example['file']}: " if "file" in example else ""
    if example["left_record"] is None and example["right_record"] is None:
        return f"{file}the whole field"
    shown = f": {texts[0]} / {texts[1]}" if len(places) == 2 else ""
    return f"{file}{' and '.join(places)}{key}{shown}"
