"""Messages that the local sink took, where no provider is configured."""

from __future__ import annotations

from django.db import models

from journeys.fields import EncryptedJSONField, EncryptedTextField, PublicIdField
from journeys.models import Vendor


class SinkMessage(models.Model):
    """A message as its receiver would have it; stands in for a provider's own records."""

    public_id = PublicIdField(prefix="snk")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    #: The message's key: the sink takes the same message only once.
    key = models.CharField(max_length=900, unique=True)
    channel = models.CharField(max_length=10)
    sender = EncryptedTextField(default="")
    address = EncryptedTextField()
    subject = EncryptedTextField(default="", blank=True)
    body_text = EncryptedTextField(default="", blank=True)
    body_html = EncryptedTextField(default="", blank=True)
    #: [{"name", "content_type", "content": base64}]; NULL for nothing.
    attachments = EncryptedJSONField(null=True, blank=True)
    received_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["vendor", "-id"], name="sink_newest")]

    def __str__(self) -> str:
        return self.public_id
