"""Which time-zone database the stored moments were computed with."""

from __future__ import annotations

from django.db import models


class ZoneUpdate(models.Model):
    """One look at all stored moments after the time-zone database changed; the newest row says which one is in force."""

    #: IANA's name of the database: "2026f".
    version = models.CharField(max_length=20)
    #: The one before; "" for the first.
    was = models.CharField(max_length=20, default="", blank=True)
    applied_at = models.DateTimeField()
    #: Moments that were computed anew, and how many of them moved.
    examined = models.PositiveIntegerField(default=0)
    moved = models.PositiveIntegerField(default=0)
    #: The first of those that moved: [{"instance", "step", "zone", "before", "after"}].
    report = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"{self.was or 'none'} to {self.version}"
