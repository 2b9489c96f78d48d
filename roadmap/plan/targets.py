"""The parts of a milestone: its targets, how much evidence a verdict takes, and its check-ins."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from metrics.measures.counted_runs import DIFFERENCE_COLUMNS, TIME_MEASURES
from metrics.measures.registry import MEASURES

#: With an earlier first evaluation, repeated evaluation gives more false "proven" than `alpha` allows.
MIN_BLOCKS = 6


#: Ten years of replayed weeks.
MAX_BLOCKS = 520


#: The longest review.
MAX_REVIEW_DAYS = 365


#: The measures that compare the subject with its control.
COMPARING = TIME_MEASURES | DIFFERENCE_COLUMNS.keys() | {"answers_equal", "effort_saved"}


STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Target(BaseModel):
    """What one measure must reach, and under which faults."""

    model_config = STRICT

    name: str = Field(description="Name of a measure.")
    at_least: float | None = Field(default=None, description="More is better: the least value that reaches the target.")
    at_most: float | None = Field(
        default=None, description="Less is better: the largest value that reaches the target."
    )
    faults: Literal["standard", "none", "stress"] = Field(
        default="standard",
        description="Under which faults a replay measures it: `standard`, `none`, or `stress`, a series of the service "
        "alone; production has real faults.",
    )

    @property
    def direction(self) -> str:
        """`at_least` or `at_most`."""
        return "at_most" if self.at_least is None else "at_least"

    @property
    def value(self) -> float:
        """The least or the largest value that reaches the target."""
        value = self.at_most if self.at_least is None else self.at_least
        if value is None:
            raise ValueError("give `at_least` or `at_most`")
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> Target:
        measure = MEASURES.get(self.name)
        if measure is None:
            raise ValueError(f"unknown measure {self.name!r}; choose one of {', '.join(MEASURES)}")
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"{self.name}: give one of `at_least` and `at_most`; here it is `{measure.direction}`")
        if self.direction != measure.direction:
            better = "more" if measure.direction == "at_least" else "less"
            raise ValueError(f"{self.name}: {better} is better, so write `{measure.direction}`, not `{self.direction}`")
        if measure.unit == "share" and self.value > 1:
            raise ValueError(
                f"{self.name}: {self.value:g} is above 1; shares are 0 to 1, so write 0.60 for 60% (here perhaps "
                f"{self.value / 100:g})"
            )
        if self.faults == "stress" and self.name in COMPARING:
            raise ValueError(
                f"{self.name}: the stress series replays the service alone, and this compares it with the control; "
                'leave `faults` out for the standard faults, or write `faults = "none"`'
            )
        if self.value < measure.lowest:
            raise ValueError(f"{self.name}: {self.value:g} is below {measure.lowest:g}, which it can never be")
        return self


class EvidenceRules(BaseModel):
    """How much evidence a verdict takes, and of what grade."""

    model_config = STRICT

    mode: Literal["anytime", "fixed"] = Field(
        default="anytime",
        description="`anytime`: judge at the end of every block. `fixed`: judge once, on the due date.",
    )
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        default=0.05, description="One-sided risk of a false “proven”."
    )
    min_grade: Literal["A", "B", "C", "D"] = Field(
        default="B", description="The weakest grade of evidence that may prove a target."
    )
    min_blocks: Annotated[int, Field(ge=MIN_BLOCKS, le=MAX_BLOCKS)] = Field(
        default=12, description="Blocks of evidence before the first judgement: weeks in a replay, days in production."
    )
    min_coverage: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.80, description="Share of the control's work that both sides must have done."
    )
    review_days: Annotated[int, Field(ge=0, le=MAX_REVIEW_DAYS)] = Field(
        default=0, description="Days that people need between the last evidence and the due date."
    )


class CheckinRules(BaseModel):
    """A milestone that people report on, by `milepost roadmap checkin`; it is shown as such, never as proven."""

    model_config = STRICT

    of: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="How many there are in all, such as 12 for “3 of 12 partners moved”."
    )
    what: str = Field(default="", description="What is counted: “partners moved”.")

    @model_validator(mode="after")
    def _counts_something(self) -> CheckinRules:
        if self.what and self.of is None:
            raise ValueError(f"what = {self.what!r} says what is counted; write also how many there are, `of = 12`")
        return self
