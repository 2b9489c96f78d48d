"""Configuration of a partner: `partners/<id>.toml` as frozen values. An unknown key is an error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from poc.config.endpoint import EndpointConfig
from poc.config.formats.dialect import Dialect
from poc.config.formats.format_tables import FormatTables
from poc.config.hours import Expect, Send
from poc.config.map_field import MapField
from poc.config.monolith import MonolithConfig, RouteConfig
from poc.config.pickup import Pickup
from poc.config.place import check_path
from poc.config.receipts import IntakeSettings, ReceiptSettings
from poc.config.strict import Strict

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class Budget(Strict):
    """The most bad rows that a file may have: `rows` of them, or `share` of its rows, whichever is more."""

    share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Bad rows as a share of the file's rows; with 0, only `rows` counts. From 20,000 bad rows or 4 MiB "
        "of them on, it is a share of the rows read so far, and the file is refused before its end; level 1, which "
        'refuses a file for one bad row, reads it to its end, and with `deliver = "early"` its rows are still counted.',
    )
    rows: int = Field(default=10, ge=0, description="Bad rows as a count.")

    def allows(self, bad_rows: int, rows: int) -> bool:
        """Return whether a number of bad rows in a file of `rows` rows is within the budget."""
        return bad_rows <= max(self.rows, self.share * rows)


def _gives_the_same_requests(on_suspect_encoding: str) -> bool:
    """Return whether a choice gives the requests of earlier releases, so that it is left out of the digest."""
    return on_suspect_encoding != "quarantine"


class Feed(FormatTables):
    """One feed of a partner: how its files are read, checked, mapped and sent."""

    contract: str = Field(
        description="A Table Schema file (Frictionless, version 2) in `contracts/`. `unique` and `primaryKey` hold "
        "within one file. A `number` is exact and keeps its own digits; see [Contracts](contract.md)."
    )
    files: str = Field(
        default="*.csv",
        pattern=r"^[^/]+$",
        description="Which files in `var/inbox/<id>/<feed>/` belong to the feed: a file name pattern. Hidden and "
        "unfinished files (`.part`, `.tmp`, ...) and those of systems (`~$...`, `Thumbs.db`) never do.",
    )
    format: Literal["csv", "jsonl", "json", "fixed", "xlsx", "xml", "parquet"] = Field(
        default="csv",
        description="`jsonl` is one JSON object a line, `json` a list of objects, `fixed` has columns of fixed width. "
        "`xlsx` needs the extra `excel`, `xml` the extra `xml`.",
    )
    dialect: Dialect = Field(
        default=Dialect(),
        description="How a CSV file is written. A blank line is a row only where there is one column. What lies inside "
        "an open quote belongs to its record: a broken one is quarantined with all its lines, unless it cannot be "
        "closed, because no quote follows or the next one opens a cell; then only its first line is.",
    )
    compression: Literal["none", "gzip", "zip"] = Field(
        default="none",
        description="How the file is compressed. A `zip` holds exactly one file; those that systems add, such as "
        "`__MACOSX/` or `Thumbs.db`, are passed over, and the receipt names them.",
    )
    max_size_bytes: int = Field(
        default=10 << 30, ge=1, description="Refuse a compressed file that expands to more bytes than this."
    )
    max_ratio: float = Field(
        default=200.0, ge=1, description="Refuse a compressed file that expands to more than this many times its size."
    )
    done_file: str = Field(
        default="",
        pattern=r"^[^/]*$",
        description='Name of a file that announces a complete one, such as `"{name}.done"`; a file waits until its '
        "announcement lies beside it.",
    )
    settle_s: float = Field(
        default=2.0,
        ge=0,
        description="Without `done_file`: seconds without a change after which a file is complete. Where "
        "its date lies ahead of the clock, the system's own time of its last change counts; where that lies ahead, "
        "too, as on a file server whose clock is fast, the file waits until then, and `status` says so.",
    )
    on_drift: Literal["refuse", "quarantine", "accept-extra"] = Field(
        default="refuse",
        description="What to do when the header differs from the contract: `refuse` the file, `quarantine` all its "
        "rows, or `accept-extra` columns and refuse any other difference.",
    )
    on_suspect_encoding: Literal["warn", "quarantine", "accept"] = Field(
        default="warn",
        exclude_if=_gives_the_same_requests,
        description="What to do with rows that look like UTF-8 where the encoding has one byte for each character, as "
        "`cp1252` has: `warn` once a file and deliver them as they are read, `quarantine` each, or `accept` them. "
        "New workspaces say `quarantine`.",
    )
    budget: Budget = Field(
        default=Budget(), description="How many bad rows a file may have; a file with more is refused whole."
    )
    deliver: Literal["checked", "early"] = Field(
        default="checked",
        description="`checked`: send nothing before the whole file is checked. `early`: send rows while the file is "
        "read; rows that were sent stay delivered even if the file is refused later.",
    )
    out: Literal["jsonl", "csv", "json", "fixed", "parquet"] = Field(
        default="jsonl",
        description="The format that the partner gets. `json` is one list of objects, `fixed` has columns of fixed "
        "width; `parquet` goes into a folder.",
    )
    request_rows: int = Field(default=500, ge=1, le=100_000, description="Rows of the source file in one request.")
    map: tuple[MapField, ...] = Field(
        min_length=1, description="The partner's fields in their order; a field that is not listed is not sent."
    )
    # none of these changes what a request holds, so that all are left out of the digest of the settings
    path: str | None = Field(
        default=None,
        exclude=True,
        pattern=r"^[^\s?#@]*$",
        description="What follows the endpoint's `url` for this feed, instead of the endpoint's `path`.",
    )
    pickup: Pickup | None = Field(
        default=None,
        exclude=True,
        description="A place from which the files are fetched into the inbox, where others may be put as well.",
    )
    expect: Expect | None = Field(
        default=None,
        exclude=True,
        description="When files of the feed are expected; one that does not come is an alert.",
    )
    send: Send | None = Field(
        default=None,
        exclude=True,
        description="When the feed may send. Outside these hours, files wait in the inbox; what has begun is finished.",
    )
    monolith: MonolithConfig | None = Field(
        default=None,
        exclude=True,
        description="The command that has exchanged the feed so far. With it the feed has a route, and begins at the "
        "stage `monolith`: each file is given to the command.",
    )
    route: RouteConfig = Field(
        default=RouteConfig(),
        exclude=True,
        description="From when on the feed may advance on its route; goes with `monolith`.",
    )

    @property
    def out_suffix(self) -> str:
        """What the name of a file that is written ends with, after the dot."""
        return "txt" if self.out == "fixed" else self.out

    @property
    def has_json_values(self) -> bool:
        """Whether a value of any type is read as JSON; the text of an XML element is a JSON string then."""
        return self.format in {"jsonl", "json", "xml"}

    @field_validator("path")
    @classmethod
    def _has_known_placeholders(cls, path: str | None) -> str | None:
        return None if path is None else check_path(path)

    @model_validator(mode="after")
    def _is_consistent(self) -> Feed:
        names = [field.to for field in self.map]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"the map writes {twice!r} twice")
        if self.done_file and ("{name}" not in self.done_file or self.done_file == "{name}"):
            raise ValueError(f"done_file {self.done_file!r} must hold {{name}} and more, as in '{{name}}.done'")
        if self.monolith is None and "route" in self.model_fields_set:
            raise ValueError("`route` goes with `monolith`, the command that the feed is moved from")
        self.check_format(self.format, self.dialect)
        self.check_written(self.out, names)
        return self


class RetrySchedule(Strict):
    """How often and how long a failed delivery is retried.

    `scale` stretches or shortens the whole schedule; `cap_s` is the longest wait that a partner may ask for; after
    `breaker_failures` in a row, the circuit breaker opens for `breaker_s`, then twice that, an hour at the most.
    """

    scale: float = Field(default=1.0, gt=0, le=100, description="Multiply every wait of the schedule by this number.")
    cap_s: float = Field(
        default=86_400.0, gt=0, description="The longest wait in seconds, even if the partner asks for a longer one."
    )
    breaker_failures: int = Field(
        default=5, ge=1, description="Failures in a row after which nothing is sent to the partner for a while."
    )
    breaker_s: float = Field(
        default=60.0,
        gt=0,
        description="Seconds of the first such pause. Each further pause is twice as long, at most an hour (times "
        "`scale`). After a pause, one request is sent as a probe.",
    )


class Partner(Strict):
    """One partner: `partners/<id>.toml`."""

    version: Literal[1] = Field(alias="schema", description="Version of this file's format.")
    id: Name = Field(description="The partner's id: the name of the file without `.toml`.")
    name: str = Field(description="The partner's name for people.")
    endpoint: EndpointConfig = Field(description="Where the partner takes deliveries.")
    retry: RetrySchedule = Field(default=RetrySchedule(), description="When a failed delivery is tried again.")
    cap: int | None = Field(
        default=None,
        ge=1,
        description="The most feeds of the partner that are worked on at once; by default an eighth of `[work] slots` "
        "in `milepost.toml`, at least 1.",
    )
    rate: str | None = Field(
        default=None,
        pattern=r"^[1-9][0-9]{0,3}/s$",
        description='The most requests in a second, such as `"5/s"`, over all feeds; as many as possible by default.',
    )
    receipts: ReceiptSettings | None = Field(
        default=None, description="Give the partner a receipt of each file that came in. Without it, there are none."
    )
    intake: IntakeSettings | None = Field(
        default=None, description="Let the partner hand in files by HTTP. Without it, such requests are refused."
    )
    feed: dict[Name, Feed] = Field(min_length=1, description="One table `[feed.NAME]` for each feed.")

    @property
    def gets_receipts(self) -> bool:
        """Whether receipts of the partner's files are made: to be written, or to be asked for by HTTP."""
        return self.receipts is not None or self.intake is not None

    @model_validator(mode="after")
    def _folders_get_whole_files(self) -> Partner:
        if self.endpoint.takes_files and self.rate is not None:
            raise ValueError("`rate` goes with a web address; a folder gets no requests")
        for name, feed in self.feed.items():
            if self.endpoint.span_files and feed.out != "jsonl":
                raise ValueError(f'feed {name!r}: `span_files` goes with `out = "jsonl"`')
            if self.endpoint.body != "jsonl" and feed.out != "jsonl":
                raise ValueError(f'feed {name!r}: `body = "{self.endpoint.body}"` goes with `out = "jsonl"`')
            if self.endpoint.body == "row" and "request_rows" in feed.model_fields_set and feed.request_rows != 1:
                raise ValueError(f'feed {name!r}: `body = "row"` sends one row in a request; remove `request_rows`')
            if not self.endpoint.takes_files and (feed.out == "parquet" or feed.out_header or feed.out_trailer):
                keys = '`out = "parquet"`, `out_header` and `out_trailer`'
                raise ValueError(f"feed {name!r}: {keys} go with a folder or place, which gets whole files")
            if self.endpoint.takes_files and feed.monolith is not None and feed.monolith.output.capture:
                raise ValueError(
                    f'feed {name!r}: `capture = "http"` goes with a `url`; name the `folder` of the output'
                )
            if self.endpoint.folder is not None and feed.path is not None:
                raise ValueError(f"feed {name!r}: `path` goes with a `url`")
            if self.endpoint.takes_files and feed.deliver == "early":
                text = 'a folder or place gets whole files; `deliver = "early"` goes with a web address'
                raise ValueError(f"feed {name!r}: {text}")
        return self
