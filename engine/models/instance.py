"""One client's passage through one version of a journey."""

from __future__ import annotations

from django.db import models

from engine.models.event import TriggerEvent
from journeys.fields import EncryptedJSONField, PublicIdField
from journeys.models import Client, Journey, Vendor, Version, Wedding


class Instance(models.Model):
    """Where a client is in a journey.

    Who looks next: `active`, its schedules; `paused`, a person (or the ticket that paused it). The others are final.
    """

    class Status(models.TextChoices):
        ACTIVE = "active", "On its way"
        PAUSED = "paused", "Paused"
        COMPLETED = "completed", "Completed"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    #: In these a client is inside the journey.
    LIVE = (Status.ACTIVE, Status.PAUSED)

    public_id = PublicIdField(prefix="ins")
    # No index of their own: below there is one that begins with each of them. A start writes every index.
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="instances", db_index=False)
    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="instances", db_index=False)
    #: RESTRICT: a version stays while somebody is in it, but goes together with its vendor.
    version = models.ForeignKey(Version, on_delete=models.RESTRICT, related_name="instances")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="instances", db_index=False)
    wedding = models.ForeignKey(
        Wedding, on_delete=models.CASCADE, null=True, blank=True, related_name="instances"
    )
    trigger_event = models.ForeignKey(
        TriggerEvent,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="instances",
        db_index=False,
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    #: Why it is paused, cancelled or failed, as a sentence.
    reason = models.CharField(max_length=300, default="", blank=True)
    #: Who paused it, as the audit names people; "ticket": its tickets did, and it goes on when they are resolved.
    paused_by = models.CharField(max_length=100, default="", db_default="", blank=True)
    #: How it ended: "completed", "stopped", "goal:<name>", "exit:<name>"; "" while it goes on.
    result = models.CharField(max_length=80, default="", blank=True)
    #: The place of the step that started it as a sub-journey; "" for none.
    started_by = models.CharField(max_length=900, default="", blank=True)
    #: One of its kind: while it lives, the client does not enter the journey again. False where the journey
    #: allows passages side by side.
    exclusive = models.BooleanField(default=True)
    #: Stays with its version, whatever is published, until somebody takes the pin out.
    pinned = models.BooleanField(default=False)
    variables = EncryptedJSONField(null=True)
    #: What a person decided for steps that are late, by step: "send", "skip", "ask"; in place of their late rules.
    decisions = models.JSONField(null=True, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["journey", "client"],
                name="instance_one_live",
                condition=models.Q(status__in=["active", "paused"], exclusive=True),
            ),
        ]
        indexes = [
            # How many have entered, and when?
            models.Index(fields=["journey", "started_at"], name="instance_entered"),
            models.Index(fields=["vendor", "status", "-id"], name="instance_by_status"),
            models.Index(fields=["client", "-id"], name="instance_of_client"),
            models.Index(fields=["started_by"], name="instance_sub", condition=~models.Q(started_by="")),
            # What did an event begin? Most passages begin without one.
            models.Index(
                fields=["trigger_event"],
                name="instance_of_event",
                condition=models.Q(trigger_event__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.public_id
