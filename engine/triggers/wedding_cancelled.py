"""Wedding cancelled: it will not take place."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from journeys.language.registry import EventFacts, TriggerType, trigger_types


class WeddingCancelledSettings(BaseModel):
    """Nothing to choose."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@trigger_types.register
class WeddingCancelled(TriggerType[WeddingCancelledSettings]):
    """Starts when a wedding is cancelled; it goes on although the wedding's other journeys end."""

    type: ClassVar[str] = "wedding_cancelled"
    title: ClassVar[str] = "The wedding is cancelled"
    description: ClassVar[str] = "When it will not take place"
    settings_model = WeddingCancelledSettings

    def matches(self, *, settings: WeddingCancelledSettings, event: EventFacts) -> bool:
        """Take every one."""
        del settings, event
        return True
