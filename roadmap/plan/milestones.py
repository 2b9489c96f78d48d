"""The milestone file as frozen values: what each milestone must prove, and by when.

A plan holds targets and dates only. Results and statuses are computed; a file that states one is refused.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from metrics.events import parse_subject
from roadmap.errors import PlanError
from roadmap.plan.targets import MIN_BLOCKS, STRICT, CheckinRules, EvidenceRules, Target

#: Days of one block of evidence by default: a replayed week.
BLOCK_DAYS = 7


#: Largest amount of money; sums of such amounts stay exact enough.
MAX_AMOUNT = 1e12


#: A day of a plan; other centuries are typing errors.
Day = Annotated[date, Field(ge=date(1970, 1, 1), le=date(2199, 12, 31))]


class Milestone(BaseModel):
    """One milestone: what it must prove, and by when."""

    model_config = STRICT

    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = Field(
        description="Short name for commands and pages; each milestone has its own."
    )
    title: Annotated[str, Field(min_length=1)] = Field(description="What people call the milestone.")
    objective: Annotated[str, Field(min_length=1)] = Field(description="What the milestone is for, in one sentence.")
    subject: str = Field(
        default="",
        description="The side that must prove it: `service@LEVEL`. A milestone that only has check-ins has none.",
    )
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
    checkin: CheckinRules | None = Field(
        default=None,
        description="The milestone has check-ins of people. Without a measure, it has only these, and is never proven.",
    )
    metrics: Annotated[tuple[Target, ...], Field(strict=False)] = Field(
        default=(), alias="metric", description="Targets that must all be met for a proof."
    )
    guardrails: Annotated[tuple[Target, ...], Field(strict=False)] = Field(
        default=(), alias="guardrail", description="Targets that must all be held on the way."
    )

    @property
    def level(self) -> int:
        """The service level that the milestone is about; 0 for the monolith."""
        return parse_subject(self.subject)[1] if self.subject else 0

    @property
    def is_measured(self) -> bool:
        """Whether the milestone is judged by measures; without any, people report on it by check-ins alone."""
        return bool(self.metrics)

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
        # a milestone without the table has the same plan as before there were check-ins
        return self.model_dump(mode="json", include=names | ({"checkin"} if self.checkin else set()))

    @field_validator("subject", "control")
    @classmethod
    def _is_a_subject(cls, name: str) -> str:
        if name:
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
        if not self.metrics:
            self._check_unmeasured()
            return self
        if not self.subject:
            raise ValueError("`subject` is missing")
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

    def _check_unmeasured(self) -> None:
        """Check a milestone without a measure. Raises ValueError."""
        if self.checkin is None:
            raise ValueError(
                "`metric` is missing; give at least one `[[milestone.metric]]`, or `[milestone.checkin]` for a "
                "milestone that only people report on"
            )
        for name, value in (("subject", self.subject), ("guardrail", self.guardrails)):
            if value:
                raise ValueError(f"`{name}` goes with a `[[milestone.metric]]`; delete it, or give one")


class Plan(BaseModel):
    """All milestones of a file, in its order."""

    model_config = STRICT

    schema_version: Literal[1] = Field(alias="schema", description="Version of this file's format.")
    milestones: Annotated[tuple[Milestone, ...], Field(strict=False, min_length=1)] = Field(
        alias="milestone", description="One table `[[milestone]]` for each milestone."
    )
    sha256: str = ""

    @property
    def measured(self) -> tuple[Milestone, ...]:
        """The milestones that are judged by measures, in the order of the file."""
        return tuple(milestone for milestone in self.milestones if milestone.is_measured)

    @model_validator(mode="after")
    def _has_a_measure(self) -> Plan:
        if not self.measured:
            raise ValueError("no milestone has a `[[milestone.metric]]`; check-ins alone cannot prove anything")
        return self

    def milestone(self, code: str) -> Milestone:
        """Return the milestone of a code.

        Raises:
            PlanError: there is none; the message names the codes of the file.
        """
        for milestone in self.milestones:
            if milestone.code == code:
                return milestone
        raise PlanError(f"unknown milestone {code!r}; choose one of {', '.join(m.code for m in self.milestones)}")
