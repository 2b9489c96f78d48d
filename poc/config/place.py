"""Configuration of where a partner gets and puts its files: a web address, a folder or a place, and how to sign in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, field_validator, model_validator

from poc.config.strict import Strict

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Reference to a secret: the name of its variable or file, never its value.
REFERENCE = r"^(\$\{(env|file):[^}]+\})?$"

#: Reference to the secret value of a header, and headers that are ours to set, as they decide what is answered.
HEADER_REFERENCE = r"^((Bearer|Basic|Token) )?\$\{(env|file):[^}]+\}$"
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
OUR_HEADERS = re.compile(
    "range|if-.*|host|user-agent|accept-encoding|connection|content-.*|transfer-encoding|te|trailer|upgrade|expect",
    re.IGNORECASE,
)

#: An address: its scheme, host and port, and path.
ADDRESS = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/@?#:\[\]]+)(?::(?P<port>[0-9]+))?(?P<path>/[^?#]*)?"
)

#: The highest TCP port.
MAX_PORT = 65535


#: Names that a path may have in braces.
PLACEHOLDERS = ("{feed}", "{partner}")


class Destination(Strict):
    """Where a partner receives deliveries."""

    # neither a password before the host nor a query, because messages show the address
    url: str | None = Field(
        default=None,
        pattern=r"^([Hh][Tt][Tt][Pp][Ss]?|sftp|s3)://(\[[0-9A-Fa-f:.]+\]|[^\s/@?#:\[\]]+)(:[0-9]+)?(/[^\s?#@]*)?$",
        description="The address that requests are posted to, up to `path`: `https://HOST/...`. Or that of a place "
        "which gets whole files, as a `folder` does: `sftp://HOST/FOLDER`, `s3://BUCKET/PREFIX`. No user, password or "
        "query.",
    )
    path: str = Field(
        default="{feed}",
        pattern=r"^[^\s?#@]*$",
        description='What follows the `url` after a `/`; `{feed}` and `{partner}` stand for their ids. With `""`, '
        "requests are posted to the `url` itself. A feed may have a `path` of its own.",
    )
    folder: str | None = Field(
        default=None,
        pattern=r"^[^\x00]+$",
        description="Instead of `url`: an existing folder. Each file becomes one file `NAME.ID.jsonl` (or `.csv`) in a "
        "subfolder named after the feed, written as `.part` and then renamed. Each replay of quarantined rows becomes "
        "one more file, `NAME.ID.again-ROW`.",
    )

    @field_validator("url")
    @classmethod
    def _has_a_port(cls, url: str | None) -> str | None:
        port = re.match(r"[^/]*//[^/]*:([0-9]+)(?:/|$)", url or "")
        if port and not 0 < int(port[1]) <= MAX_PORT:
            raise ValueError(f"has port {int(port[1])}; a port is 1 to {MAX_PORT}")
        return url

    @field_validator("path")
    @classmethod
    def _has_known_placeholders(cls, path: str) -> str:
        return check_path(path)

    @property
    def scheme(self) -> str:
        """The scheme of the address in lower case; empty for a folder."""
        return (self.url or "").partition(":")[0].lower()

    @property
    def is_place(self) -> bool:
        """Whether the address is that of a place, which gets files instead of requests."""
        return self.scheme not in {"", "http", "https"}

    @property
    def takes_files(self) -> bool:
        """Whether the partner gets whole files: in a folder or at a place."""
        return self.folder is not None or self.is_place


class PlaceAccess(Strict):
    """How to sign in at a place; which keys a place needs depends on the scheme of its address."""

    endpoint_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s?#@]+)?$",
        description="`s3`: the address of a server that is compatible with S3; without it, Amazon's of the `region`.",
    )
    region: str = Field(
        default="",
        pattern=r"^[a-z0-9-]*$",
        description="`s3`: the region of the bucket, such as `eu-central-1`; without it, the one of the environment.",
    )
    access_key_id: str = Field(
        default="",
        pattern=REFERENCE,
        description="`s3`: the id of the access key, by `${env:NAME}` or `${file:PATH}`. Without it, credentials are "
        "found as Amazon's own tools find them: variables, profiles, roles.",
    )
    secret_access_key: str = Field(
        default="", pattern=REFERENCE, description="`s3`: the secret of the access key, in the same way."
    )
    session_token: str = Field(
        default="", pattern=REFERENCE, description="`s3`: the token of temporary credentials, in the same way."
    )
    user: str = Field(default="", pattern=r"^[^\x00-\x1f]*$", description="`sftp`: the name to sign in with.")
    password: str = Field(
        default="",
        pattern=REFERENCE,
        description="`sftp`: the password, by `${env:NAME}` or `${file:PATH}`. A literal one is an error.",
    )
    key: str = Field(
        default="",
        pattern=REFERENCE,
        description="`sftp`: the private key to sign in with, by `${file:PATH}` or `${env:NAME}`, in the format of "
        "OpenSSH or PEM.",
    )
    key_passphrase: str = Field(
        default="", pattern=REFERENCE, description="`sftp`: the pass phrase of `key`, referred to in the same way."
    )
    known_hosts: str = Field(
        default="",
        pattern=r"^[^\x00]*$",
        description="`sftp`: the file with the server's public key, one line as `ssh-keyscan` prints it. It is "
        "demanded: a server that shows another key gets nothing. Paths are relative to the workspace.",
    )


class PlaceConfig(PlaceAccess):
    """A place: a folder, or an address such as `sftp://host/folder`, and how to sign in there."""

    url: str = Field(
        min_length=1,
        pattern=r"^[^\x00-\x1f?#@]+$",
        description="`sftp://HOST/FOLDER`, `s3://BUCKET/PREFIX`, `https://HOST/PATH` (to pull only), or the path of a "
        "folder, relative to the workspace. It has no user, password or query.",
    )
    timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Seconds that one step at the place may take, such as signing in or listing; a transfer may take a "
        "second more for each 64 KiB.",
    )
    files: dict[Annotated[str, Field(pattern=r"^[^/\x00-\x1f\x7f]+$")], Annotated[str, Field(pattern=r"^[!-~]+$")]] = (
        Field(
            default={},
            description="`https`: the files to pull, as a name and what follows the `url` after a `/`, such as "
            '`{ "prices.csv" = "export?format=csv" }`. Without it, the `url` itself is the one file.',
        )
    )
    secret_headers: dict[str, Annotated[str, Field(pattern=HEADER_REFERENCE)]] = Field(
        default={},
        description="`https`: headers with a secret value, as those of an endpoint: `${env:NAME}` or "
        "`${file:PATH}`, after `Bearer `, `Basic ` or `Token ` if needed.",
    )
    ca_file: str = Field(
        default="",
        pattern=r"^[^\x00]*$",
        description="`s3`, `https`: a PEM file with the certificates of the authorities to trust, instead of the "
        "public ones. Paths are relative to the workspace.",
    )
    client_cert: str = Field(
        default="", pattern=r"^[^\x00]*$", description="`https`: a PEM file with our certificate, and its chain."
    )
    client_key: str = Field(
        default="", pattern=r"^[^\x00]*$", description="`https`: the PEM file of its private key, not encrypted."
    )

    @property
    def scheme(self) -> str:
        """The scheme of the address; empty for a folder."""
        return self.url.partition("://")[0] if "://" in self.url else ""

    @property
    def host(self) -> str:
        """The host of the address, without the brackets of IPv6; empty for a folder."""
        match = ADDRESS.fullmatch(self.url)
        return match["host"].strip("[]") if match else ""

    @property
    def port(self) -> int | None:
        """The port of the address, None where it names none."""
        match = ADDRESS.fullmatch(self.url)
        return int(match["port"]) if match and match["port"] else None

    @property
    def path(self) -> str:
        """The path of the address, from its `/` on, or of the folder."""
        match = ADDRESS.fullmatch(self.url)
        return (match["path"] or "/") if match else self.url

    @field_validator("secret_headers")
    @classmethod
    def _has_headers_to_send(cls, headers: dict[str, str]) -> dict[str, str]:
        for name in headers:
            if not HEADER_NAME.fullmatch(name) or OUR_HEADERS.fullmatch(name):
                raise ValueError(f"{name!r} cannot be set as a header; choose another name")
        return headers

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        match = ADDRESS.fullmatch(url)
        if "://" in url and match is None:
            raise ValueError(f"{url!r} is not an address; write one like 'sftp://files.example.com/out'")
        if match and match["port"] and not 0 < int(match["port"]) <= MAX_PORT:
            raise ValueError(f"has port {match['port']}; a port is 1 to {MAX_PORT}")
        return url

    @model_validator(mode="after")
    def _can_sign_in(self) -> PlaceConfig:
        check_access(self.scheme, self)
        check_keys(self.scheme, self, ("files", "secret_headers", "ca_file", "client_cert", "client_key"))
        if self.client_key and not self.client_cert:
            raise ValueError("`client_key` goes with `client_cert`")
        if self.scheme == "https" and not self.files and not self.path.rpartition("/")[2]:
            raise ValueError("an `https` address is that of a file, or needs `files`")
        return self


#: Which keys go with the addresses of a scheme.
SCHEME_KEYS = {
    "sftp": frozenset({"user", "password", "key", "key_passphrase", "known_hosts"}),
    "s3": frozenset({"endpoint_url", "region", "access_key_id", "secret_access_key", "session_token", "ca_file"}),
    "https": frozenset({"files", "secret_headers", "ca_file", "client_cert", "client_key"}),
    "http": frozenset({"files", "secret_headers"}),
}


def check_keys(scheme: str, settings: PlaceAccess, names: Iterable[str]) -> None:
    """Raise ValueError where one of these keys is set that a scheme does not know."""
    for name in names:
        if getattr(settings, name) and name not in SCHEME_KEYS.get(scheme, ()):
            schemes = [f"`{other}`" for other, keys in SCHEME_KEYS.items() if name in keys]
            raise ValueError(f"`{name}` goes with an address of {' or '.join(schemes)}")


def check_access(scheme: str, access: PlaceAccess) -> None:
    """Raise ValueError where a key is missing that a scheme needs, or one is set that it does not know."""
    check_keys(scheme, access, PlaceAccess.model_fields)
    if scheme == "sftp":
        for key in ("user", "known_hosts"):
            if not getattr(access, key):
                raise ValueError(f"an `sftp` address needs `{key}`")
        if not access.password and not access.key:
            raise ValueError("an `sftp` address needs a `key` or a `password`")
        if access.key_passphrase and not access.key:
            raise ValueError("`key_passphrase` goes with `key`")
    if bool(access.access_key_id) != bool(access.secret_access_key):
        raise ValueError("`access_key_id` and `secret_access_key` go together")
    if access.session_token and not access.access_key_id:
        raise ValueError("`session_token` goes with `access_key_id`")


def check_path(path: str) -> str:
    """Return a path. Raises ValueError where it has something else in braces than the placeholders."""
    rest = path
    for placeholder in PLACEHOLDERS:
        rest = rest.replace(placeholder, "")
    if "{" in rest or "}" in rest:
        raise ValueError(f"may have {' and '.join(PLACEHOLDERS)} in braces, and no others")
    return path
