"""What happened to a wedding's dates, and what moved with them."""

from __future__ import annotations

from django.db import models

from journeys.fields import PublicIdField
from journeys.models import Vendor, Wedding


class WeddingMove(models.Model):
    """One change of a wedding's date, time, zone, status or other dates; the newest one can be taken back."""

    class Kind(models.TextChoices):
        DATE = "date", "The wedding was moved"
        POSTPONED = "postponed", "The date was taken away"
        ANCHOR = "anchor", "Another date was changed"
        CANCELLED = "cancelled", "The wedding was cancelled"

    public_id = PublicIdField(prefix="mov")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    wedding = models.ForeignKey(Wedding, on_delete=models.CASCADE, related_name="moves")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    #: `journeys.calendars.WeddingState`, as JSON.
    before = models.JSONField()
    after = models.JSONField()
    #: What a person chose for steps that are past at the new date: {"<instance>:<step>": "send"}.
    choices = models.JSONField(default=dict)
    #: The steps that moved, as they were told to whoever moved the wedding.
    steps = models.JSONField(default=list)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=100)
    #: The move that this one takes back.
    undoes = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="undone_by_move"
    )
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.CharField(max_length=100, default="", blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["wedding", "-id"], name="move_newest"),
            models.Index(fields=["vendor", "-id"], name="move_of_vendor"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"
