"""Wedding postponed: its date was taken away, and there is no new one yet."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from journeys.language.registry import EventFacts, TriggerType, trigger_types


class WeddingPostponedSettings(BaseModel):
    """Nothing to choose."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@trigger_types.register
class WeddingPostponed(TriggerType[WeddingPostponedSettings]):
    """Starts when a wedding's date is taken away; the new one, when it comes, is another event."""

    type: ClassVar[str] = "wedding_postponed"
    title: ClassVar[str] = "The wedding is postponed"
    description: ClassVar[str] = "When its date is taken away without a new one"
    settings_model = WeddingPostponedSettings

    def matches(self, *, settings: WeddingPostponedSettings, event: EventFacts) -> bool:
        """Take every one."""
        del settings, event
        return True
