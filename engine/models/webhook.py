"""Calls to other services, and the doors through which they call us."""

from __future__ import annotations

from django.db import models

from engine.models.instance import Instance
from journeys.fields import EncryptedTextField, PublicIdField
from journeys.models import Vendor


class WebhookCall(models.Model):
    """The ledger of outgoing calls: one row for each place, written before the call.

    Who looks next: `calling`, the step that owns it, when its lease ends (it calls again with the same id);
    `retry`, the same step's next attempt; `answered` and `refused` are final.
    """

    class Status(models.TextChoices):
        CALLING = "calling", "Being called"
        RETRY = "retry", "To be tried again"
        ANSWERED = "answered", "Answered"
        REFUSED = "refused", "Refused"

    #: What the receiver gets as webhook-id and Idempotency-Key: the same for every attempt.
    public_id = PublicIdField(prefix="whk")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="webhook_calls")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="webhook_calls")
    node_id = models.CharField(max_length=64)
    #: "<instance>:<node>:<branch>:<visit>"
    place = models.CharField(max_length=900, unique=True)
    method = models.CharField(max_length=6)
    #: Name only: path and query may hold personal data.
    host = models.CharField(max_length=255)
    status = models.CharField(max_length=10, choices=Status.choices)
    attempts = models.PositiveIntegerField(default=0)
    #: HTTP status of the last answer; NULL when there was none.
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    #: The beginning of the last answer.
    excerpt = EncryptedTextField(default="", blank=True)
    error_code = models.CharField(max_length=60, default="", blank=True)
    #: Fence of the schedule that wrote it; a result with an older one changes nothing.
    fence = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    called_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["vendor", "-id"], name="webhook_call_newest"),
            models.Index(fields=["instance"], name="webhook_call_of_instance"),
        ]

    def __str__(self) -> str:
        return self.public_id


class IncomingHook(models.Model):
    """An address under which another service tells us something; its last part is the secret."""

    class Match(models.TextChoices):
        CLIENT_ID = "client_id", "The client's id"
        EMAIL = "email", "An e-mail address of the client"
        EXTERNAL_REF = "external_ref", "The key in the vendor's own system"

    public_id = PublicIdField(prefix="ihk")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="incoming_hooks")
    #: The topic of the events that arrive here.
    name = models.CharField(max_length=60)
    #: Keyed hash of the token; the token itself is shown once.
    token_index = models.CharField(max_length=64, unique=True)
    #: How the client is found in what arrives.
    match = models.CharField(max_length=20, choices=Match.choices, default=Match.CLIENT_ID)
    #: Where it stands in the JSON: "data.client.email".
    match_path = models.CharField(max_length=200, default="client_id")
    #: Where the sender's own id of the event stands, for senders without a webhook-id header; "" for nowhere.
    id_path = models.CharField(max_length=200, default="", blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    rotated_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["vendor", "name"], name="incoming_hook_once")]

    def __str__(self) -> str:
        return self.name
