"""Configuration of a partner's endpoint: the table `[endpoint]` of `partners/<id>.toml`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from poc.config.credentials import BasicConfig, BearerConfig, Credential, OAuth2Config, SignConfig, check_credentials
from poc.config.place import Destination, PlaceAccess, PlaceConfig, check_access
from poc.config.strict import Strict

#: Reference to a secret: the name of its variable or file, never its value.
SECRET_REFERENCE = re.compile(r"(?:(?:Bearer|Basic|Token) )?\$\{(env|file):([^}]+)\}")


#: Headers that no configuration may set, because they determine how a request is read.
RESERVED_HEADERS = frozenset({
    "host", "connection", "content-length", "transfer-encoding", "expect", "te", "trailer", "upgrade",
    "accept-encoding", "date", "idempotency-key", "milepost-file", "milepost-slot", "milepost-slots",
})  # fmt: skip

#: A name of a header; a valid value: visible ASCII characters, with spaces between them; names that usually have
#: secret values; and how a value begins that is one, whatever its name.
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")
SECRET_NAME = re.compile(r"authorization|cookie|token|secret|passw|api-?key|credential", re.IGNORECASE)
SECRET_VALUE = re.compile(r"(?:Bearer|Basic|Token) ", re.IGNORECASE)

#: Tables of an endpoint that say how the partner recognises us.
CREDENTIAL_TABLES = ("sign", "basic", "bearer", "oauth2")

MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+")


#: Steps of a delivery to a place, each with its own time-out: sign in, begin the file, end it, give it its name.
STEPS = 4


class Success(Strict):
    """What the answer to a request must be so that its rows count as delivered; all given keys must hold.

    An answer of 2xx that is something else leaves open what the partner took: the request is sent again with the same
    key, or is ambiguous where the partner does not honour keys.
    """

    status: tuple[Annotated[int, Field(ge=200, le=399)], ...] = Field(
        default=(), description="The statuses of a success. Without it, every 2xx but 206 and 207."
    )
    content_type: str = Field(
        default="", description='The media type of the answer, without parameters, such as `"application/json"`.'
    )
    pointer: str | None = Field(
        default=None,
        alias="json",
        pattern="^(/.*)?$",
        description="Where in the JSON of the answer the value of `equals` must be: a JSON Pointer (RFC 6901), "
        'such as `"/ok"`.',
    )
    equals: bool | int | float | str | None = Field(
        default=None, description="The value that must be there; `true` and 1 are different, 1 and 1.0 are not."
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Success:
        if (self.pointer is None) != (self.equals is None):
            raise ValueError("`json` and `equals` go together: where a value is, and what it must be")
        if self.content_type and not MEDIA_TYPE.fullmatch(self.content_type):
            raise ValueError(
                f"content_type {self.content_type!r} is not a media type; write one like 'application/json'"
            )
        return self


class EndpointConfig(PlaceAccess, Destination):
    """Where a partner receives deliveries: a `url`, to which a `path` is appended, or a `folder`.

    A `url` is that of a web address, which gets requests, or of a place such as an SFTP server, which gets files.

    `honours_keys`: the partner treats a request with an `Idempotency-Key` it has already seen as done. Without it, a
    request whose answer was lost is never sent again automatically.
    """

    timeout_s: float = Field(
        default=2.0,
        gt=0,
        le=600,
        description="Seconds from the beginning of a request to the end of its answer: one deadline over connecting, "
        "TLS, sending and reading. At a place, the seconds that one step may take, 30 by default.",
    )
    honours_keys: bool = Field(
        default=False,
        description="Whether the partner recognises a repeated `Idempotency-Key` and does not take the request twice. "
        "If `false`, a request whose answer was lost is never sent again automatically; it is listed as ambiguous.",
    )
    parallel: int = Field(
        default=1,
        ge=1,
        le=32,
        description="The most requests of a feed that are under way at once, since level 5. With 1, they arrive in the "
        "order of their rows. More need a partner that honours keys.",
    )
    span_files: bool = Field(
        default=False,
        description="Whether one request may have rows of several small files, since level 5; see the header "
        "`Milepost-Slots`. It needs a partner that honours keys, and JSON Lines.",
    )
    body: Literal["jsonl", "json", "row"] = Field(
        default="jsonl",
        description="What a request holds: `jsonl` is one JSON object a line, `json` a JSON array of objects, and "
        '`row` one object, so that each row is a request of its own. It goes with feeds of `out = "jsonl"`.',
    )
    headers: dict[str, str] = Field(
        default={},
        description='Headers of each request, such as `{ Accept = "application/json" }`; `Content-Type` replaces ours. '
        "A value may name a secret as in `secret_headers`.",
    )
    secret_headers: dict[str, str] = Field(
        default={},
        description="Headers with a secret value. Name the secret by `${env:NAME}` or `${file:PATH}`, after `Bearer `, "
        "`Basic ` or `Token ` if needed. A literal secret is an error.",
    )

    success: Success | None = Field(
        default=None,
        description="What the answer must be so that the rows count as delivered; without it, every complete answer of "
        "2xx but 206 and 207.",
    )
    ca_file: str = Field(
        default="",
        pattern=r"^[^\x00]*$",
        description="A PEM file with the certificates of the authorities to trust for this partner, instead of the "
        "public ones. Paths are relative to the workspace. The environment's variables for certificates and proxies "
        "are ignored.",
    )
    client_cert: str = Field(
        default="",
        pattern=r"^[^\x00]*$",
        description="A PEM file with our certificate, and its chain, for a partner that asks for one.",
    )
    client_key: str = Field(
        default="",
        pattern=r"^[^\x00]*$",
        description="The PEM file of its private key, not encrypted; not needed if `client_cert` holds it.",
    )
    sign: SignConfig | None = Field(default=None, description="Signs each request.")
    basic: BasicConfig | None = Field(default=None, description="Sends user and password with each request.")
    bearer: BearerConfig | None = Field(default=None, description="Sends a fixed token with each request.")
    oauth2: OAuth2Config | None = Field(default=None, description="Sends a token that the partner's server gives us.")

    @model_validator(mode="after")
    def _has_headers_to_send(self) -> EndpointConfig:
        names = [*self.headers, *self.secret_headers]
        for name in names:
            if not HEADER_NAME.fullmatch(name) or name.lower() in RESERVED_HEADERS:
                raise ValueError(f"{name!r} cannot be set as a header; choose another name")
            if [other.lower() for other in names].count(name.lower()) > 1:
                raise ValueError(f"the header {name!r} is set twice")
        for name, value in self.secret_headers.items():
            if name.lower() == "content-type" or not SECRET_REFERENCE.fullmatch(value):
                # the value is probably a secret, so the message does not show it
                raise ValueError(f"secret_headers.{name} holds a secret; write `${{env:NAME}}` or `${{file:PATH}}`")
        for name, value in self.headers.items():
            check_header(name, value)
        return self

    @model_validator(mode="after")
    def _repeats_by_key(self) -> EndpointConfig:
        for key, is_set in (("parallel", self.parallel > 1), ("span_files", self.span_files)):
            if is_set and (self.url is None or self.is_place or not self.honours_keys):
                raise ValueError(f"`{key}` goes with a `url` and `honours_keys = true`")
        if self.span_files and self.body != "jsonl":
            raise ValueError('`span_files` goes with `body = "jsonl"`: other bodies cannot be joined')
        return self

    @model_validator(mode="after")
    def _has_one_target(self) -> EndpointConfig:
        if self.url is not None and self.folder is not None:
            raise ValueError("has both `url` and `folder`; choose one")
        if self.url is None and self.folder is None:
            raise ValueError("needs either `url` or `folder`")
        if "path" in self.model_fields_set and self.url is None:
            raise ValueError("`path` goes with `url`")
        check_access(self.scheme, self)
        if "body" in self.model_fields_set and self.takes_files:
            raise ValueError("`body` goes with `url`, of a web address")
        for key in ("headers", "secret_headers", "success", "ca_file", "client_cert", "client_key"):
            value = getattr(self, key)
            if value and self.takes_files and (key, self.scheme) != ("ca_file", "s3"):
                raise ValueError(f"`{key}` goes with `url`, of a web address")
            urls = (self.url, self.oauth2 and self.oauth2.token_url)
            is_tls = self.scheme == "s3" or any(str(url).lower().startswith("https:") for url in urls)
            if value and key[:2] in {"ca", "cl"} and not is_tls:
                raise ValueError(f"`{key}` goes with an `https` address")
        if self.client_key and not self.client_cert:
            raise ValueError("`client_key` goes with `client_cert`")
        check_credentials(self.url, {*self.headers, *self.secret_headers}, self.credentials)
        return self

    @property
    def credentials(self) -> dict[str, Credential]:
        """The tables that say how the partner recognises us."""
        tables = {name: getattr(self, name) for name in CREDENTIAL_TABLES}
        return {name: table for name, table in tables.items() if table is not None}

    @property
    def longest_request_s(self) -> float:
        """The longest time that one request can take: with OAuth2, a second token and a second try are part of it."""
        if self.is_place:
            return STEPS * self.place(str(self.url)).timeout_s
        return self.timeout_s if self.oauth2 is None else 2 * (self.timeout_s + self.oauth2.longest_fetch_s)

    def place(self, url: str) -> PlaceConfig:
        """Return the settings of the place at an address, which is this one's or below it."""
        keys = self.model_fields_set & {*PlaceAccess.model_fields, "timeout_s", "ca_file"}
        return PlaceConfig.model_validate({"url": url, **{key: getattr(self, key) for key in keys}})

    @property
    def plain_headers(self) -> dict[str, str]:
        """The headers whose values are no secrets."""
        return {name: value for name, value in self.headers.items() if not SECRET_REFERENCE.fullmatch(value)}

    @property
    def header_references(self) -> dict[tuple[str, str], str]:
        """Where the secret of each header is, by the table and the name of the header."""
        named = {name: value for name, value in self.headers.items() if SECRET_REFERENCE.fullmatch(value)}
        tables = {"headers": named, "secret_headers": self.secret_headers}
        return {(table, name): value for table, of_table in tables.items() for name, value in of_table.items()}

    @property
    def secret_references(self) -> dict[tuple[str, str], str]:
        """Where each secret is, by its table and its key there."""
        tables = {name: table.references for name, table in self.credentials.items()}
        others = {(table, key): value for table, of_table in tables.items() for key, value in of_table.items()}
        return {**self.header_references, **others}

    def delivery_url(self, partner: str, feed: str, path: str | None = None) -> str:
        """Return the address to which the requests of a feed are posted; `path` is the feed's own."""
        template = self.path if path is None else path
        suffix = template.replace("{feed}", feed).replace("{partner}", partner).lstrip("/")
        return f"{str(self.url).rstrip('/')}/{suffix}" if suffix else str(self.url)


def check_header(name: str, value: str) -> None:
    """Raise ValueError for a header that is not to be written in clear, or that no request can carry."""
    is_reference = SECRET_REFERENCE.fullmatch(value) is not None
    if not is_reference and (SECRET_NAME.search(name) or SECRET_VALUE.match(value) or "${" in value):
        raise ValueError(f"headers.{name} holds a secret; write `${{env:NAME}}` or `${{file:PATH}}`")
    if name.lower() == "content-type" and (is_reference or not MEDIA_TYPE.match(value)):
        raise ValueError(f"headers.{name} is not a media type; write one like 'application/x-ndjson'")
    if not is_reference and not HEADER_VALUE.fullmatch(value):
        raise ValueError(f"headers.{name} has characters that no header can carry, or spaces at an end")
