"""Configuration of the digest by mail: the table `[digest]` of `milepost.toml`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from poc.config.endpoint import SECRET_REFERENCE
from poc.config.hours import TimeOfDay, check_zone
from poc.config.strict import Strict

#: An address of a mail, without a name beside it.
MAIL_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,255}")

#: A mail address as the type of a key.
Address = Annotated[str, Field(pattern=f"^{MAIL_ADDRESS.pattern}$")]


class DigestSettings(Strict):
    """Who gets the digest of the milestones by mail, and when: `[digest]` in `milepost.toml`."""

    to: tuple[Address, ...] = Field(min_length=1, description="The mail addresses that get it.")
    sender: Address = Field(alias="from", description="The address that it comes from.")
    smtp: str = Field(
        description="The mail server, with its credentials: `smtp://USER:PASSWORD@HOST:PORT`, or `smtps://` for TLS "
        "from the start. It is a secret: `${env:NAME}` or `${file:PATH}`. Credentials are sent by TLS only."
    )
    day: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "daily"] = Field(
        default="monday", description="The day of the week, or `daily`."
    )
    at: TimeOfDay = Field(default="07:00", description="The time of that day.")
    zone: str = Field(default="UTC", description='The time zone of `at`, such as `"Europe/Berlin"`.')

    @field_validator("smtp")
    @classmethod
    def _is_a_reference(cls, value: str) -> str:
        match = SECRET_REFERENCE.fullmatch(value)
        if match is None or match.start(1) != len("${"):
            # the value is probably a secret, so the message does not show it
            raise ValueError("holds a secret; write `${env:NAME}` or `${file:PATH}`")
        return value

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        return check_zone(value)
