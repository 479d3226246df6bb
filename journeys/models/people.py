"""The couples, and everybody around their wedding."""

from __future__ import annotations

from django.db import models

from journeys.fields import EncryptedJSONField, EncryptedTextField, PublicIdField
from journeys.models.vendor import Vendor


class Tag(models.Model):
    """A word a vendor puts on clients."""

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=60)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["vendor", "name"], name="tag_once")]

    def __str__(self) -> str:
        return self.name


class Client(models.Model):
    """A couple (or one person) who inquired or booked; their own contact is the first partner's."""

    public_id = PublicIdField(prefix="cli")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="clients")
    #: "Ana & Tom": how the couple is addressed.
    display_name = EncryptedTextField()
    first_name = EncryptedTextField(default="", blank=True)
    last_name = EncryptedTextField(default="", blank=True)
    email = EncryptedTextField(default="", blank=True)
    email_index = models.CharField(max_length=64, default="", blank=True)
    phone = EncryptedTextField(default="", blank=True)
    phone_index = models.CharField(max_length=64, default="", blank=True)
    #: "lead", "booked", "done", or any word the vendor uses.
    status = models.CharField(max_length=40, default="lead")
    locale = models.CharField(max_length=20, default="en")
    time_zone = models.CharField(max_length=64, default="", blank=True)
    #: ["21:00", "08:00"]: when the couple is left alone; [] never; NULL as the vendor says.
    quiet_hours = models.JSONField(null=True, blank=True)
    #: Every message to this couple waits for a person's yes.
    approve_all = models.BooleanField(default=False)
    #: What the vendor keeps about them beyond this: client.fields.* in texts and conditions.
    fields = EncryptedJSONField(null=True, blank=True)
    tags = models.ManyToManyField(Tag, blank=True, related_name="clients")
    #: The key of this client in the system it was imported from; makes an import safe to repeat.
    external_ref = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 NULL is not unique
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["vendor", "external_ref"], name="client_external_ref_once"),
        ]
        indexes = [
            # Who comes next of all?
            models.Index(fields=["vendor", "id"], name="client_of_vendor"),
            models.Index(fields=["vendor", "email_index"], name="client_by_email"),
            models.Index(fields=["vendor", "phone_index"], name="client_by_phone"),
            models.Index(fields=["vendor", "status"], name="client_by_status"),
        ]

    def __str__(self) -> str:
        return self.public_id


class Stakeholder(models.Model):
    """A person with a role at one wedding: a partner, the planner, another vendor."""

    public_id = PublicIdField(prefix="sth")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    wedding = models.ForeignKey("journeys.Wedding", on_delete=models.CASCADE, related_name="stakeholders")
    #: "partner_1", "partner_2", "planner", "venue", "florist", …
    role = models.CharField(max_length=40)
    first_name = EncryptedTextField(default="", blank=True)
    last_name = EncryptedTextField(default="", blank=True)
    email = EncryptedTextField(default="", blank=True)
    email_index = models.CharField(max_length=64, default="", blank=True)
    phone = EncryptedTextField(default="", blank=True)
    phone_index = models.CharField(max_length=64, default="", blank=True)
    locale = models.CharField(max_length=20, default="", blank=True)
    email_allowed = models.BooleanField(default=True)
    sms_allowed = models.BooleanField(default=True)
    #: "email" or "sms": how this person would rather be written to; "" leaves it to the step.
    channel = models.CharField(max_length=10, default="", blank=True)
    #: As the client's; NULL means the client's.
    quiet_hours = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["wedding", "role"], name="stakeholder_role_once")]

    def __str__(self) -> str:
        return self.public_id
