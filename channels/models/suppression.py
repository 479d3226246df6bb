"""Addresses that must not be written to."""

from __future__ import annotations

from django.db import models

from journeys.fields import EncryptedTextField
from journeys.models import Vendor


class Suppression(models.Model):
    """An address that a vendor must not write to through a channel."""

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="suppressions")
    channel = models.CharField(max_length=10)
    address_index = models.CharField(max_length=64)
    address = EncryptedTextField()
    #: "bounced", "complained", "unsubscribed", "stop", "invalid", "by_hand".
    reason = models.CharField(max_length=20)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["vendor", "channel", "address_index"], name="suppression_once"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.reason}"
