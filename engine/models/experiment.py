"""Which variant of an experiment a client belongs to."""

from __future__ import annotations

from django.db import models

from journeys.models import Client, Journey, Vendor


class VariantAssignment(models.Model):
    """A client's variant of one experiment of a journey: assigned once, the same on every later passage."""

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="variant_assignments")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="variant_assignments")
    #: The split step's id.
    experiment = models.CharField(max_length=64)
    variant = models.CharField(max_length=40)
    assigned_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["journey", "client", "experiment"], name="variant_once"),
        ]

    def __str__(self) -> str:
        return f"{self.experiment}: {self.variant}"
