"""Who did what, when. Append-only."""

from __future__ import annotations

from django.db import models

from journeys import partitions
from journeys.models.vendor import Vendor


class AuditRecord(models.Model):
    """One deed. The database refuses to change or delete it; it holds no personal data.

    Partitioned by month of `at`.
    """

    vendor = models.ForeignKey(
        Vendor, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )
    at = models.DateTimeField()
    #: "user:12", "key:Ab3…", "engine", "command:demo".
    actor = models.CharField(max_length=100)
    #: "<object>.<verb>", such as "journey.published".
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=40)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["object_id", "at"], name="audit_of_object")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.object_id}"


partitions.register("journeys_auditrecord")
