"""Many clients who are to enter one journey, by one request."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from journeys.fields import EncryptedJSONField, PublicIdField
from journeys.models import Journey, Vendor


class Enrollment(models.Model):
    """Who asked for whom to enter which journey, and how far that has come: one row, and none for each client.

    Who looks next: while it is `running`, the tick of enrollments, from `cursor` on; `paused`, a person. The others
    are final. The cursor is committed together with the passages that it stands behind.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Under way"
        PAUSED = "paused", "Paused"
        CANCELLED = "cancelled", "Cancelled"
        FINISHED = "finished", "Finished"

    #: It may still go on.
    OPEN = (State.RUNNING, State.PAUSED)

    public_id = PublicIdField(prefix="enr")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="enrollments")
    #: Only count who would enter.
    dry_run = models.BooleanField(default=False)
    #: Numbers of the clients that were named, in order; NULL: all that fit the rest.
    listed = ArrayField(models.BigIntegerField(), null=True, blank=True)
    #: A tag of the client's; "" says nothing.
    tag = models.CharField(max_length=60, default="", blank=True)
    #: A status of the client's; "" says nothing.
    status = models.CharField(max_length=40, default="", blank=True)
    #: A condition of the expression language that has to hold for the client; "" says nothing.
    condition = models.TextField(default="", blank=True)
    #: What each passage begins with.
    variables = EncryptedJSONField(null=True)
    #: So many enter in an hour at most, evenly; NULL: as fast as it goes.
    per_hour = models.PositiveIntegerField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    #: Clients up to this number were there when it was asked for.
    last = models.BigIntegerField()
    #: Clients up to this number have been decided.
    cursor = models.BigIntegerField(default=0)
    examined = models.PositiveIntegerField(default=0)
    #: Who entered, or would have.
    entered = models.PositiveIntegerField(default=0)
    #: Why the others did not: {code: {"count": how many, "examples": [public ids]}}.
    refused = models.JSONField(default=dict)
    #: From when on, and behind how many, the pace is counted.
    paced_from = models.DateTimeField()
    paced_after = models.PositiveIntegerField(default=0)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=100)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["journey", "-id"], name="enrollment_newest"),
            # Which are still to be carried out?
            models.Index(fields=["id"], name="enrollment_open", condition=models.Q(state="running")),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def reasons(self) -> list[dict[str, Any]]:
        """Return why clients did not enter, with code, count and examples; the most frequent first."""
        rows = [{"code": code, **one} for code, one in self.refused.items()]
        return sorted(rows, key=lambda row: (-row["count"], row["code"]))
