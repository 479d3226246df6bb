"""What went wrong, and what needs a person."""

from __future__ import annotations

from django.db import models

from engine.models.instance import Instance
from journeys import partitions
from journeys.fields import EncryptedJSONField, PublicIdField
from journeys.models import Vendor


class ErrorLog(models.Model):
    """One failure, as it was classified. Partitioned by month of `at`."""

    vendor = models.ForeignKey(Vendor, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    instance = models.ForeignKey(
        Instance, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="errors"
    )
    node_id = models.CharField(max_length=64, default="", blank=True)
    error_class = models.CharField(max_length=12)
    code = models.CharField(max_length=60)
    #: Without personal data.
    message = models.CharField(max_length=500)
    detail = EncryptedJSONField(null=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["vendor", "at"], name="error_of_vendor")]

    def __str__(self) -> str:
        return f"{self.error_class} {self.code}"


partitions.register("engine_errorlog")


class InterventionTicket(models.Model):
    """Something only a person can settle; the step it is about is parked until then."""

    class Level(models.TextChoices):
        SUPPORT = "support", "Support"
        ENGINEERING = "engineering", "Engineering"
        EMERGENCY = "emergency", "Emergency"

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        RESOLVED = "resolved", "Resolved"

    public_id = PublicIdField(prefix="tkt")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="tickets")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="tickets")
    #: The parked schedule, by number: it is gone when the ticket is settled.
    schedule_id = models.BigIntegerField()
    node_id = models.CharField(max_length=64)
    level = models.CharField(max_length=12, choices=Level.choices, default=Level.SUPPORT)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    error_class = models.CharField(max_length=12, default="", blank=True)
    code = models.CharField(max_length=60, default="", blank=True)
    #: What happened, what is safe, what to do: without personal data.
    summary = models.CharField(max_length=500)
    created_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=100, default="", blank=True)
    #: "retry", "skip", "cancel", "settled" (a provider's report answered it).
    resolution = models.CharField(max_length=12, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["schedule_id"], name="ticket_one_open", condition=models.Q(status="open")
            ),
        ]
        indexes = [
            models.Index(fields=["vendor", "-id"], name="ticket_open", condition=models.Q(status="open")),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.public_id}"
