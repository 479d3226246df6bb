"""Meeting booked: a couple has chosen a time."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from journeys.language.registry import EventFacts, TriggerType, trigger_types


class MeetingBookedSettings(BaseModel):
    """Which meeting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    meeting: str = Field(default="", max_length=60, title="Meeting", description="Empty: any meeting.")


@trigger_types.register
class MeetingBooked(TriggerType[MeetingBookedSettings]):
    """Starts when a meeting is booked; the event's topic is the meeting's key."""

    type: ClassVar[str] = "meeting_booked"
    title: ClassVar[str] = "A meeting is booked"
    description: ClassVar[str] = "When a couple chooses a time for a meeting"
    settings_model = MeetingBookedSettings

    def matches(self, *, settings: MeetingBookedSettings, event: EventFacts) -> bool:
        """Compare the meeting's key."""
        return not settings.meeting or settings.meeting == event.payload.get("topic")
