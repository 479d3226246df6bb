"""What couples wrote and looked at on the pages that journeys sent them to."""

from __future__ import annotations

from django.db import models

from engine.models.instance import Instance
from journeys.fields import EncryptedJSONField, PublicIdField
from journeys.models import Client, Form, Vendor


class FormSubmission(models.Model):
    """The answers to one request; there is one for each place of a passage, whoever of the couple wrote it."""

    public_id = PublicIdField(prefix="sub")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="form_submissions")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="form_submissions")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="form_submissions")
    form = models.ForeignKey(Form, on_delete=models.CASCADE, related_name="submissions")
    #: "<instance>:<node>:<branch>:<visit>": the step that asked.
    place = models.CharField(max_length=900, unique=True)
    #: Who of the couple answered.
    role = models.CharField(max_length=40)
    #: {name: value}
    answers = EncryptedJSONField()
    #: [{"name", "label", "kind"}] as the questions stood then.
    asked = models.JSONField(default=list)
    submitted_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["form", "-id"], name="submission_of_form"),
            models.Index(fields=["instance"], name="submission_of_instance"),
        ]

    def __str__(self) -> str:
        return self.public_id


class FormDraft(models.Model):
    """A form that somebody has begun to fill in; deleted when the answers are sent."""

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="+")
    place = models.CharField(max_length=900)
    role = models.CharField(max_length=40)
    #: {name: [text, …]} as it was typed.
    typed = EncryptedJSONField()
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["place", "role"], name="form_draft_once")]

    def __str__(self) -> str:
        return f"{self.role} at {self.instance_id}"


class PageView(models.Model):
    """How often somebody has opened the page behind a link."""

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="page_views")
    #: Kind of page: "info", "form", …
    kind = models.CharField(max_length=20)
    place = models.CharField(max_length=900)
    role = models.CharField(max_length=40)
    count = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["place", "role", "kind"], name="page_view_once")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.count}"
