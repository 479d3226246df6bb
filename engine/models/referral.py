"""Personal links that couples give to friends, and who came through them."""

from __future__ import annotations

from django.db import models

from journeys.fields import PublicIdField
from journeys.models import Client, Vendor


class ReferralLink(models.Model):
    """A couple's own link; it stays the same for good."""

    public_id = PublicIdField(prefix="rfl")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="referral_links")
    client = models.OneToOneField(Client, on_delete=models.CASCADE, related_name="referral_link")
    #: The last part of the address; short enough to be read out, long enough not to be guessed.
    code = models.CharField(max_length=20, unique=True)
    visits = models.PositiveIntegerField(default=0)
    last_visit_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["vendor", "-id"], name="referral_newest")]

    def __str__(self) -> str:
        return self.public_id


class ReferralLead(models.Model):
    """Somebody who wrote to the vendor through a couple's link, and what they agreed to."""

    public_id = PublicIdField(prefix="rfd")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    link = models.ForeignKey(ReferralLink, on_delete=models.CASCADE, related_name="leads")
    #: The client that was made of it, or that was known by the same address already.
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    #: The client was not known before.
    is_new = models.BooleanField(default=True)
    #: The words that stood beside the button.
    consent = models.TextField(default="", blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["link", "client"], name="referral_lead_once")]
        indexes = [models.Index(fields=["vendor", "-id"], name="referral_lead_newest")]

    def __str__(self) -> str:
        return self.public_id
