"""The files of a new partner: its own, and the contract of its feed. No file is written over another."""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poc.config.partner import Partner
from poc.config.workspace import load_settings, parse_toml
from poc.errors import BadInput
from poc.onboarding.proposal import map_targets
from poc.onboarding.toml_text import toml_key, toml_text, toml_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PARTNER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

#: The tables whose keys can be given by an option.
SET_TABLES = ("endpoint", "pickup", "feed", "receipts", "intake")

#: What a setting is for, where a reader of the file would ask.
COMMENTS = {
    "honours_keys": "true only if the partner recognises a repeated Idempotency-Key",
    "timeout_s": "seconds from the beginning of a request to the end of its answer",
}


@dataclass(frozen=True, slots=True)
class NewPartner:
    """A partner to be: its id and name, its endpoint, further tables, and the text of its feed."""

    id: str
    name: str
    endpoint: Mapping[str, Any]
    tables: Mapping[str, Mapping[str, Any]]
    feed_text: str

    def text(self) -> str:
        """Return the partner's file."""
        head = [f"schema = 1\nid = {toml_text(self.id)}\nname = {toml_text(self.name)}\n\n[endpoint]"]
        for key, value in self.endpoint.items():
            comment = f"  # {COMMENTS[key]}" if key in COMMENTS else ""
            head.append(f"{toml_key(key)} = {toml_value(value)}{comment}")
        for table, settings in self.tables.items():
            head += ["", f"[{table}]", *(f"{toml_key(key)} = {toml_value(value)}" for key, value in settings.items())]
        return "\n".join(head) + f"\n\n{self.feed_text}"


def check_new(root: Path, partner: str) -> Path:
    """Return the path of a new partner's file. Raises BadInput for a bad id, or one that is there."""
    load_settings(root)
    if not PARTNER_NAME.fullmatch(partner):
        raise BadInput(f"{partner!r} cannot be the id of a partner; use letters, digits, `-`, `_` and `.`")
    path = root / "partners" / f"{partner}.toml"
    if os.path.lexists(path):
        raise BadInput(f"{path}: is there already; nothing was changed. Add a feed to it by hand, or choose another id")
    return path


def free_contract_name(root: Path, partner: str, feed: str) -> str:
    """Return a name of a contract that no file has: that of the feed, or of partner and feed. Raises BadInput."""
    names = (f"{feed}.schema.json", f"{partner}-{feed}.schema.json")
    for name in names:
        if not os.path.lexists(root / "contracts" / name):
            return name
    raise BadInput(f"{root / 'contracts'}: {' and '.join(names)} are there already; choose another name by --feed")


def endpoint_settings(
    root: Path, partner: str, url: str, folder: str, settings: Mapping[str, Any], *, honours_keys: bool
) -> dict[str, Any]:
    """Return the table `[endpoint]` for an address or a folder. Raises BadInput for a folder that is not there."""
    if bool(url) == bool(folder):
        raise BadInput("say where the partner takes deliveries: either --url or --folder")
    if folder:
        if not (root / folder).is_dir():
            raise BadInput(f"{root / folder}: no such folder; create it first, or correct --folder")
        return {"folder": folder, **settings}
    if url.lower().startswith(("http://", "https://")):
        return {"url": url, "timeout_s": 10.0, "honours_keys": honours_keys, **settings}
    return place_settings(partner, url, settings)


