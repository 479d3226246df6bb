"""Weddings, and the other dates that steps hang on."""

from __future__ import annotations

from django.db import models

from journeys.fields import EncryptedTextField, PublicIdField
from journeys.models.people import Client
from journeys.models.vendor import Vendor


class Wedding(models.Model):
    """A wedding of a client. A missing date is allowed: nothing that hangs on it is sent then."""

    class Status(models.TextChoices):
        PLANNED = "planned", "Planned"
        POSTPONED = "postponed", "Postponed, no new date"
        CANCELLED = "cancelled", "Cancelled"

    public_id = PublicIdField(prefix="wed")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="weddings")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="weddings")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PLANNED)
    date = models.DateField(null=True, blank=True)
    #: Local time of the ceremony, in `time_zone`.
    time = models.TimeField(null=True, blank=True)
    #: IANA name of the zone where the wedding is.
    time_zone = models.CharField(max_length=64)
    venue = EncryptedTextField(default="", blank=True)
    city = EncryptedTextField(default="", blank=True)
    #: ISO 3166 country, with subdivision where known.
    region = models.CharField(max_length=10, default="", blank=True)
    guest_count = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["vendor", "date"], name="wedding_by_date")]

    def __str__(self) -> str:
        return self.public_id


class WeddingAnchor(models.Model):
    """A named date of a wedding other than the day itself: the booking, an engagement shoot, the gallery delivery."""

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    wedding = models.ForeignKey(Wedding, on_delete=models.CASCADE, related_name="anchors")
    name = models.CharField(max_length=40)
    date = models.DateField()
    time = models.TimeField(null=True, blank=True)
    #: "" means the wedding's zone.
    time_zone = models.CharField(max_length=64, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["wedding", "name"], name="anchor_once"),
            models.CheckConstraint(condition=~models.Q(name="wedding"), name="anchor_wedding_is_the_date"),
        ]
        indexes = [
            # Whose gallery is delivered these days?
            models.Index(fields=["vendor", "name", "date"], name="anchor_by_date"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.date}"
