"""Wait: let time pass."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from journeys.language.outcomes import Advance, Outcome, StepContext
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import NodeSettings, Timing


class WaitSettings(NodeSettings):
    """How long, until when, or until how long before or after a date."""

    when: Timing = Field(title="Until")


@node_types.register
class Wait(NodeType[WaitSettings]):
    """Every step can be timed; this one does nothing else."""

    type: ClassVar[str] = "wait"
    title: ClassVar[str] = "Wait"
    description: ClassVar[str] = "Let time pass, or wait for a day"
    icon: ClassVar[str] = "clock"
    settings_model = WaitSettings

    def execute(self, context: StepContext[WaitSettings]) -> Outcome:
        """Move on: the engine only comes here when the time has come."""
        del context
        return Advance()
