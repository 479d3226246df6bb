"""Webhook received: another service has told us something."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from journeys.language.registry import EventFacts, TriggerType, trigger_types


class WebhookReceivedSettings(BaseModel):
    """Through which door."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hook: str = Field(default="", max_length=60, title="Incoming hook", description="Its name; empty: any.")


@trigger_types.register
class WebhookReceived(TriggerType[WebhookReceivedSettings]):
    """Starts when another service calls one of the vendor's incoming hooks; the topic is the hook's name."""

    type: ClassVar[str] = "webhook_received"
    title: ClassVar[str] = "Another service calls"
    description: ClassVar[str] = "When another service calls an incoming hook"
    settings_model = WebhookReceivedSettings

    def matches(self, *, settings: WebhookReceivedSettings, event: EventFacts) -> bool:
        """Compare the hook's name."""
        return not settings.hook or settings.hook == event.payload.get("topic")
