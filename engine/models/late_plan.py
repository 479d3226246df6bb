"""What a passage that began late makes up for, and who said so."""

from __future__ import annotations

from django.db import models

from engine.models.instance import Instance
from journeys.fields import PublicIdField
from journeys.models import Vendor


class LatePlan(models.Model):
    """The plan of a passage some of whose dated steps were past when it began; it is held until it is confirmed.

    Who looks next while it is `waiting`: a person, or the date tick at `confirm_by`.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", "Waits for a yes"
        CONFIRMED = "confirmed", "Confirmed"
        #: Nobody said anything in time, and the journey says that it goes ahead then.
        WENT_AHEAD = "went_ahead", "Went ahead by itself"
        #: The passage ended before.
        VOID = "void", "No longer needed"

    public_id = PublicIdField(prefix="pln")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    instance = models.OneToOneField(Instance, on_delete=models.CASCADE, related_name="late_plan")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    #: {"<step>": "send" | "skip" | "ask"} where a person chose something else than the late rules.
    choices = models.JSONField(default=dict)
    made_at = models.DateTimeField()
    #: NULL: a person decides, however long it takes.
    confirm_by = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.CharField(max_length=100, default="", blank=True)

    class Meta:
        indexes = [
            # Which plans go ahead by themselves next?
            models.Index(fields=["confirm_by"], name="late_plan_next", condition=models.Q(status="waiting")),
            models.Index(fields=["vendor", "-id"], name="late_plan_of_vendor"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.public_id}"
