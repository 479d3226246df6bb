"""Date based: so long before or after one of a couple's dates."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from journeys.language.registry import EventFacts, TriggerType, trigger_types
from journeys.language.settings import OffsetText, TimeText, ZoneChoice


class DateBasedSettings(BaseModel):
    """Which date, and how far from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    anchor: str = Field(default="wedding", pattern=r"^[a-z][a-z0-9_]{0,63}$", title="Date")
    offset: OffsetText = Field(default="0d", title="Before (−) or after")
    at: TimeText = Field(default="09:00", title="At")
    zone: ZoneChoice = Field(default="wedding", title="Whose clock")


@trigger_types.register
class DateBased(TriggerType[DateBasedSettings]):
    """Starts by itself when the day comes; the engine's date tick makes the event."""

    type: ClassVar[str] = "date_based"
    title: ClassVar[str] = "A date comes near"
    description: ClassVar[str] = "So long before or after the wedding or another date"
    settings_model = DateBasedSettings

    def matches(self, *, settings: DateBasedSettings, event: EventFacts) -> bool:
        """Take the events that were made for this journey (judged by the engine)."""
        del settings
        return bool(event.payload.get("journey_id"))
