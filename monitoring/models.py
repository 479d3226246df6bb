"""What the monitor has noticed, who was told of it, and when each promise was last looked at."""

from __future__ import annotations

from django.db import models

from journeys.fields import PublicIdField
from journeys.models import Vendor


class Alert(models.Model):
    """Something that is wrong with the system, as long as it is.

    Who looks next: whatever noticed it (`source`), which resolves it when it is mended; a person may acknowledge it.
    """

    class Level(models.TextChoices):
        WARNING = "warning", "Warning"
        CRITICAL = "critical", "Critical"

    class Status(models.TextChoices):
        #: Seen, and perhaps gone at the next look: nobody is told yet.
        SUSPECTED = "suspected", "Looked at again"
        OPEN = "open", "Open"
        RESOLVED = "resolved", "Mended"

    #: In these there is one alert for each key.
    LIVE = (Status.SUSPECTED, Status.OPEN)

    public_id = PublicIdField(prefix="alr")
    #: NULL: about the whole system.
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, null=True, blank=True, related_name="alerts")
    #: What noticed it: "doctor:completed_once", "beat", "clock:web-1".
    source = models.CharField(max_length=120)
    #: What it is about; the same trouble has the same key.
    key = models.CharField(max_length=200)
    level = models.CharField(max_length=10, choices=Level.choices)
    status = models.CharField(max_length=10, choices=Status.choices)
    title = models.CharField(max_length=200)
    #: What is known and what to do, without personal data.
    detail = models.CharField(max_length=1000, default="", blank=True)
    #: When it was seen first; `seen_at` last, `times` how often.
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    resolved_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=100, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key"], name="alert_one_live", condition=models.Q(status__in=["suspected", "open"])
            ),
        ]
        indexes = [
            models.Index(fields=["vendor", "-id"], name="alert_newest"),
            models.Index(
                fields=["source"], name="alert_live", condition=models.Q(status__in=["suspected", "open"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.key}"


class AlertLetter(models.Model):
    """One letter about an alert by one way: an outbox, so that it goes out whoever noticed the trouble.

    Who looks next at each state: `waiting`, the watchman at `due_at`; `sending`, whoever took it, or the watchman at
    `lease_until`. The others are final.
    """

    class Way(models.TextChoices):
        EMAIL = "email", "Email"
        WEBHOOK = "webhook", "Webhook"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for its time"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        #: The trouble was over before it went out.
        DROPPED = "dropped", "No longer needed"
        FAILED = "failed", "Could not be sent"

    public_id = PublicIdField(prefix="alt")
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="letters")
    #: The alert's key: what the hour between two letters is counted by.
    key = models.CharField(max_length=200)
    way = models.CharField(max_length=10, choices=Way.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    #: The engine's time at which the last attempt began.
    begun_at = models.DateTimeField(null=True, blank=True)
    #: PostgreSQL's own time.
    lease_until = models.DateTimeField(null=True, blank=True)
    #: Why it waits, failed or was dropped, as a sentence.
    reason = models.CharField(max_length=300, default="", blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["alert", "way"], name="alert_letter_once"),
            models.CheckConstraint(
                condition=~models.Q(state="sending") | models.Q(lease_until__isnull=False),
                name="alert_letter_has_lease",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                name="alert_letter_open",
                condition=models.Q(state__in=["waiting", "sending"]),
            ),
            models.Index(fields=["key", "way", "-id"], name="alert_letter_of_key"),
        ]

    def __str__(self) -> str:
        return f"{self.way} {self.state} {self.key}"


class Examination(models.Model):
    """When a promise was last looked at by itself, and what was found."""

    name = models.CharField(max_length=60, primary_key=True)
    checked_at = models.DateTimeField()
    took_ms = models.FloatField(default=0)
    broken = models.PositiveIntegerField(default=0)
    examples = models.JSONField(default=list, blank=True)
    #: Why it could not be looked at, as a sentence; "" when it could.
    failure = models.CharField(max_length=300, default="", blank=True)

    def __str__(self) -> str:
        return self.name
