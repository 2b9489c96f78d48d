"""The milestone file as frozen values: what each milestone must prove, and by when.

A plan holds targets and dates only. Results and statuses are computed; a file that states one is refused.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from metrics.events import parse_subject
from metrics.measures.counted_runs import DIFFERENCE_COLUMNS, TIME_MEASURES
from metrics.measures.registry import MEASURES
from roadmap.errors import PlanError

#: Days of one block of evidence by default: a replayed week.
BLOCK_DAYS = 7


#: With an earlier first evaluation, repeated evaluation gives more false "proven" than `alpha` allows.
MIN_BLOCKS = 6


#: Ten years of replayed weeks.
MAX_BLOCKS = 520


#: The longest review.
MAX_REVIEW_DAYS = 365


#: Largest amount of money; sums of such amounts stay exact enough.
MAX_AMOUNT = 1e12


#: The measures that compare the subject with its control.
COMPARING = TIME_MEASURES | DIFFERENCE_COLUMNS.keys() | {"answers_equal"}


STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


#: A day of a plan; other centuries are typing errors.
Day = Annotated[date, Field(ge=date(1970, 1, 1), le=date(2199, 12, 31))]


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


class Milestone(BaseModel):
    """One milestone: what it must prove, and by when."""

    model_config = STRICT

    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = Field(
        description="Short name for commands and pages; each milestone has its own."
    )
    title: Annotated[str, Field(min_length=1)] = Field(description="What people call the milestone.")
    objective: Annotated[str, Field(min_length=1)] = Field(description="What the milestone is for, in one sentence.")
    subject: str = Field(description="The side that must prove it: `service@LEVEL`.")
    control: str = Field(default="monolith", description="The side to compare with.")
    owner: str = Field(default="", description="Who answers for the milestone.")
    start: Day = Field(description="First day of evidence.")
    due: Day = Field(description="Last day of the plan.")
    scope: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = Field(
        default=("*/*",), description="The feeds that count, as patterns of `PARTNER/FEED`."
    )
    revision: Annotated[int, Field(ge=1)] = Field(
        default=1, description="Number of the plan. A change after the start needs a higher one."
    )
    budget: Annotated[float, Field(gt=0, le=MAX_AMOUNT)] | None = Field(
        default=None, description="Money that the milestone may cost, in the currency of its entries."
    )
    evidence: EvidenceRules = Field(default=EvidenceRules(), description="How much evidence a verdict takes.")
    metrics: Annotated[tuple[Target, ...], Field(strict=False, min_length=1)] = Field(
        alias="metric", description="Targets that must all be met for a proof."
    )
    guardrails: Annotated[tuple[Target, ...], Field(strict=False)] = Field(
        default=(), alias="guardrail", description="Targets that must all be held on the way."
    )

    @property
    def level(self) -> int:
        """The service level that the milestone is about; 0 for the monolith."""
        return parse_subject(self.subject)[1]

    @property
    def fingerprint(self) -> str:
        """Hash of everything a proof depends on; a proof counts only for the targets it was given for."""
        names = {"code", "subject", "control", "start", "scope", "revision", "evidence", "metrics", "guardrails"}
        return hashlib.sha256(self.model_dump_json(include=names).encode()).hexdigest()

    def last_start(self, block_days: int = BLOCK_DAYS) -> date:
        """Return the last responsible start: the last day to start on that leaves time for evidence and review.

        `block_days` is 7 in a replay, 1 in production.
        """
        rules = self.evidence
        return self.due - timedelta(days=rules.min_blocks * block_days + rules.review_days - 1)

    def as_dict(self) -> dict[str, Any]:
        """Return what is promised, as plain data; any difference between two of these is a re-plan.

        Titles, owners and objectives are left out: they may change at any time.
        """
        names = {"subject", "control", "start", "due", "scope", "budget", "evidence", "metrics", "guardrails"}
        return self.model_dump(mode="json", include=names)

    @field_validator("subject", "control")
    @classmethod
    def _is_a_subject(cls, name: str) -> str:
        parse_subject(name)
        return name

    @field_validator("scope")
    @classmethod
    def _names_feeds(cls, scope: tuple[str, ...]) -> tuple[str, ...]:
        for glob in scope:
            if glob.count("/") != 1:
                raise ValueError(f"{glob!r} is not PARTNER/FEED; write for instance `*/flights` or `AA/*`")
        return scope

    @model_validator(mode="after")
    def _can_be_proven(self, info: ValidationInfo) -> Milestone:
        if self.due < self.start:
            raise ValueError(f"due {self.due} is before start {self.start}; move one of them")
        block_days = (info.context or {}).get("block_days", BLOCK_DAYS)
        days, need = (self.due - self.start).days + 1, self.evidence.min_blocks * block_days
        if days < need:
            least, blocks = self.start + timedelta(days=need - 1), self.evidence.min_blocks
            often = "weekly" if block_days == 7 else "daily"
            raise ValueError(
                f"due {self.due} is too early for its own evidence: {blocks} {often} blocks take {need} days, it "
                f"leaves {days}; make it {least} or later, or lower `min_blocks` (not below {MIN_BLOCKS})"
            )
        for role, targets in (("metric", self.metrics), ("guardrail", self.guardrails)):
            keys = [(target.name, target.faults) for target in targets]
            twice = next((name for name, faults in keys if keys.count((name, faults)) > 1), None)
            if twice:
                raise ValueError(f"{role} {twice} occurs twice; keep one")
        return self


class Plan(BaseModel):
    """All milestones of a file, in its order."""

    model_config = STRICT

    schema_version: Literal[1] = Field(alias="schema", description="Version of this file's format.")
    milestones: Annotated[tuple[Milestone, ...], Field(strict=False, min_length=1)] = Field(
        alias="milestone", description="One table `[[milestone]]` for each milestone."
    )
    sha256: str = ""

    def milestone(self, code: str) -> Milestone:
        """Return the milestone of a code.

        Raises:
            PlanError: there is none; the message names the codes of the file.
        """
        for milestone in self.milestones:
            if milestone.code == code:
                return milestone
        raise PlanError(f"unknown milestone {code!r}; choose one of {', '.join(m.code for m in self.milestones)}")