def place_settings(partner: str, url: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a place; for SFTP with references to the files that are needed to sign in."""
    if not url.startswith("sftp://"):
        return {"url": url, **settings}
    sign_in: dict[str, Any] = {"user": partner.lower()}
    if "password" not in settings:
        sign_in["key"] = f"${{file:secrets/{partner}.key}}"
    return {"url": url, **sign_in, "known_hosts": f"secrets/{partner}.known_hosts", **settings}


def parse_settings(pairs: Iterable[str], table: str) -> dict[str, Any]:
    """Return the settings `TABLE.KEY=VALUE` of a table; a value that is no TOML is a text. Raises BadInput.

    A key may have dots, as in TOML: `endpoint.oauth2.client_id=acme`.
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, sign, text = pair.partition("=")
        name, dot, inner = key.strip().partition(".")
        if not sign or not dot or name not in SET_TABLES:
            raise BadInput(f"--set {pair!r} must be TABLE.KEY=VALUE; tables: {', '.join(SET_TABLES)}")
        if name != table:
            continue
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        *parents, last = inner.split(".")
        nested = settings
        for parent in parents:
            nested = nested.setdefault(parent, {})
            if not isinstance(nested, dict):
                raise BadInput(f"--set {pair!r}: another --set makes {parent!r} a value, not a table")
        nested[last] = value
    return settings


def partner_tables(partner: str, pairs: Iterable[str], *, receipts: bool, intake: bool) -> dict[str, dict[str, Any]]:
    """Return the tables `[receipts]` and `[intake]`, as far as a partner has them. Raises BadInput."""
    pairs = list(pairs)
    given = {table: parse_settings(pairs, table) for table in ("receipts", "intake")}
    tables: dict[str, dict[str, Any]] = {}
    if receipts or given["receipts"]:
        tables["receipts"] = {"keys": [f"${{file:secrets/{partner}.receipts}}"], **given["receipts"]}
    if intake or given["intake"]:
        tables["intake"] = given["intake"]
    return tables


def contract_feed(root: Path, contract: str, feed: str, settings: Mapping[str, Any]) -> str:
    """Return the text of a feed of CSV files under a contract that is there. Raises BadInput."""
    from poc.contract.contract import load_contract

    names = load_contract(root / "contracts" / contract).names
    keys = {"contract": contract, "files": "*.csv", "format": "csv", **settings}
    lines = [f"[feed.{toml_key(feed)}]", *(f"{toml_key(key)} = {toml_value(value)}" for key, value in keys.items())]
    entries = [
        f"  {{ to = {toml_text(to)}, from = {toml_text(name)} }},"
        for to, name in zip(map_targets(list(names)), names, strict=True)
    ]
    return "\n".join([*lines, "map = [", *entries, "]"]) + "\n"


def check_partner(path: Path, text: str) -> None:
    """Check the text of a partner's file, before it is written to a path. Raises BadInput with all mistakes."""
    with tempfile.TemporaryDirectory(prefix="milepost-partner-") as folder:
        draft = Path(folder) / path.name
        draft.write_text(text, "utf-8")
        try:
            parse_toml(Partner, draft)
        except BadInput as error:
            mistakes = [mistake.replace(str(draft), str(path)) for mistake in error.mistakes]
            raise BadInput(f"{mistakes[0]}; nothing was written", mistakes) from error


def write_files(path: Path, text: str, contract: Path | None, schema_text: str) -> None:
    """Write a partner's file and, if one is given, its contract, none over another.

    The contract comes first, because a service that runs reads the partner's file at once.

    Raises:
        BadInput: one of them is there already, or cannot be written; then none is left.
    """
    written: list[Path] = []
    part = path.with_name(f".{path.name}.part")
    try:
        if contract is not None:
            contract.parent.mkdir(exist_ok=True)
            with contract.open("x", encoding="utf-8") as file:
                file.write(schema_text)
            written.append(contract)
        path.parent.mkdir(exist_ok=True)
        part.write_text(text, "utf-8")
        try:
            os.link(part, path)  # never over another one
        finally:
            part.unlink()
    except OSError as error:
        for each in written:
            each.unlink()
        name = error.filename2 or error.filename or path
        raise BadInput(f"{name}: cannot be written: {os.strerror(error.errno or 0)}; nothing was changed") from error


def open_questions(doubts: Iterable[str]) -> list[str]:
    """Return what a person can decide: `dates` and `decimal`, where a guess leaves them open."""
    texts = list(doubts)
    return [name for name in ("dates", "decimal") if any(f"--{name} " in text for text in texts)]
