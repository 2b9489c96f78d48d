"""Load the configuration of a workspace: TOML files as frozen values. The error of an unknown key names the choices."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, field_validator

from poc.config.partner import Feed, Partner
from poc.config.settings.alerts import AlertSettings
from poc.config.settings.digest import DigestSettings
from poc.config.settings.keep import KeepSettings
from poc.config.settings.notify import NotifyTarget
from poc.config.settings.web import WebSettings
from poc.config.settings.worth import WorthSettings
from poc.config.strict import Strict, may_be_secret
from poc.errors import BadInput
from poc.ledger_address import SQLITE, parse_address

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from poc.ledger_address import LedgerAddress

Model = TypeVar("Model", bound=BaseModel)


class WorkSettings(Strict):
    """How `milepost run` and `serve` share their work: `[work]` in `milepost.toml`."""

    slots: int = Field(
        default=8,
        ge=1,
        le=256,
        description="The most feeds that are worked on at once, beside those "
        "that wait for their partner's answer; with these, at most four times as many.",
    )
    quantum_files: int = Field(
        default=20, ge=1, description="The most files of a feed in one turn; then the next feed has its turn."
    )
    quantum_s: float = Field(default=2.0, gt=0, description="Seconds of a turn after which no further file is begun.")

    lease_s: float = Field(
        default=15.0,
        gt=0,
        description="Seconds after which another process takes over the feeds of one that is stopped or cannot be "
        "reached. One that has ended is replaced at once by a process of the same host.",
    )

    @property
    def default_cap(self) -> int:
        """The most feeds of one partner that are worked on at once, where the partner's file says nothing else."""
        return max(self.slots // 8, 1)


class WorkspaceSettings(Strict):
    """Settings of the workspace: `milepost.toml`."""

    version: Literal[1] = Field(alias="schema", description="Version of this file's format.")
    name: str = Field(description="The workspace's name for people.")
    clock: Literal["live", "replay"] = Field(
        default="live",
        description="`live`: production, judged by the wall clock. `replay`: a replayed calendar, never judged by the "
        "wall clock.",
    )
    level: int | None = Field(
        default=None, ge=1, description="Service level to run at; without it, the highest level that is built."
    )
    ledger: str = Field(
        default=SQLITE,
        description="Where the ledger is. The default is a file of the workspace, for one machine. "
        "`postgresql+psycopg://USER:${env:NAME}@HOST/DATABASE` is a database that several machines share; the password "
        "is a secret, so only its name stands here, as `${env:NAME}` or `${file:PATH}`. All of the URL may be one.",
    )
    work: WorkSettings = Field(default=WorkSettings(), description="How the work on many feeds is shared.")
    alerts: AlertSettings = Field(default=AlertSettings(), description="From when on a problem is an alert.")
    notify: tuple[NotifyTarget, ...] = Field(
        default=(), description="Whom to tell of alerts: one table `[[notify]]` for each target."
    )
    keep: KeepSettings = Field(default=KeepSettings(), description="How long what is settled is kept.")
    digest: DigestSettings | None = Field(default=None, description="Who gets the digest of the milestones by mail.")
    worth: WorthSettings | None = Field(
        default=None, description="What work and machines cost. Without it, effort is counted and not valued."
    )
    web: WebSettings = Field(default=WebSettings(), description="How people reach the dashboard.")
    # `metrics.importing` validates it
    import_: dict[str, Any] = Field(
        default={}, alias="import", description="How `milepost metrics import` reads the log of another system."
    )

    @field_validator("ledger")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parse_address(url, Path())
        return url

    @field_validator("notify")
    @classmethod
    def _have_names_of_their_own(cls, targets: tuple[NotifyTarget, ...]) -> tuple[NotifyTarget, ...]:
        names = [target.name for target in targets]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two targets have the name {twice!r}; give each one of its own")
        return targets


class Workspace(Strict):
    """A workspace folder, loaded once. Folders below `var` are created on first use.

    `problems` holds, for each partner whose file cannot be used, what is wrong with it; the others are in `partners`.
    `unused_changes` holds what is wrong with files that have become invalid while a service runs, by partner, "" for
    `milepost.toml`: the service goes on with them as they were.
    """

    root: Path
    settings: WorkspaceSettings
    partners: dict[str, Partner]
    problems: dict[str, str] = Field(default={})
    unused_changes: dict[str, str] = Field(default={})

    @property
    def ledger(self) -> LedgerAddress:
        """Where the ledger of this workspace's exchanges is."""
        return parse_address(self.settings.ledger, self.root)

    @property
    def spool(self) -> Path:
        """The folder into which live runs write their events."""
        return self.root / "var" / "spool" / "live"

    def inbox(self, partner: str, feed: str) -> Path:
        """Return the folder in which files of a feed arrive."""
        return self.root / "var" / "inbox" / partner / feed

    def processed_folder(self, partner: str, feed: str, outcome: str) -> Path:
        """Return the folder of files that need no further run: `archive`, or `refused` for a person to examine."""
        return self.root / "var" / outcome / partner / feed

    def contract(self, feed: Feed) -> Path:
        """Return the path of a feed's Table Schema file."""
        return self.root / "contracts" / feed.contract

    def get_feed(self, partner: str, feed: str) -> tuple[Partner, Feed]:
        """Return a feed and its partner by their ids.

        Raises:
            BadInput: there is no such partner or feed; the message lists the choices.
        """
        if partner in self.problems:
            raise BadInput(self.problems[partner])
        if partner not in self.partners:
            choices = ", ".join(sorted(self.partners)) or "none yet"
            raise BadInput(f"unknown partner {partner!r}; partners in {self.root / 'partners'}: {choices}")
        config = self.partners[partner]
        if feed not in config.feed:
            raise BadInput(f"partner {partner!r} has no feed {feed!r}; its feeds: {', '.join(sorted(config.feed))}")
        return config, config.feed[feed]

    def select_feeds(self, name: str | None) -> list[tuple[str, str]]:
        """Return the (partner, feed) pairs that PARTNER or PARTNER/FEED names; all for None. Raises BadInput."""
        if name is None:
            return [(p, f) for p, partner in sorted(self.partners.items()) for f in sorted(partner.feed)]
        partner, slash, feed = name.partition("/")
        if slash:
            self.get_feed(partner, feed)
            return [(partner, feed)]
        if partner not in self.partners:
            self.get_feed(partner, "")
        return [(partner, f) for f in sorted(self.partners[partner].feed)]


def load_workspace(root: Path) -> Workspace:
    """Load a workspace with all its partners; a partner whose file is invalid is left out, and named in `problems`.

    Raises:
        BadInput: the folder is not a workspace, or its settings are invalid; the message names key and choices.
    """
    settings = load_settings(root)
    partners, problems = {}, {}
    for path in partner_files(root):
        try:
            partners[path.stem] = load_partner(root, path)
        except BadInput as error:
            problems[path.stem] = str(error)
    return Workspace(root=root, settings=settings, partners=partners, problems=problems)


def load_settings(root: Path) -> WorkspaceSettings:
    """Load the settings of a workspace. Raises BadInput."""
    if not (root / "milepost.toml").is_file():
        raise BadInput(f"{root}: not a workspace (no milepost.toml); make one with `milepost init {root}`")
    return parse_toml(WorkspaceSettings, root / "milepost.toml")


def partner_files(root: Path) -> list[Path]:
    """Return the paths of a workspace's partner files."""
    return sorted((root / "partners").glob("*.toml"))


def load_partner(root: Path, path: Path) -> Partner:
    """Load one partner of a workspace. Raises BadInput."""
    partner = parse_toml(Partner, path)
    mistakes = []
    if partner.id != path.stem:
        mistakes.append(f"{path}: id is {partner.id!r}, but the file name says {path.stem!r}; make them the same")
    for feed_id, feed in partner.feed.items():
        contract = root / "contracts" / feed.contract
        if not contract.is_file():
            choices = ", ".join(sorted(p.name for p in (root / "contracts").glob("*.json"))) or "none"
            mistakes.append(f"{path}: feed.{feed_id}: missing contract {contract}; contracts there: {choices}")
    if mistakes:
        raise BadInput(mistakes[0], mistakes)
    return partner


def parse_toml(model: type[Model], path: Path) -> Model:
    """Parse a TOML file into a model. Raises BadInput with the file, the key and the choices."""
    if path.exists() and not path.is_file():  # opening a named pipe would wait for ever
        raise BadInput(f"{path}: cannot be read: it is no regular file")
    try:
        with path.open("rb") as file:
            return model.model_validate(tomllib.load(file, parse_float=Decimal))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not TOML: {error}") from error
    except RecursionError as error:
        raise BadInput(f"{path}: not TOML that can be read: it is nested too deep") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        mistakes = explain_validation_error(path, model, error)
        raise BadInput(mistakes[0], mistakes) from error


def explain_validation_error(path: Path, model: type[BaseModel], error: ValidationError) -> list[str]:
    """Return one line for each mistake, which names the invalid key, its value, and the choices."""
    return [_explain_mistake(path, model, mistake) for mistake in error.errors()]


def _explain_mistake(path: Path, model: type[BaseModel], mistake: ErrorDetails) -> str:
    where = ".".join(str(part) for part in mistake["loc"]) or "file"
    if mistake["type"] == "extra_forbidden":
        return f"{path}: unknown key `{where}`; keys there: {', '.join(keys_at(model, mistake['loc'][:-1]))}"
    value = mistake["input"]
    hide_value = isinstance(value, dict) or mistake["type"] == "missing" or may_be_secret(mistake["loc"])
    shown_value = "" if hide_value else f" (is {value!r})"
    message = mistake["msg"].removeprefix("Value error, ")
    if where == "endpoint.url" and mistake["type"] == "string_pattern_mismatch":
        message = (
            "must be http(s)://HOST[:PORT]/PATH, or sftp:// or s3:// in the same way, without user, password or query; "
            "see secret_headers and user"
        )
    return f"{path}: `{where}`{shown_value}: {message[:1].lower()}{message[1:]}"


def keys_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Return the keys that a model accepts at a path of keys in it."""
    current: Any = model
    for part in place:
        if isinstance(part, int) or not hasattr(current, "model_fields"):
            continue
        fields = {(info.alias or name): info for name, info in current.model_fields.items()}
        if part in fields:
            current = _inner_model(fields[str(part)].annotation)
    if not hasattr(current, "model_fields"):
        return []
    return [info.alias or name for name, info in current.model_fields.items()]


def _inner_model(annotation: Any) -> Any:
    for part in getattr(annotation, "__args__", ()):
        if hasattr(part, "model_fields"):
            return part
    return annotation
