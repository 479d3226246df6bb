"""The ledger: one row for each message to each person, written before the provider is called."""

from __future__ import annotations

from django.db import models

from journeys.fields import EncryptedJSONField, EncryptedTextField, PublicIdField
from journeys.models import Client, Vendor


class Message(models.Model):
    """A message to one person through one channel.

    Who looks next at each status: `sending` and `in_doubt`, the step that owns the row, when its lease ends
    or its next look is due; `retry`, the same step's next attempt; all others are final.
    """

    class Status(models.TextChoices):
        #: The provider is being called, or the process that called it died.
        SENDING = "sending", "Being handed over"
        #: The provider took it.
        ACCEPTED = "accepted", "Handed over"
        #: The provider surely did not take it; it may be tried again.
        RETRY = "retry", "To be tried again"
        #: The provider refused it for good.
        REJECTED = "rejected", "Refused"
        #: Nobody knows yet whether the provider took it; never simply sent again.
        IN_DOUBT = "in_doubt", "In doubt"
        #: It could not be found out; settled by policy or by a person.
        UNKNOWN = "unknown", "Could not be found out"
        #: Not sent, because of consent, suppression or a missing address.
        WITHHELD = "withheld", "Withheld"

    class Delivery(models.TextChoices):
        NONE = "", "Nothing heard"
        QUEUED = "queued", "Queued at the provider"
        DEFERRED = "deferred", "Put off by the receiver"
        DELIVERED = "delivered", "Delivered"
        OPENED = "opened", "Opened"
        CLICKED = "clicked", "Clicked"
        BOUNCED = "bounced", "Bounced"
        DROPPED = "dropped", "Dropped by the provider"
        COMPLAINED = "complained", "Marked as spam"
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"

    public_id = PublicIdField(prefix="msg")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="messages")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="messages")
    #: "<instance>:<node>:<branch>:<visit>:<recipient>"; what "never twice" hangs on.
    key = models.CharField(max_length=900, unique=True)
    #: Public id of the instance it belongs to, and its place there; "" for a message sent by hand.
    instance_ref = models.CharField(max_length=32, default="", blank=True)
    node_id = models.CharField(max_length=64, default="", blank=True)
    channel = models.CharField(max_length=10)
    provider = models.CharField(max_length=30)
    purpose = models.CharField(max_length=20, default="transactional")
    recipient_role = models.CharField(max_length=40)
    recipient_name = EncryptedTextField(default="", blank=True)
    address = EncryptedTextField(default="", blank=True)
    address_index = models.CharField(max_length=64, default="", blank=True)
    subject = EncryptedTextField(default="", blank=True)
    body_text = EncryptedTextField(default="", blank=True)
    body_html = EncryptedTextField(default="", blank=True)
    #: What goes along, as `channels.attachments` writes and reads it; NULL for nothing.
    attachments = EncryptedJSONField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices)
    delivery = models.CharField(max_length=12, choices=Delivery.choices, default=Delivery.NONE, blank=True)
    provider_id = models.CharField(max_length=200, default="", blank=True)
    attempt = models.PositiveSmallIntegerField(default=1)
    #: The fence of the schedule that wrote it; a result with another fence changes nothing.
    fence = models.BigIntegerField(default=0)
    error_class = models.CharField(max_length=12, default="", blank=True)
    error_code = models.CharField(max_length=60, default="", blank=True)
    #: Why it is withheld, refused or in doubt, in a sentence without personal data.
    reason = models.CharField(max_length=300, default="", blank=True)
    #: "response", "callback", "lookup", "policy", "person".
    settled_by = models.CharField(max_length=12, default="", blank=True)
    created_at = models.DateTimeField()
    sending_at = models.DateTimeField(null=True, blank=True)
    in_doubt_since = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(status="sending") | models.Q(sending_at__isnull=False),
                name="message_sending_since",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="in_doubt") | models.Q(in_doubt_since__isnull=False),
                name="message_in_doubt_since",
            ),
        ]
        indexes = [
            models.Index(fields=["vendor", "-id"], name="message_newest"),
            models.Index(fields=["client", "-id"], name="message_of_client"),
            models.Index(fields=["instance_ref"], name="message_of_instance"),
            models.Index(fields=["provider", "provider_id"], name="message_by_provider_id"),
            models.Index(
                fields=["in_doubt_since"], name="message_in_doubt", condition=models.Q(status="in_doubt")
            ),
        ]

    def __str__(self) -> str:
        return self.public_id
