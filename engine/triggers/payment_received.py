"""Payment received: money has arrived."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from journeys.language.registry import EventFacts, TriggerType, trigger_types


class PaymentReceivedSettings(BaseModel):
    """Which payment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(default="", max_length=60, title="Payment", description="Empty: any payment.")


class PaymentPayload(BaseModel):
    """What arrives with a payment."""

    model_config = ConfigDict(extra="allow", frozen=True)

    amount: float | None = Field(default=None, ge=0)
    currency: str = Field(default="", max_length=3)


@trigger_types.register
class PaymentReceived(TriggerType[PaymentReceivedSettings]):
    """Starts when a payment arrives; the event's topic is the payment's kind (deposit, final, …)."""

    type: ClassVar[str] = "payment_received"
    title: ClassVar[str] = "A payment arrives"
    description: ClassVar[str] = "When a deposit, a part or the rest is paid"
    settings_model = PaymentReceivedSettings
    payload_model = PaymentPayload

    def matches(self, *, settings: PaymentReceivedSettings, event: EventFacts) -> bool:
        """Compare the payment's kind."""
        return not settings.kind or settings.kind == event.payload.get("topic")
