"""Jump: go back to an earlier step, a limited number of times."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from journeys.language.errors import ErrorClass, ExpressionError
from journeys.language.outcomes import Advance, Fail, Outcome, StepContext
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import NodeSettings
from journeys.language.transitions import MAX_VISITS


class JumpSettings(NodeSettings):
    """How often, and while what holds."""

    at_most: int = Field(ge=1, le=MAX_VISITS - 1, title="At most", description="Times to go back.")
    condition: str = Field(
        default="", alias="while", max_length=2000, title="While", description="Empty: every time."
    )


@node_types.register
class Jump(NodeType[JumpSettings]):
    """Leaves by `back` until it has done so `at_most` times or its condition fails, and then by `next`."""

    type: ClassVar[str] = "jump"
    title: ClassVar[str] = "Jump back"
    description: ClassVar[str] = "Repeat earlier steps, a few times"
    icon: ClassVar[str] = "split"
    settings_model = JumpSettings
    ports: ClassVar[tuple[str, ...]] = ("back", "next")
    counted_ports: ClassVar[tuple[str, ...]] = ("back",)

    def expressions(self, settings: JumpSettings) -> Iterable[tuple[str, str]]:
        """Check the condition when the journey is published."""
        if settings.condition:
            yield "while", settings.condition

    def execute(self, context: StepContext[JumpSettings]) -> Outcome:
        """Count and look."""
        settings = context.settings
        if context.rounds >= settings.at_most:
            return Advance(port="next", reason=f"It went back {context.rounds} times, which is the limit.")
        if settings.condition:
            try:
                holds = context.evaluate(settings.condition)
            except ExpressionError as error:
                return Fail(ErrorClass.USER, "condition_unanswerable", str(error))
            if holds is not True:
                return Advance(port="next", reason="What it repeats for no longer holds.")
        return Advance(port="back", output={"round": context.rounds + 1})
