"""Review received: a couple has written a review."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from journeys.language.registry import EventFacts, TriggerType, trigger_types


class ReviewReceivedSettings(BaseModel):
    """Where it was written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field(default="", max_length=40, title="Site", description="Empty: anywhere.")


class ReviewPayload(BaseModel):
    """What arrives with a review."""

    model_config = ConfigDict(extra="allow", frozen=True)

    rating: float | None = Field(default=None, ge=0, le=10)


@trigger_types.register
class ReviewReceived(TriggerType[ReviewReceivedSettings]):
    """Starts when a review is written; the event's topic is the site's name (google, …)."""

    type: ClassVar[str] = "review_received"
    title: ClassVar[str] = "A review is written"
    description: ClassVar[str] = "When a couple has written a review, as they or another system say"
    settings_model = ReviewReceivedSettings
    payload_model = ReviewPayload

    def matches(self, *, settings: ReviewReceivedSettings, event: EventFacts) -> bool:
        """Compare the site."""
        return not settings.site or settings.site == event.payload.get("topic")
