"""A workspace's configuration: TOML files to frozen values. An unknown key is an error that names the choices."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from poc.config.partner import Feed, Partner, Strict
from poc.errors import BadInput

M = TypeVar("M", bound=BaseModel)


class Settings(Strict):
    """The workspace itself: `milepost.toml`."""

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
    # checked by the room that reads logs
    import_: dict[str, Any] = Field(
        default={}, alias="import", description="How `milepost metrics import` reads the log of another system."
    )


class Workspace(Strict):
    """A folder that a user owns, read once. Paths below `var` are made when first needed."""

    root: Path
    settings: Settings
    partners: dict[str, Partner]

    @property
    def ledger(self) -> Path:
        """The ledger of the exchanges that this workspace runs."""
        return self.root / "var" / "ledger.db"

    @property
    def spool(self) -> Path:
        """Where live runs are told."""
        return self.root / "var" / "spool" / "live"

    def inbox(self, partner: str, feed: str) -> Path:
        """Where files of a feed are handed in."""
        return self.root / "var" / "inbox" / partner / feed

    def processed_folder(self, partner: str, feed: str, outcome: str) -> Path:
        """Where a file goes that needs no further run: `archive`, or `refused` for a person to look at."""
        return self.root / "var" / outcome / partner / feed

    def contract(self, feed: Feed) -> Path:
        """The Table Schema file of a feed."""
        return self.root / "contracts" / feed.contract

    def get_feed(self, partner: str, feed: str) -> tuple[Partner, Feed]:
        """One feed by its id.

        Raises:
            BadInput: there is no such partner or feed; the message lists those there are.
        """
        if partner not in self.partners:
            known = ", ".join(sorted(self.partners)) or "none yet"
            raise BadInput(f"unknown partner {partner!r}; partners in {self.root / 'partners'}: {known}")
        found = self.partners[partner]
        if feed not in found.feed:
            raise BadInput(f"partner {partner!r} has no feed {feed!r}; its feeds: {', '.join(sorted(found.feed))}")
        return found, found.feed[feed]

    def select_feeds(self, name: str | None) -> list[tuple[str, str]]:
        """(partner, feed) pairs that PARTNER or PARTNER/FEED names; all of them for None. Raises BadInput."""
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
    """Read a workspace whole.

    Raises:
        BadInput: it is not one, or a file in it has a mistake; the message names file, key and choices.
    """
    settings = load_settings(root)
    partners = {path.stem: load_partner(root, path) for path in partner_files(root)}
    return Workspace(root=root, settings=settings, partners=partners)


def load_settings(root: Path) -> Settings:
    """Read what a workspace says of itself. Raises BadInput."""
    if not (root / "milepost.toml").is_file():
        raise BadInput(f"{root}: not a workspace (no milepost.toml); make one with `milepost init {root}`")
    return parse_toml(Settings, root / "milepost.toml")


def partner_files(root: Path) -> list[Path]:
    """The files of a workspace's partners."""
    return sorted((root / "partners").glob("*.toml"))


def load_partner(root: Path, path: Path) -> Partner:
    """Read one partner of a workspace. Raises BadInput."""
    partner = parse_toml(Partner, path)
    if partner.id != path.stem:
        raise BadInput(f"{path}: id is {partner.id!r}, but the file name says {path.stem!r}; make them the same")
    for feed_id, feed in partner.feed.items():
        contract = root / "contracts" / feed.contract
        if not contract.is_file():
            there = ", ".join(sorted(p.name for p in (root / "contracts").glob("*.json"))) or "none"
            raise BadInput(f"{path}: feed.{feed_id}: missing contract {contract}; contracts there: {there}")
    return partner


def parse_toml(model: type[M], path: Path) -> M:
    """One TOML file as a value. Raises BadInput with the file, the key and the choices."""
    try:
        with path.open("rb") as file:
            return model.model_validate(tomllib.load(file))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not TOML: {error}") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise BadInput(explain_validation_error(path, model, error)) from error


def explain_validation_error(path: Path, model: type[BaseModel], error: ValidationError) -> str:
    """One line that says which key is wrong, what it was, and what it may be."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "file"
    if first["type"] == "extra_forbidden":
        return f"{path}: unknown key `{where}`; keys there: {', '.join(keys_at(model, first['loc'][:-1]))}"
    value = first["input"]
    hidden = isinstance(value, dict) or first["type"] == "missing" or may_be_secret(first["loc"])
    shown = "" if hidden else f" (is {value!r})"
    message = first["msg"].removeprefix("Value error, ")
    if where == "endpoint.url" and first["type"] == "string_pattern_mismatch":
        message = "must be http(s)://HOST[:PORT]/PATH, without user, password or query; see secret_headers"
    return f"{path}: `{where}`{shown}: {message[:1].lower()}{message[1:]}"


def may_be_secret(place: tuple[int | str, ...]) -> bool:
    """Whether what stands at a place in a partner's file may hold a password or token by mistake, as addresses do."""
    return place == ("endpoint",) or place[:2] in {("endpoint", "url"), ("endpoint", "secret_headers")}


def keys_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The keys that the model takes at a place in it."""
    here: Any = model
    for part in place:
        if isinstance(part, int) or not hasattr(here, "model_fields"):
            continue
        known = {(info.alias or name): info for name, info in here.model_fields.items()}
        if part in known:
            here = _inner(known[str(part)].annotation)
    return [info.alias or name for name, info in here.model_fields.items()] if hasattr(here, "model_fields") else []


def _inner(annotation: Any) -> Any:
    for part in getattr(annotation, "__args__", ()):
        if hasattr(part, "model_fields"):
            return part
    return annotation
