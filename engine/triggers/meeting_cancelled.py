"""Meeting cancelled: a meeting that was booked will not take place."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from journeys.language.registry import EventFacts, TriggerType, trigger_types


class MeetingCancelledSettings(BaseModel):
    """Which meeting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    meeting: str = Field(default="", max_length=60, title="Meeting", description="Empty: any meeting.")


@trigger_types.register
class MeetingCancelled(TriggerType[MeetingCancelledSettings]):
    """Starts when a booked meeting is cancelled; the event's topic is the meeting's key."""

    type: ClassVar[str] = "meeting_cancelled"
    title: ClassVar[str] = "A meeting is cancelled"
    description: ClassVar[str] = "When a booked meeting is cancelled, by either side"
    settings_model = MeetingCancelledSettings

    def matches(self, *, settings: MeetingCancelledSettings, event: EventFacts) -> bool:
        """Compare the meeting's key."""
        return not settings.meeting or settings.meeting == event.payload.get("topic")
