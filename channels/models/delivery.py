"""What providers report about messages."""

from __future__ import annotations

from django.db import models

from channels.models.message import Message
from journeys.fields import EncryptedJSONField


class DeliveryEvent(models.Model):
    """One report of a provider, kept as it came; the same report twice is stored once."""

    provider = models.CharField(max_length=30)
    #: The provider's own id of the report, or message id and status where it has none.
    event_key = models.CharField(max_length=240)
    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, null=True, blank=True, related_name="delivery_events"
    )
    kind = models.CharField(max_length=20)
    raw = EncryptedJSONField(null=True)
    occurred_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "event_key"], name="delivery_event_once"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.kind}"
