"""Settings of formats with nested values, JSON and XML: where in a record each field is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from poc.config.strict import Strict

Key = Annotated[str, Field(min_length=1)]


class JsonPaths(Strict):
    """Where in a JSON record the fields of the contract are. Without this table, a record is flat."""

    paths: dict[str, str | Annotated[tuple[Key, ...], Field(min_length=1)]] = Field(
        default={},
        description='The path of a field whose name is not its path, such as `{ city = "buyer.address.city" }`; as a '
        'list where a key has a dot in it: `["buyer", "e.mail"]`. A number chooses an element of a list, from 0.',
    )
    records: str = Field(
        default="",
        description='With `format = "json"`: the path of the list of records, such as `data.orders`; empty where the '
        "file is that list.",
    )
    explode: str = Field(
        default="",
        description="The path of a list in a record, such as `lines`: each element becomes a row, with the values "
        "around the list. A record with an empty list, or without it, is one row without these values.",
    )

    def steps(self, name: str) -> tuple[str, ...]:
        """Return the steps of a field's path: those of `paths`, or of its name."""
        path = self.paths.get(name, name)
        return tuple(path.split(".")) if isinstance(path, str) else path


class XmlRecords(Strict):
    """Where in an XML file the records and their fields are. Names may have a prefix of `namespaces`."""

    record: str = Field(
        min_length=1,
        description="The element that is a row, such as `order` or `inv:Invoice`, wherever it is in the file.",
    )
    paths: dict[str, str] = Field(
        default={},
        description="The path of a field inside the record where its name is not its path: elements with `/` between "
        'them, and at the end `@name` for an attribute, such as `{ currency = "total/@currency" }`; `.` is the text '
        "of the record itself. `line[2]` is the second `line`.",
    )
    namespaces: dict[Key, Key] = Field(
        default={},
        description='The namespaces of prefixes in `record` and `paths`, such as `{ inv = "urn:example:invoice" }`. '
        "A name without a prefix means an element of any namespace.",
    )

    @field_validator("record")
    @classmethod
    def _is_one_name(cls, record: str) -> str:
        if "/" in record or "@" in record:
            raise ValueError(f"record {record!r} must be the name of one element, such as 'order'")
        return record
