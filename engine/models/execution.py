"""What happened at each step: history, never changed."""

from __future__ import annotations

import uuid

from django.db import models

from engine.models.instance import Instance
from journeys import partitions
from journeys.fields import EncryptedJSONField
from journeys.models import Vendor


class NodeExecution(models.Model):
    """One attempt at one step, and how it ended.

    Partitioned by month of `at`, so that no unique key can span it: that a place is completed once is held by
    the fence in the transaction that writes this row, and checked by `doctor`.
    """

    class Status(models.TextChoices):
        SUCCEEDED = "succeeded", "Done"
        SKIPPED = "skipped", "Skipped"
        #: This attempt failed and another follows.
        RETRYING = "retrying", "Failed, tried again"
        #: Put off without an attempt: outside sending hours, open circuit, message in doubt.
        HELD = "held", "Put off"
        FAILED = "failed", "Failed"
        #: The token was taken away: another branch was first, or the passage ended elsewhere.
        CANCELLED = "cancelled", "Cancelled"

    #: A place that was completed has exactly one row with one of these.
    COMPLETED = (Status.SUCCEEDED, Status.SKIPPED)

    public_id = models.UUIDField(default=uuid.uuid4, editable=False)
    # The indexes over (instance, at) and (vendor, at) serve these two as well.
    vendor = models.ForeignKey(
        Vendor, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    instance = models.ForeignKey(
        Instance, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="executions"
    )
    schedule_id = models.BigIntegerField()
    #: The version it was carried out in, by number of its row: passages may be moved to another one later.
    version_id = models.BigIntegerField(null=True, blank=True)
    node_id = models.CharField(max_length=64)
    node_type = models.CharField(max_length=40)
    branch = models.CharField(max_length=600, default="", blank=True)
    visit = models.PositiveIntegerField(default=1)
    attempt = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=10, choices=Status.choices)
    #: The port it was left by; a split names all it took, joined by ",".
    port = models.CharField(max_length=840, default="", blank=True)
    reason = models.CharField(max_length=300, default="", blank=True)
    error_class = models.CharField(max_length=12, default="", blank=True)
    error_code = models.CharField(max_length=60, default="", blank=True)
    output = EncryptedJSONField(null=True)
    queue = models.CharField(max_length=10, default="", blank=True)
    due_at = models.DateTimeField()
    #: When it could be begun at the earliest: due, or placed where its time had passed already.
    ready_at = models.DateTimeField()
    #: Engine time of the claim; started_at − ready_at is the lateness.
    started_at = models.DateTimeField()
    at = models.DateTimeField()
    #: Time spent on it, in milliseconds, by a monotonic clock.
    duration_ms = models.FloatField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["instance", "at"], name="execution_of_instance"),
            models.Index(fields=["vendor", "at"], name="execution_of_vendor"),
        ]

    def __str__(self) -> str:
        return f"{self.node_id} {self.status}"


partitions.register("engine_nodeexecution")
