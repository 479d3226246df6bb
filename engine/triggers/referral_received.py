"""Referral received: a friend has written through a couple's own link."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from journeys.language.registry import EventFacts, TriggerType, trigger_types


class ReferralReceivedSettings(BaseModel):
    """Nothing to choose."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@trigger_types.register
class ReferralReceived(TriggerType[ReferralReceivedSettings]):
    """Starts for the couple whose link it was, so that they can be thanked; the friend is a new client of their own."""

    type: ClassVar[str] = "referral_received"
    title: ClassVar[str] = "A friend has written"
    description: ClassVar[str] = "When somebody writes through a couple's own link"
    settings_model = ReferralReceivedSettings

    def matches(self, *, settings: ReferralReceivedSettings, event: EventFacts) -> bool:
        """Take every one."""
        del settings, event
        return True
