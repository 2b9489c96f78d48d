"""Configuration of a pick-up: the table `[feed.NAME.pickup]` of a partner's file."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from poc.config.place import PlaceConfig
from poc.duration import Duration, parse_duration

#: Schemes of places at which a file appears when it is complete.
APPEARS_COMPLETE = frozenset({"s3", "https", "http"})

#: For how long a file must not have changed, where it may be seen while it is written.
SETTLED = "10s"

#: How the value of `after` begins that names a folder.
MOVE = "move:"


class Pickup(PlaceConfig):
    """A place from which the files of a feed are fetched into its inbox, and what is done with them there afterwards.

    The feed's `files` says which files are taken. Each version of a file is fetched once.
    """

    every: Duration = Field(default="30s", description="The time between two looks at the place by `milepost serve`.")
    settled: Duration | None = Field(
        default=None,
        description="Without `done_file`: for how long the size and the time of a file must have stayed the same, over "
        f'two looks at least. By default `"{SETTLED}"`; for `s3` and `https` none, as a file appears there when it is '
        "complete.",
    )
    done_file: str = Field(
        default="",
        pattern=r"^[^/]*$",
        description='Name of a file at the place that announces a complete one, such as `"{name}.done"`. It is not '
        "fetched, and moved or deleted with its file.",
    )
    after: str = Field(
        default="keep",
        description="What is done at the place once the ledger holds the finished exchange of the file: `keep` it, "
        '`delete` it, or move it into a folder there, as `"move:done/"`.',
    )
    max_bytes: int = Field(default=10 << 30, ge=1, description="A larger file is not fetched, and is an alert.")

    @property
    def every_s(self) -> float:
        """Seconds between two looks."""
        return parse_duration(self.every).total_seconds()

    @property
    def settled_s(self) -> float:
        """Seconds for which a file must not have changed; 0 where files appear complete."""
        if self.settled is None and self.scheme in APPEARS_COMPLETE:
            return 0.0
        return parse_duration(self.settled or SETTLED).total_seconds()

    @property
    def moves_to(self) -> str:
        """The folder that files are moved to at the place; empty for none."""
        return self.after.removeprefix(MOVE).strip("/") if self.after.startswith(MOVE) else ""

    @field_validator("after")
    @classmethod
    def _is_an_action(cls, after: str) -> str:
        if after in {"keep", "delete"}:
            return after
        folder = after.removeprefix(MOVE)
        if folder == after:
            raise ValueError(f'{after!r} is none of the choices: "keep", "delete", or "move:FOLDER/"')
        parts = folder.removesuffix("/").split("/")
        if not all(parts) or {".", ".."} & set(parts) or any(ord(character) < 32 for character in folder):
            raise ValueError(f"{after!r} names no folder below that of the files; write one like 'move:done/'")
        return after

    @model_validator(mode="after")
    def _is_consistent(self) -> Pickup:
        if self.done_file and ("{name}" not in self.done_file or self.done_file == "{name}"):
            raise ValueError(f"done_file {self.done_file!r} must hold {{name}} and more, as in '{{name}}.done'")
        if self.done_file and self.settled is not None:
            raise ValueError("`settled` and `done_file` do not go together: an announced file is complete")
        if self.scheme in {"https", "http"} and (self.after != "keep" or self.done_file):
            raise ValueError('an `https` address can only be read: remove `done_file`, and leave `after` as "keep"')
        return self
