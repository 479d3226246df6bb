"""Vendors and the people who work for them."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from journeys.fields import EncryptedTextField, PublicIdField


class Vendor(models.Model):
    """A business that carries couples through journeys; the tenant that every other row belongs to."""

    class Kind(models.TextChoices):
        PHOTOGRAPHER = "photographer", "Photographer"
        VENUE = "venue", "Venue"
        CATERER = "caterer", "Caterer"
        FLORIST = "florist", "Florist"
        PLANNER = "planner", "Planner"
        OTHER = "other", "Other"

    public_id = PublicIdField(prefix="ven")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    #: Country, with a subdivision where holidays differ: "PT", "US-CA", "DE-BY".
    region = models.CharField(max_length=10, default="US")
    #: IANA name.
    time_zone = models.CharField(max_length=64, default="UTC")
    #: {"mon": [["09:00", "18:00"]], …}: when messages may go out, in the recipient's wedding zone. {} = always.
    sending_hours = models.JSONField(default=dict, blank=True)
    #: Blackout days, quiet hours, cap, spacing, approval: what `journeys.language.contact_rules` reads. {} = defaults.
    contact_rules = models.JSONField(default=dict, blank=True)
    #: What templates may read as vendor.fields.*, and offsets for journeys under "parameters".
    settings = models.JSONField(default=dict, blank=True)
    email = EncryptedTextField(default="", blank=True)
    phone = EncryptedTextField(default="", blank=True)
    website = models.CharField(max_length=300, default="", blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """What a user may do for a vendor."""

    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        EDITOR = "editor", "Editor"
        VIEWER = "viewer", "Viewer"

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.OWNER)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["vendor", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} of {self.vendor}"
