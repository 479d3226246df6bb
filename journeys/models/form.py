"""What a vendor asks couples, and what they can read."""

from __future__ import annotations

from django.db import models

from journeys.fields import PublicIdField
from journeys.models.vendor import Vendor


class Form(models.Model):
    """Questions for a couple; a step of a journey sends the link to them."""

    public_id = PublicIdField(prefix="frm")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="forms")
    #: What journeys name it by; never changed.
    key = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    #: Markdown, above the questions.
    intro = models.TextField(default="", blank=True)
    #: [{"name", "label", "kind", "required", "options", "help"}], see journeys.language.forms.
    fields = models.JSONField(default=list)
    #: Markdown, after the answers were sent.
    thanks = models.TextField(default="", blank=True)
    #: Answered no more, and offered to no journey; its answers stay.
    is_archived = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["vendor", "key"], name="form_key_once")]

    def __str__(self) -> str:
        return self.title


class InfoPage(models.Model):
    """A page that a couple reads: directions, what to wear, how the day goes."""

    public_id = PublicIdField(prefix="inf")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="info_pages")
    #: What journeys name it by; never changed.
    key = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    #: Markdown with the couple's facts, as in a letter.
    body = models.TextField()
    is_archived = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["vendor", "key"], name="info_page_key_once")]

    def __str__(self) -> str:
        return self.title
