"""Merge: where the branches of a split come together."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from journeys.language.outcomes import Advance, Outcome, StepContext
from journeys.language.registry import JoinRule, NodeType, node_types
from journeys.language.settings import NodeSettings


class MergeSettings(NodeSettings):
    """Whom it waits for."""

    split: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$", title="The split whose branches come together")
    mode: Literal["all", "first", "count"] = Field(default="all", title="Goes on with")
    count: int | None = Field(default=None, ge=1, le=20, title="How many", description="Only for count.")
    others: Literal["cancel", "go_on"] = Field(
        default="cancel", title="The other branches", description="Only for first and count."
    )
    failed: Literal["wait", "go_on"] = Field(default="wait", title="A branch that needs a person")

    @model_validator(mode="after")
    def _count_belongs_to_its_mode(self) -> MergeSettings:
        if (self.mode == "count") != (self.count is not None):
            raise PydanticCustomError("count", "The mode count needs a count, the other modes have none.")
        return self


@node_types.register
class Merge(NodeType[MergeSettings]):
    """Waits for all branches, the first, or some of them; branches that end are never waited for."""

    type: ClassVar[str] = "merge"
    title: ClassVar[str] = "Merge"
    description: ClassVar[str] = "Bring branches together again"
    icon: ClassVar[str] = "split"
    settings_model = MergeSettings

    def join_of(self, settings: MergeSettings) -> JoinRule:
        """Say when it goes on."""
        count = {"all": None, "first": 1, "count": settings.count}[settings.mode]
        return JoinRule(settings.split, count, settings.others, settings.failed)

    def execute(self, context: StepContext[MergeSettings]) -> Outcome:
        """Move on: the engine only comes here when enough branches have arrived."""
        del context
        return Advance()
