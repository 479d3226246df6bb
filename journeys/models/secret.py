"""Words that only a vendor and the other side know."""

from __future__ import annotations

from django.db import models

from journeys.fields import EncryptedTextField, PublicIdField
from journeys.models.vendor import Vendor


class VendorSecret(models.Model):
    """A key of the vendor's at another service, or the one that its own calls are signed with."""

    #: The name of the secret that outgoing calls are signed with.
    SIGNING = "webhook_signing"

    public_id = PublicIdField(prefix="sec")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=40)
    value = EncryptedTextField()
    #: The one before; signatures are made with both until `previous_until`.
    previous = EncryptedTextField(default="", blank=True)
    previous_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["vendor", "name"], name="vendor_secret_once")]

    def __str__(self) -> str:
        return self.name
