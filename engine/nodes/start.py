"""Start: what sets a journey in motion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from journeys.language.outcomes import Advance, Outcome, StepContext
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import NodeSettings, TriggerSettings


class StartSettings(NodeSettings):
    """Which event starts the journey, and for whom."""

    trigger: TriggerSettings = Field(title="What starts it")


@node_types.register
class Start(NodeType[StartSettings]):
    """Every passage begins here; the step itself only moves on."""

    type: ClassVar[str] = "start"
    title: ClassVar[str] = "Start"
    description: ClassVar[str] = "The event that starts the journey"
    icon: ClassVar[str] = "play"
    settings_model = StartSettings
    optional_ports: ClassVar[tuple[str, ...]] = ()

    def expressions(self, settings: StartSettings) -> Iterable[tuple[str, str]]:
        """Check the filter when the journey is published."""
        if settings.trigger.where:
            yield "trigger.where", settings.trigger.where

    def execute(self, context: StepContext[StartSettings]) -> Outcome:
        """Move on; the filter was judged when the event arrived."""
        del context
        return Advance()
