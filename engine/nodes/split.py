"""Split: go on in several branches, or choose one of them by case or by chance."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from journeys.language.errors import ErrorClass, ExpressionError
from journeys.language.outcomes import Advance, AssignVariant, Fail, Fork, Outcome, StepContext
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import NodeSettings

#: Branches of one split.
MOST_BRANCHES = 20
#: The port of a split by case when no case holds.
ELSE = "else"
PORT = r"^[a-z][a-z0-9_]{0,39}$"


class _Branch(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    port: str = Field(pattern=PORT, title="Port", description="The name of the way out, such as letters.")
    label: str = Field(default="", max_length=80, title="Name", description="What it is called on screen.")

    @field_validator("port")
    @classmethod
    def _is_free(cls, value: str) -> str:
        if value in {"error", ELSE}:
            reason = f"A branch can not be called {value}: the word has a meaning of its own."
            raise PydanticCustomError("port", "{reason}", {"reason": reason})
        return value


class PlainBranch(_Branch):
    """A branch that is always taken."""


class CaseBranch(_Branch):
    """A branch that is taken when its condition holds."""

    condition: str = Field(alias="if", min_length=1, max_length=2000, title="If")


class WeightedBranch(_Branch):
    """A variant: its share of the couples."""

    weight: float = Field(default=1, gt=0, le=1000, title="Weight")
    #: The variant that is left alone, to compare the others with.
    holdout: bool = Field(default=False, title="Held out", description="This variant gets nothing.")


class _Way(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AllBranches(_Way):
    """Every branch is taken, side by side."""

    kind: Literal["all"] = "all"
    branches: tuple[PlainBranch, ...] = Field(min_length=2, max_length=MOST_BRANCHES)


class MatchingBranches(_Way):
    """Every branch whose condition holds is taken, side by side; `else` when none does."""

    kind: Literal["matching"] = "matching"
    branches: tuple[CaseBranch, ...] = Field(min_length=1, max_length=MOST_BRANCHES)


class FirstBranch(_Way):
    """The first branch whose condition holds is taken; `else` when none does."""

    kind: Literal["case"] = "case"
    branches: tuple[CaseBranch, ...] = Field(min_length=1, max_length=MOST_BRANCHES)


class WeightedBranches(_Way):
    """One branch is taken by chance; a client who was in it once is in it always."""

    kind: Literal["weight"] = "weight"
    branches: tuple[WeightedBranch, ...] = Field(min_length=2, max_length=MOST_BRANCHES)


class SplitSettings(NodeSettings):
    """How the way parts."""

    by: Annotated[
        AllBranches | MatchingBranches | FirstBranch | WeightedBranches, Field(discriminator="kind")
    ] = Field(title="How")

    @model_validator(mode="after")
    def _ports_differ(self) -> SplitSettings:
        ports = [branch.port for branch in self.by.branches]
        if len(set(ports)) < len(ports):
            raise PydanticCustomError("ports", "Give each branch a port of its own.")
        return self


@node_types.register
class Split(NodeType[SplitSettings]):
    """Leaves by all its ports, by those whose case holds, by the first of them, or by one that chance decides."""

    type: ClassVar[str] = "split"
    title: ClassVar[str] = "Split"
    description: ClassVar[str] = "Go several ways at once, or choose one of many"
    icon: ClassVar[str] = "split"
    settings_model = SplitSettings
    ports: ClassVar[tuple[str, ...]] = ()

    def ports_of(self, settings: SplitSettings) -> tuple[str, ...]:
        """Name the branches, and `else` where cases may all fail."""
        ports = tuple(branch.port for branch in settings.by.branches)
        return (*ports, ELSE) if settings.by.kind in {"matching", "case"} else ports

    def forks(self, settings: SplitSettings) -> bool:
        """Only branches that are taken side by side have to be merged."""
        return settings.by.kind in {"all", "matching"}

    def expressions(self, settings: SplitSettings) -> Iterable[tuple[str, str]]:
        """Check the cases when the journey is published."""
        for number, branch in enumerate(settings.by.branches):
            if isinstance(branch, CaseBranch):
                yield f"by.branches.{number}.if", branch.condition

    def reads(self, settings: SplitSettings) -> Iterable[str]:
        """Know who the client is and what chance chose before."""
        return ("client.id", "variants") if settings.by.kind == "weight" else ()

    def execute(self, context: StepContext[SplitSettings]) -> Outcome:
        """Choose the ports."""
        by = context.settings.by
        if isinstance(by, AllBranches):
            return Fork(tuple(branch.port for branch in by.branches))
        if isinstance(by, WeightedBranches):
            return _by_chance(context, by)
        try:
            held = [branch.port for branch in by.branches if _holds(context, branch.condition)]
        except ExpressionError as error:
            return Fail(ErrorClass.USER, "condition_unanswerable", str(error))
        if isinstance(by, FirstBranch):
            return Advance(port=held[0] if held else ELSE, output={"holds": held[:1]})
        return Fork(tuple(held) or (ELSE,), output={"holds": held})


def _holds(context: StepContext[SplitSettings], condition: str) -> bool:
    value = context.evaluate(condition)
    if not isinstance(value, bool):
        message = f"The case gives {type(value).__name__} instead of yes or no: compare it with something."
        raise ExpressionError(message)
    return value


def _by_chance(context: StepContext[SplitSettings], by: WeightedBranches) -> Outcome:
    """Take the variant of an earlier passage; otherwise the one that the client's own number points to.

    Weighted rendezvous hashing: shares follow the weights, and a changed weight moves only as many as it must.
    """
    known: Any = context.facts.get("variants", {}).get(context.node_id)
    ports = {branch.port for branch in by.branches}
    chosen = known if known in ports else max(by.branches, key=lambda one: _score(context, one)).port
    branch = next(one for one in by.branches if one.port == chosen)
    return Advance(
        port=chosen,
        output={"variant": chosen, "holdout": branch.holdout},
        changes=(AssignVariant(context.node_id, chosen),),
        reason=f"Variant {branch.label or chosen}.",
    )


def _score(context: StepContext[SplitSettings], branch: WeightedBranch) -> float:
    client = context.facts["client"]["id"]
    digest = hashlib.sha256(f"{context.node_id}:{client}:{branch.port}".encode()).digest()
    share = (int.from_bytes(digest[:8], "big") + 1) / (2**64 + 1)
    return -branch.weight / math.log(share)
