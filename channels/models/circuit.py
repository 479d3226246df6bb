"""Circuits: whether an account of a provider, or a service that webhooks call, is worth calling now."""

from __future__ import annotations

from django.db import models

from journeys.fields import PublicIdField
from journeys.models import Vendor


class Circuit(models.Model):
    """What is known of one account or host; there is a row only for those that failed once or were set by hand.

    Who looks next: while it is open, the first step that comes at or after `probe_at` and takes the probe; while that
    is under way, whoever comes after `probe_lease` has ended.
    """

    class Kind(models.TextChoices):
        ACCOUNT = "account", "Account of a provider"
        HOST = "host", "Service that webhooks call"

    class State(models.TextChoices):
        #: Everything goes through.
        CLOSED = "closed", "Works"
        #: Nothing goes through until `probe_at`.
        OPEN = "open", "Stopped"
        #: One is being tried; the others wait for what comes of it.
        HALF_OPEN = "half_open", "Being tried"

    class Forced(models.TextChoices):
        NO = "", "By itself"
        OPEN = "open", "Stopped by hand"
        CLOSED = "closed", "Let through by hand"

    public_id = PublicIdField(prefix="cir")
    #: "provider:<name>", or "webhook:<vendor>:<host>".
    key = models.CharField(max_length=300, unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    #: NULL for the system's own accounts.
    vendor = models.ForeignKey(
        Vendor, on_delete=models.CASCADE, null=True, blank=True, related_name="circuits"
    )
    #: What people call it: "SendGrid", "api.example.com".
    name = models.CharField(max_length=255)
    state = models.CharField(max_length=10, choices=State.choices, default=State.CLOSED)
    #: What went wrong last, in a sentence without personal data.
    reason = models.CharField(max_length=300, default="", blank=True)
    code = models.CharField(max_length=60, default="", blank=True)
    #: Since when it has not worked; kept while one probe after the other fails.
    opened_at = models.DateTimeField(null=True, blank=True)
    #: Openings in a row without a success; each waits up to twice as long as the one before.
    opens = models.PositiveIntegerField(default=0)
    #: When the next one may be tried, by the engine's time.
    probe_at = models.DateTimeField(null=True, blank=True)
    #: Number of the probe; what an older one says is not heard.
    probe_fence = models.BigIntegerField(default=0)
    #: When another may be tried although nothing was heard of this one, by PostgreSQL's clock.
    probe_lease = models.DateTimeField(null=True, blank=True)
    #: The latest failures while it is closed: [{"at", "sign", "code"}], oldest first.
    failures = models.JSONField(default=list, blank=True)
    forced = models.CharField(max_length=6, choices=Forced.choices, default=Forced.NO, blank=True)
    #: Who set it by hand, or "engine".
    changed_by = models.CharField(max_length=100, default="engine", blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="closed")
                | models.Q(opened_at__isnull=False, probe_at__isnull=False),
                name="circuit_open_since",
            ),
        ]
        indexes = [models.Index(fields=["vendor", "-id"], name="circuit_newest")]

    def __str__(self) -> str:
        return self.key

    @property
    def lets_through(self) -> bool:
        """Tell whether everything goes through now."""
        if self.forced:
            return self.forced == self.Forced.CLOSED
        return self.state == self.State.CLOSED

    @property
    def held_sentence_start(self) -> str:
        """Give the first words of why steps wait for it; they are found by these."""
        return f"Waits for {self.name}: "

    @property
    def held_sentence(self) -> str:
        """Say why steps wait for it: the same words while the same thing is wrong."""
        because = "it was stopped by hand." if self.forced == self.Forced.OPEN else self.reason
        return (self.held_sentence_start + because)[:300]
