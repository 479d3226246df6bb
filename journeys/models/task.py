"""What the vendor has to do by hand."""

from __future__ import annotations

from django.db import models

from journeys.fields import EncryptedTextField, PublicIdField
from journeys.models.people import Client
from journeys.models.vendor import Vendor


class Task(models.Model):
    """Something a person must do for a client; made by hand or by a step."""

    public_id = PublicIdField(prefix="tsk")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="tasks")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="tasks")
    title = EncryptedTextField()
    note = EncryptedTextField(default="", blank=True)
    due_on = models.DateField(null=True, blank=True)
    #: What made it: "<instance>:<node>:<branch>:<visit>", or NULL when a person did. Makes the step repeatable.
    source = models.CharField(max_length=900, null=True, blank=True)  # noqa: DJ001 NULL is not unique
    #: Ways in which it can come out, one of which is chosen when it is done; empty for a task that is simply done.
    choices = models.JSONField(default=list, blank=True)
    choice = models.CharField(max_length=40, default="", blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["vendor", "source"], name="task_source_once")]
        indexes = [
            models.Index(
                fields=["vendor", "due_on"], name="task_open", condition=models.Q(done_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return self.public_id
