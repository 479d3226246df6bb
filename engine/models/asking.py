"""What steps have asked of people, and how far the asking has come."""

from __future__ import annotations

from django.db import models

from engine.models.instance import Instance
from journeys.models import Client, Vendor, Wedding


class Ask(models.Model):
    """One asking of one step at one place: to choose a time, to write a review, to tell friends.

    The step reads it as a fact and so knows, whenever it is woken, whether it has asked already and how often it
    has reminded. It stays when the place is left, for the page behind the link still works.
    """

    class Kind(models.TextChoices):
        MEETING = "meeting", "To choose a time"
        REVIEW = "review", "To write a review"
        REFERRAL = "referral", "To tell friends"

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="+")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="asks")
    wedding = models.ForeignKey(Wedding, on_delete=models.CASCADE, null=True, blank=True, related_name="asks")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="asks")
    #: "<instance>:<node>:<branch>:<visit>"
    place = models.CharField(max_length=900, unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    node_id = models.CharField(max_length=64)
    visit = models.PositiveIntegerField(default=1)
    #: When the letter with the link went out; NULL when the link was opened before that was written down.
    asked_at = models.DateTimeField(null=True, blank=True)
    reminders = models.PositiveSmallIntegerField(default=0)
    reminded_at = models.DateTimeField(null=True, blank=True)
    #: The first time that somebody opened the page.
    opened_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["instance", "kind"], name="ask_of_instance"),
            models.Index(fields=["client", "kind", "-id"], name="ask_of_client"),
        ]

    def __str__(self) -> str:
        return self.place
