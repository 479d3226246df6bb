"""Messages that wait for a person's yes."""

from __future__ import annotations

from django.db import models

from engine.models.instance import Instance
from journeys.fields import EncryptedJSONField, EncryptedTextField, PublicIdField
from journeys.models import Client, Journey, Vendor


class Approval(models.Model):
    """What one step wants to send, and what a person said to it.

    Who looks next: `pending`, a person, or the step itself at `expires_at`. The others are final; what was approved
    goes out in these very words, when the gates let it.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Waits for your yes"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Held back"
        #: Nobody decided in time.
        EXPIRED = "expired", "Nobody decided"
        #: What it was about has changed, so that it is asked anew or no longer.
        WITHDRAWN = "withdrawn", "No longer needed"

    #: A place has at most one of these.
    STANDING = (Status.PENDING, Status.APPROVED, Status.REJECTED, Status.EXPIRED)

    public_id = PublicIdField(prefix="apr")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="approvals")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="approvals")
    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="approvals")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="approvals")
    #: Not a foreign key: the schedule goes when the step is left, the approval stays.
    schedule_id = models.BigIntegerField()
    node_id = models.CharField(max_length=64)
    step_name = models.CharField(max_length=200, default="", blank=True)
    #: "<instance>:<node>:<branch>:<visit>", with "#<part>" for one of several sendings of the step.
    place = models.CharField(max_length=960)
    purpose = models.CharField(max_length=20, default="transactional")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    #: "send", "skip" or "escalate": what happens when nobody decides.
    on_expiry = models.CharField(max_length=10, default="escalate")
    #: [{"role", "name", "address", "channel", "locale", "subject", "body"}]; the body is Markdown for email.
    contents = EncryptedJSONField()
    #: The contents before a person edited them; NULL when nobody did.
    original = EncryptedJSONField(null=True)
    #: When it would go out; NULL when it waits for nothing but this.
    goes_out_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=100, default="", blank=True)
    note = EncryptedTextField(default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["place"],
                name="approval_one_standing",
                condition=models.Q(status__in=["pending", "approved", "rejected", "expired"]),
            ),
        ]
        indexes = [
            models.Index(
                fields=["vendor", "expires_at"], name="approval_pending", condition=models.Q(status="pending")
            ),
            models.Index(fields=["vendor", "-id"], name="approval_newest"),
            models.Index(
                fields=["journey", "node_id"],
                name="approval_given",
                condition=models.Q(status="approved"),
            ),
        ]

    def __str__(self) -> str:
        return self.public_id
