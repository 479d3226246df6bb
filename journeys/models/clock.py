"""How far the engine's time is ahead of the real one."""

from __future__ import annotations

from datetime import timedelta

from django.db import models


class ClockShift(models.Model):
    """The one row that a movable clock adds to the database's time; absent in production."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    shift = models.DurationField(default=timedelta)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="clockshift_one_row")]

    def __str__(self) -> str:
        return f"clock ahead by {self.shift}"
