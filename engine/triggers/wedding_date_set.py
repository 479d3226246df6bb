"""Wedding date set: a couple has a date, for the first time or another one."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from journeys.language.registry import EventFacts, TriggerType, trigger_types


class WeddingDateSetSettings(BaseModel):
    """Which of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    which: Literal["any", "first", "another"] = Field(
        default="any", title="Which", description="The first date, another one in its place, or any."
    )


@trigger_types.register
class WeddingDateSet(TriggerType[WeddingDateSetSettings]):
    """Starts when a wedding that is in the books gets a date, its first or another; adding it with one is no change."""

    type: ClassVar[str] = "wedding_date_set"
    title: ClassVar[str] = "The wedding gets a date"
    description: ClassVar[str] = "When a date is set or moved"
    settings_model = WeddingDateSetSettings

    def matches(self, *, settings: WeddingDateSetSettings, event: EventFacts) -> bool:
        """Compare with what stood there before."""
        if settings.which == "any":
            return True
        return (settings.which == "first") == (not event.payload.get("was"))
