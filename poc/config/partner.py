"""What is agreed with a partner: `partners/<id>.toml` as frozen values. An unknown key is an error."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class Strict(BaseModel):
    """A frozen value that takes only the keys it names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MapField(Strict):
    """One field of what the partner gets.

    `from` copies a field; `times` scales it, rounded to `decimals`; `plus_minutes` names a field of minutes to add to a
    datetime; `join` writes several fields one after the other.
    """

    to: str = Field(min_length=1, pattern=r"^[^_]")
    source: str | None = Field(default=None, alias="from")
    join: tuple[str, ...] = ()
    times: float | None = None
    decimals: int = Field(default=3, ge=0, le=9)
    plus_minutes: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> MapField:
        if (self.source is None) == (not self.join):
            raise ValueError(f"field {self.to!r} needs either `from` or `join`")
        if self.join and (self.times is not None or self.plus_minutes is not None):
            raise ValueError(f"field {self.to!r}: `times` and `plus_minutes` go with `from`, not with `join`")
        if self.times is not None and self.plus_minutes is not None:
            raise ValueError(f"field {self.to!r} has both `times` and `plus_minutes`; choose one")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """The contract fields it reads."""
        return tuple(name for name in (self.source, *self.join, self.plus_minutes) if name)


class Dialect(Strict):
    """How a text file is written. Nothing is guessed when a file is read."""

    encoding: Literal["utf-8", "ascii", "latin-1", "iso-8859-15", "cp1252", "utf-16"] = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', max_length=1)  # "" for files that know no quotes
    escape: str = Field(default="", max_length=1)  # "" where a quote is written twice
    header: bool = True
    preamble_lines: int = Field(default=0, ge=0, le=10_000)
    nulls: tuple[str, ...] = ()
    line_end: Literal["any", "lf", "crlf", "cr"] = "any"

    @model_validator(mode="after")
    def _apart(self) -> Dialect:
        used = [sign for sign in (self.delimiter, self.quote, self.escape) if sign]
        for sign in used:
            if not sign.isascii() or sign in "\r\n":
                raise ValueError(f"{sign!r} cannot be used as a sign; choose one ASCII character that ends no line")
        if len(set(used)) != len(used):
            raise ValueError("delimiter, quote and escape must differ")
        return self


class Budget(Strict):
    """Bad rows that a file may have: `rows` of them, or `share` of its rows, whichever is more."""

    share: float = Field(default=0.1, ge=0, le=1)
    rows: int = Field(default=10, ge=0)

    def allows(self, bad: int, rows: int) -> bool:
        """Whether so many bad rows among so many are within it."""
        return bad <= max(self.rows, self.share * rows)


class Feed(Strict):
    """What flows to a partner: how files are read, checked, mapped and sent."""

    contract: str
    files: str = Field(default="*.csv", pattern=r"^[^/]+$")
    format: Literal["csv", "jsonl"] = "csv"
    dialect: Dialect = Dialect()
    compression: Literal["none", "gzip", "zip"] = "none"
    max_size_bytes: int = Field(default=10 << 30, ge=1)  # of what comes out of a compressed file
    max_ratio: float = Field(default=200.0, ge=1)  # of bytes out to bytes in
    done_file: str = Field(default="", pattern=r"^[^/]*$")  # "{name}.done": a file is whole once that stands beside it
    settle_s: float = Field(default=2.0, ge=0)
    on_drift: Literal["refuse", "quarantine", "accept-extra"] = "refuse"
    budget: Budget = Budget()
    deliver: Literal["checked", "early"] = "checked"
    out: Literal["jsonl", "csv"] = "jsonl"
    request_rows: int = Field(default=500, ge=1, le=100_000)
    map: tuple[MapField, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> Feed:
        names = [field.to for field in self.map]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"the map writes {twice!r} twice")
        if self.done_file and ("{name}" not in self.done_file or self.done_file == "{name}"):
            raise ValueError(f"done_file {self.done_file!r} must hold {{name}} and more, as in '{{name}}.done'")
        return self


#: A secret is only ever named: where it stands, never what it is.
REFERENCE = re.compile(r"(?:(?:Bearer|Basic|Token) )?\$\{(env|file):([^}]+)\}")


class Endpoint(Strict):
    """Where a partner takes deliveries: a `url`, to which the feed's name is appended, or a `folder`.

    `honours_keys` says that the partner takes a request with an `Idempotency-Key` it has seen as done. Without it, a
    request whose answer was lost is never sent again by itself.
    """

    # neither a password before the host nor a query: what stands here is shown in messages
    url: str | None = Field(
        default=None, pattern=r"^https?://(\[[0-9A-Fa-f:.]+\]|[^\s/@?#:\[\]]+)(:[0-9]+)?(/[^\s?#@]*)?$"
    )
    folder: str | None = None
    timeout_s: float = Field(default=2.0, gt=0, le=600)
    honours_keys: bool = False
    secret_headers: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_place(self) -> Endpoint:
        if self.url is not None and self.folder is not None:
            raise ValueError("has both `url` and `folder`; choose one")
        if self.url is None and self.folder is None:
            raise ValueError("needs either `url` or `folder`")
        if self.folder is not None and self.secret_headers:
            raise ValueError("`secret_headers` go with `url`")
        for name, value in self.secret_headers.items():
            if not REFERENCE.fullmatch(value):
                # the value is a secret by what it is for, so it is not shown
                raise ValueError(f"secret_headers.{name} holds a secret; write `${{env:NAME}}` or `${{file:PATH}}`")
        return self


class Retry(Strict):
    """How often and how long a failed delivery is tried again.

    `scale` stretches or shortens the whole schedule; `cap_s` is the longest wait that a partner may ask for;
    `breaker_failures` in a row, and the partner is left alone for `breaker_s`, then twice that, an hour at the most.
    """

    scale: float = Field(default=1.0, gt=0, le=100)
    cap_s: float = Field(default=86_400.0, gt=0)
    breaker_failures: int = Field(default=5, ge=1)
    breaker_s: float = Field(default=60.0, gt=0)


class Partner(Strict):
    """One partner: `partners/<id>.toml`."""

    version: Literal[1] = Field(alias="schema")
    id: Name
    name: str
    endpoint: Endpoint
    retry: Retry = Retry()
    feed: dict[Name, Feed] = Field(min_length=1)

    @model_validator(mode="after")
    def _whole_files(self) -> Partner:
        for name, feed in self.feed.items():
            if self.endpoint.folder is not None and feed.deliver == "early":
                raise ValueError(f'feed {name!r}: a folder gets whole files; `deliver = "early"` goes with a `url`')
        return self
