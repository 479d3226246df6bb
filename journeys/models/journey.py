"""Journeys: drafts that are edited, versions that never change, templates to begin from."""

from __future__ import annotations

from django.db import models

from journeys.fields import EncryptedJSONField, PublicIdField
from journeys.models.vendor import Vendor


class JourneyTemplate(models.Model):
    """A ready-made journey, loaded from a file of the product or kept by a vendor as its own."""

    public_id = PublicIdField(prefix="tpl")
    #: NULL: shipped with the product, for every vendor.
    vendor = models.ForeignKey(
        Vendor, on_delete=models.CASCADE, null=True, blank=True, related_name="journey_templates"
    )
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=200)
    description = models.TextField(default="", blank=True)
    #: "" fits every kind of vendor.
    vendor_kind = models.CharField(max_length=20, default="", blank=True)
    definition = models.JSONField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["vendor", "key"], name="template_key_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return self.name


class Journey(models.Model):
    """What a vendor edits and publishes."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Active"
        ARCHIVED = "archived", "Archived"

    class ReEntry(models.TextChoices):
        #: A client goes through it once in a lifetime.
        ONCE = "once", "Once"
        #: Again after the last passage has ended.
        WHEN_FINISHED = "when_finished", "Again after it has ended"
        #: Again so many days (`re_entry_days`) after the last passage has ended.
        AFTER_DAYS = "after_days", "Again some days after it has ended"
        #: Several passages of one client side by side.
        ALWAYS = "always", "Always, also side by side"

    public_id = PublicIdField(prefix="jrn")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="journeys")
    name = models.CharField(max_length=200)
    description = models.TextField(default="", blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    #: Holds unless the published version says otherwise in its `entry`.
    re_entry = models.CharField(max_length=20, choices=ReEntry.choices, default=ReEntry.ONCE)
    #: Only for the rule after_days.
    re_entry_days = models.PositiveIntegerField(null=True, blank=True)
    draft = EncryptedJSONField()
    #: Grows with every change of the draft; an edit of an older one is refused.
    draft_revision = models.PositiveIntegerField(default=1)
    current_version = models.ForeignKey(
        "journeys.Version", on_delete=models.RESTRICT, null=True, blank=True, related_name="+"
    )
    #: The template it was begun from, and what that said then (`journeys.language.diff.digest_of`); "" for none.
    template_key = models.CharField(max_length=60, default="", blank=True)
    template_digest = models.CharField(max_length=64, default="", blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["vendor"], name="journey_active", condition=models.Q(status="active")),
        ]

    def __str__(self) -> str:
        return self.name


class Version(models.Model):
    """One frozen, published definition. The database refuses to change it."""

    public_id = PublicIdField(prefix="ver")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = EncryptedJSONField()
    #: SHA-256 of the canonical definition.
    digest = models.CharField(max_length=64)
    #: The start node's trigger type, for finding the journeys an event may start.
    trigger_type = models.CharField(max_length=40)
    #: The number of the older version that this one says again.
    repeats = models.PositiveIntegerField(null=True, blank=True)
    published_at = models.DateTimeField()
    published_by = models.CharField(max_length=100)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["journey", "number"], name="version_number_once")]
        indexes = [
            # Which are started by a date?
            models.Index(
                fields=["journey"], name="version_by_date", condition=models.Q(trigger_type="date_based")
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"
