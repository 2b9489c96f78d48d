"""Configuration of notifications: the tables `[[notify]]` of `milepost.toml`, one for each target."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from poc.config.endpoint import SECRET_REFERENCE
from poc.config.hours import check_zone
from poc.config.strict import Strict

#: The kinds of alerts, by which notifications are routed.
AlertKind: TypeAlias = Literal[
    "workspace_problem",
    "disk_full",
    "partner_down",
    "partner_paused",
    "place_down",
    "pickup_failed",
    "not_arrived",
    "late",
    "feed_stuck",
    "failed",
    "given_up",
    "ambiguous",
    "refused",
    "quarantine_old",
    "credentials_expiring",
    "milestone_status",
    "route",
]

#: An address without user, password, query and fragment: messages show it.
WEBHOOK_ADDRESS = re.compile(r"[Hh][Tt][Tt][Pp][Ss]?://(\[[0-9A-Fa-f:.]+\]|[^\s/@?#:\[\]]+)(:[0-9]{1,5})?(/[^\s?#@]*)?")


class NotifyTarget(Strict):
    """Where notifications are sent, and which: a service that Apprise knows, or a webhook."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        description="The target's name; `milepost notify` shows it. Under a new name, it is told of all open alerts.",
    )
    to: str = Field(
        default="",
        description="An Apprise URL, which names a service such as e-mail, Slack or Teams, and its credentials. It is "
        "a secret: `${env:NAME}` or `${file:PATH}`. A literal URL is an error.",
    )
    webhook: str = Field(
        default="",
        description="Instead of `to`: the address that notifications are posted to, as Standard Webhooks. No user, "
        "password or query.",
    )
    secret: str = Field(
        default="",
        description="The secret by which a webhook is signed, `whsec_` and Base64: `${env:NAME}` or `${file:PATH}`.",
    )
    kinds: tuple[AlertKind, ...] = Field(default=(), description="Only alerts of these kinds; by default of all kinds.")
    partners: tuple[Annotated[str, Field(pattern=r"^[^/\s]+$")], ...] = Field(
        default=(),
        description='Only alerts of partners that match one of these patterns, such as `"AA"` or `"shop-*"`. Alerts of '
        "the whole workspace match none.",
    )
    feeds: tuple[Annotated[str, Field(pattern=r"^[^/\s]+/[^/\s]+$")], ...] = Field(
        default=(),
        description='Only alerts of feeds that match one of these patterns, such as `"*/flights"`, and those of a '
        "whole partner that has such a feed.",
    )
    min_severity: Literal["warning", "critical"] = Field(
        default="warning", description="`critical`: no alerts that are only a warning."
    )
    at_once: bool = Field(
        default=True,
        description="Whether a message is sent when an alert begins and when it ends. `false` goes with a `digest`.",
    )
    digest: str = Field(
        default="",
        pattern=r"^(|([01][0-9]|2[0-3]):[0-5][0-9])$",
        description='The time of a daily digest, such as `"07:00"`: what is open, what ended, what was exchanged.',
    )
    zone: str = Field(default="UTC", description='The time zone of `digest`, such as `"Europe/Berlin"`.')

    @field_validator("to", "secret")
    @classmethod
    def _is_a_reference(cls, value: str) -> str:
        match = SECRET_REFERENCE.fullmatch(value)
        if value and (match is None or match.start(1) != len("${")):
            # the value is probably a secret, so the message does not show it
            raise ValueError("holds a secret; write `${env:NAME}` or `${file:PATH}`")
        return value

    @field_validator("webhook")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and not WEBHOOK_ADDRESS.fullmatch(value):
            raise ValueError("must be http(s)://HOST[:PORT]/PATH, without user, password or query; it is signed")
        return value

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        return check_zone(value)

    @model_validator(mode="after")
    def _has_one_address(self) -> NotifyTarget:
        if bool(self.to) == bool(self.webhook):
            raise ValueError(f"{self.name!r} needs either `to` or `webhook`")
        if bool(self.secret) != bool(self.webhook):
            raise ValueError(f"{self.name!r}: `webhook` and `secret` go together")
        if not self.at_once and not self.digest:
            raise ValueError(f"{self.name!r} is sent nothing: `at_once = false` goes with a `digest`")
        return self
