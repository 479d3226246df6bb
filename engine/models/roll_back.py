"""Passages that a person has put back to an earlier step."""

from __future__ import annotations

from django.db import models

from engine.models.instance import Instance
from journeys.fields import PublicIdField
from journeys.models import Vendor


class RollBack(models.Model):
    """One time that a passage was put back: everything that stood was taken away, and it began anew at one step.

    Never changed: it is history, beside that of the steps, and where the passage stands is told from both.
    """

    class Messages(models.TextChoices):
        #: Who has got a message of a step does not get it again.
        KEEP = "keep", "Not again what has gone out"
        SEND_AGAIN = "send_again", "Send everything again"

    class Due(models.TextChoices):
        NOW = "now", "At once"
        BY_ITS_TIMING = "by_its_timing", "When the step's own timing says so"

    public_id = PublicIdField(prefix="rbk")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="roll_backs")
    #: Counted from 1 in each passage.
    number = models.PositiveIntegerField()
    node_id = models.CharField(max_length=64)
    #: The round that the passage began with; higher than any before, so that no place is named twice.
    visit = models.PositiveIntegerField()
    messages = models.CharField(max_length=12, choices=Messages.choices)
    due = models.CharField(max_length=16, choices=Due.choices)
    #: Where it stood: [{"node": …, "branch": …, "visit": …, "state": …}]; empty when it had ended.
    taken = models.JSONField(default=list)
    #: What it was before: active, paused, or how it had ended.
    status_before = models.CharField(max_length=10)
    reason = models.CharField(max_length=300, default="", blank=True)
    #: The number of the passage's last row of history before it began anew; 0 for none.
    after = models.BigIntegerField(default=0)
    #: The number of its last row in the ledger of messages before it; 0 for none.
    last_message = models.BigIntegerField(default=0)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instance", "number"], name="roll_back_number_once"),
        ]
        indexes = [
            models.Index(fields=["vendor", "-id"], name="roll_back_newest"),
        ]

    def __str__(self) -> str:
        return self.public_id
