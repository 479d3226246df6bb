"""Condition: go one of two ways."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import Field

from journeys.language.errors import ErrorClass, ExpressionError
from journeys.language.outcomes import Advance, Fail, Outcome, StepContext
from journeys.language.reading import values_read
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import NodeSettings


class ConditionSettings(NodeSettings):
    """What must hold."""

    condition: str = Field(alias="if", min_length=1, max_length=2000, title="If")


@node_types.register
class Condition(NodeType[ConditionSettings]):
    """Leaves by `yes` when the expression holds, by `no` when it does not."""

    type: ClassVar[str] = "condition"
    title: ClassVar[str] = "Condition"
    description: ClassVar[str] = "Go one way or the other"
    icon: ClassVar[str] = "split"
    settings_model = ConditionSettings
    ports: ClassVar[tuple[str, ...]] = ("yes", "no")

    def expressions(self, settings: ConditionSettings) -> Iterable[tuple[str, str]]:
        """Check the condition when the journey is published."""
        yield "if", settings.condition

    def execute(self, context: StepContext[ConditionSettings]) -> Outcome:
        """Evaluate; an expression that can not be answered is an error of this couple's data."""
        try:
            value: Any = context.evaluate(context.settings.condition)
        except ExpressionError as error:
            return Fail(ErrorClass.USER, "condition_unanswerable", str(error))
        if not isinstance(value, bool):
            return Fail(
                ErrorClass.PERMANENT,
                "condition_not_yes_or_no",
                f"The condition gives {type(value).__name__} instead of yes or no: compare it with something.",
            )
        # What it saw is kept: later nobody could say any more why it went this way.
        read = values_read(context.settings.condition, context.facts)
        return Advance(port="yes" if value else "no", output={"holds": value, "read": read})
