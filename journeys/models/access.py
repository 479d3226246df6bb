"""Keys that integrations use, and answers remembered for repeated requests."""

from __future__ import annotations

from django.db import models
from rest_framework_api_key.models import AbstractAPIKey

from journeys.fields import EncryptedJSONField
from journeys.models.vendor import Vendor


class ApiKey(AbstractAPIKey):
    """A vendor's key for the REST API; only its hash is stored."""

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="api_keys")

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"


class IdempotencyRecord(models.Model):
    """The answer that was given to a request with an Idempotency-Key, to be given again."""

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE)
    key = models.CharField(max_length=200)
    #: SHA-256 of method, path and body: the same key with another request is refused.
    request_digest = models.CharField(max_length=64)
    #: Work and answer are one transaction, so there is no row without an answer.
    status = models.PositiveSmallIntegerField()
    body = EncryptedJSONField(null=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["vendor", "key"], name="idempotency_once")]

    def __str__(self) -> str:
        return self.key
