"""What could not be carried out, kept whole until a person decides."""

from __future__ import annotations

from django.db import models

from journeys.fields import EncryptedJSONField, PublicIdField
from journeys.models import Vendor


class DeadLetter(models.Model):
    """Something that came in or was to go on and broke for good: by a fault of ours, so it can be done again.

    Who looks next: `open`, a person; `replayed` and `discarded` are final.
    """

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        REPLAYED = "replayed", "Done again"
        DISCARDED = "discarded", "Discarded"

    public_id = PublicIdField(prefix="ddl")
    #: NULL where it belongs to nobody, or nobody knows to whom.
    vendor = models.ForeignKey(
        Vendor, on_delete=models.CASCADE, null=True, blank=True, related_name="dead_letters"
    )
    #: What it is, and so how it is done again: `engine.services.dead_letters` has the list.
    kind = models.CharField(max_length=20)
    #: The same thing breaking again has the same key.
    key = models.CharField(max_length=200)
    #: All that is needed to do it again.
    payload = EncryptedJSONField(null=True)
    #: Name of the exception.
    error_class = models.CharField(max_length=100, default="", blank=True)
    #: What broke and where in the program, without personal data.
    error = models.CharField(max_length=500, default="", blank=True)
    #: How often it broke since it is here, replays among them.
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=100, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"], name="dead_letter_once", condition=models.Q(status="open")
            ),
        ]
        indexes = [
            models.Index(fields=["vendor", "-id"], name="dead_letter_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"
