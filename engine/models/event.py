"""What happened that may start a journey."""

from __future__ import annotations

from django.db import models

from journeys.fields import EncryptedJSONField, PublicIdField
from journeys.models import Client, Vendor


class TriggerEvent(models.Model):
    """An event, stored once by its event id, with what it started and why it did not start more."""

    public_id = PublicIdField(prefix="evt")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="trigger_events")
    #: The sender's id of the event: the same one twice starts nothing twice.
    event_id = models.CharField(max_length=200)
    type = models.CharField(max_length=40)
    #: What the event is about within its type: the form's type, the payment's kind. Plain, for conditions.
    topic = models.CharField(max_length=60, default="", blank=True)
    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, null=True, blank=True, related_name="trigger_events"
    )
    payload = EncryptedJSONField(null=True)
    #: [{"journey": "jrn_…", "outcome": "started" | "not_matched" | "already_active" | …, "reason": "…"}].
    outcomes = models.JSONField(default=list)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["vendor", "event_id"], name="trigger_event_once")]
        indexes = [
            models.Index(fields=["client", "type", "topic"], name="event_of_client"),
            models.Index(fields=["vendor", "-id"], name="event_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.public_id}"
