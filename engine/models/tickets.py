"""What needs a person: one ticket for each cause, with a line for each step that the cause has stopped."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from engine.models.instance import Instance
from journeys.fields import PublicIdField
from journeys.models import Vendor


class InterventionTicket(models.Model):
    """One cause that only a person can put right; it is open for as long as one of its lines is.

    How many lines it has is counted, never stored: a thousand steps that one cause stops must not wait for one row.
    """

    class Level(models.TextChoices):
        SUPPORT = "support", "Support"
        ENGINEERING = "engineering", "Engineering"
        EMERGENCY = "emergency", "Emergency"

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        RESOLVED = "resolved", "Resolved"

    public_id = PublicIdField(prefix="tkt")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="tickets")
    #: What failures have in common that are put right together (`engine.services.causes`); open once in a vendor.
    cause = models.CharField(max_length=200)
    level = models.CharField(max_length=12, choices=Level.choices, default=Level.SUPPORT)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    error_class = models.CharField(max_length=12, default="", blank=True)
    code = models.CharField(max_length=60, default="", blank=True)
    #: What happened first, what is safe, what to do: without personal data.
    summary = models.CharField(max_length=500)
    created_at = models.DateTimeField()
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    assigned_at = models.DateTimeField(null=True, blank=True)
    #: When its level was raised last.
    escalated_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=100, default="", blank=True)
    #: What was decided about the line that was settled last.
    resolution = models.CharField(max_length=12, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["vendor", "cause"], name="ticket_one_of_cause", condition=models.Q(status="open")
            ),
        ]
        indexes = [
            models.Index(fields=["vendor", "-id"], name="ticket_open", condition=models.Q(status="open")),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.public_id}"


class TicketLine(models.Model):
    """One step that is stopped until its ticket is worked."""

    Level = InterventionTicket.Level
    Status = InterventionTicket.Status

    public_id = PublicIdField(prefix="tln")
    ticket = models.ForeignKey(InterventionTicket, on_delete=models.CASCADE, related_name="lines")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="ticket_lines")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="ticket_lines")
    #: The parked schedule, by number: it is gone when the line is settled.
    schedule_id = models.BigIntegerField()
    node_id = models.CharField(max_length=64)
    #: What this step alone asks for; its ticket has at least that.
    level = models.CharField(max_length=12, choices=Level.choices, default=Level.SUPPORT)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    error_class = models.CharField(max_length=12, default="", blank=True)
    code = models.CharField(max_length=60, default="", blank=True)
    #: What happened here, what is safe, what to do: without personal data.
    summary = models.CharField(max_length=500)
    #: The instance stands still until it is settled.
    pauses = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=100, default="", blank=True)
    #: "retry", "skip", "cancel", "resend", "mark_sent", "edit"; "settled" (a provider's report answered it), "moved"
    #: (the wedding did), "rolled_back".
    resolution = models.CharField(max_length=12, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["schedule_id"], name="line_one_open", condition=models.Q(status="open")
            ),
        ]
        indexes = [
            models.Index(fields=["ticket", "id"], name="line_open", condition=models.Q(status="open")),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.public_id}"
