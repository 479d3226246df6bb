"""What went wrong."""

from __future__ import annotations

from django.db import models

from engine.models.instance import Instance
from journeys import partitions
from journeys.fields import EncryptedJSONField
from journeys.models import Vendor


class ErrorLog(models.Model):
    """One failure, as it was classified. Partitioned by month of `at`."""

    vendor = models.ForeignKey(Vendor, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    instance = models.ForeignKey(
        Instance, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="errors"
    )
    node_id = models.CharField(max_length=64, default="", blank=True)
    error_class = models.CharField(max_length=12)
    code = models.CharField(max_length=60)
    #: Without personal data.
    message = models.CharField(max_length=500)
    detail = EncryptedJSONField(null=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["vendor", "at"], name="error_of_vendor")]

    def __str__(self) -> str:
        return f"{self.error_class} {self.code}"


partitions.register("engine_errorlog")
