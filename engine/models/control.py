"""The engine's own switches and marks."""

from __future__ import annotations

from django.db import models


class QueueControl(models.Model):
    """Whether queue processing is on; the one row that every dispatcher reads."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    running = models.BooleanField(default=True)
    changed_at = models.DateTimeField(null=True, blank=True)
    changed_by = models.CharField(max_length=100, default="", blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="queuecontrol_one_row")]

    def __str__(self) -> str:
        return "running" if self.running else "stopped"


class Watermark(models.Model):
    """Up to which engine time a tick has done its work; a tick that was away catches up from here."""

    name = models.CharField(max_length=60, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} up to {self.at}"


class Heartbeat(models.Model):
    """When a part of the system last showed life, by PostgreSQL's own time."""

    name = models.CharField(max_length=100, primary_key=True)
    beat_at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.name
