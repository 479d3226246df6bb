"""Who carries out steps: one row for each life of a process, proven by a lock that only a living one holds."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Worker(models.Model):
    """One life of a process that claims steps.

    It holds an advisory lock of PostgreSQL under its number for as long as it lives. Whoever dies loses the lock at
    once, and the sweep frees what was claimed under that number without waiting for the lease.
    """

    #: Half of the lock's name, so it has 32 bits; a number is never given twice.
    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=100)
    pid = models.IntegerField()
    #: PostgreSQL's own time, as everything here.
    started_at = models.DateTimeField(db_default=Now())
    #: Since when a sweep has found its lock free; NULL while it lives.
    missed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.pid})"
