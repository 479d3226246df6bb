"""Manual: a person or an integration starts the journey for a client."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from journeys.language.registry import EventFacts, TriggerType, trigger_types


class ManualSettings(BaseModel):
    """Nothing to choose."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@trigger_types.register
class Manual(TriggerType[ManualSettings]):
    """Any journey can be started by hand; one with this trigger starts no other way."""

    type: ClassVar[str] = "manual"
    title: ClassVar[str] = "By hand"
    description: ClassVar[str] = "Only when you start it"
    settings_model = ManualSettings

    def matches(self, *, settings: ManualSettings, event: EventFacts) -> bool:
        """Start by an event only where the event names this journey (judged by the engine)."""
        del settings
        return bool(event.payload.get("journey_id"))
