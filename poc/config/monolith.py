"""Configuration of the monolith that a feed is moved from, and of its route: two tables of the feed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from poc.config.strict import Strict

#: Stands for the path of the file in the monolith's command.
FILE_PLACEHOLDER = "{file}"


class MonolithOutput(Strict):
    """How the result of the monolith is seen, to compare it with that of the service."""

    capture: Literal["http"] | None = Field(
        default=None,
        description="`http`: the monolith sends to `milepost capture`, which passes its requests on to the partner and "
        "keeps them.",
    )
    paths: str = Field(
        default="*",
        pattern=r"^(\*|/[^\s?#]*)$",
        description='With `capture`: a pattern of the paths whose requests count, such as `"/orders*"`; others, such '
        "as a sign-in at the same partner, are none of the feed's records.",
    )
    folder: str | None = Field(
        default=None,
        pattern=r"^[^/].*$",
        description="The files that the command writes: a path in the workspace whose last part is a file name "
        'pattern, such as `"out/orders/*.csv"`.',
    )
    format: Literal["csv", "jsonl"] | None = Field(
        default=None,
        description="The format of what the monolith sends or writes; by default that of the feed's `out`.",
    )

    @model_validator(mode="after")
    def _is_one_way(self) -> MonolithOutput:
        if (self.capture is None) == (self.folder is None):
            raise ValueError("needs either `capture` or `folder`")
        if self.paths != "*" and self.capture is None:
            raise ValueError("`paths` goes with `capture`")
        if self.folder is not None and ".." in self.folder.split("/"):
            raise ValueError(f"`folder` {self.folder!r} must lie in the workspace")
        return self


class MonolithConfig(Strict):
    """The monolith as a command that exchanges one file."""

    command: tuple[str, ...] = Field(
        min_length=1,
        description="The command and its arguments, run as they are in the workspace's folder, without a shell; "
        f"`{FILE_PLACEHOLDER}` stands for the path of the file.",
    )
    output: MonolithOutput = Field(description="How its result is seen.")
    timeout_s: float = Field(
        default=600.0,
        gt=0,
        description="Seconds after which the command is killed with all its processes. What it has done is then "
        "unknown.",
    )
    repeatable: bool = Field(
        default=False,
        description="Whether the command may run again on a file after it was killed: its requests have keys that the "
        "partner honours, or it replaces what it sent. Otherwise such a file is held for a person.",
    )

    @field_validator("command")
    @classmethod
    def _names_the_file(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if not any(FILE_PLACEHOLDER in part for part in command):
            raise ValueError(f"no argument holds {FILE_PLACEHOLDER}, the path of the file to exchange")
        return command


class RouteConfig(Strict):
    """From when on a feed may advance to its next stage, and when it goes back by itself."""

    files: int = Field(
        default=20,
        ge=1,
        le=1_000,
        description="Files that must be compared in `shadow`, and sent by the service at each share of `canary`, "
        "before the feed advances.",
    )
    shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        default=(0.1, 0.5),
        min_length=1,
        description="The shares of files that the service gets in `canary`, one after the other. Which files they are "
        "depends on their names alone; those of a share are also among those of the next.",
    )
    margin: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="By how much the service's share of failed files may exceed the monolith's.",
    )
    days: int = Field(
        default=30, ge=1, description="Days without a call of the monolith after which the feed may be retired."
    )

    @field_validator("shares")
    @classmethod
    def _grow(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if list(shares) != sorted(set(shares)):
            raise ValueError("must grow from one to the next")
        return shares
