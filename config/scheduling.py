"""The beat's schedule: ticks whose last run, by a clock that is put right since, lies ahead are due at once."""

from __future__ import annotations

from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry


class TickEntry(ModelEntry):  # type: ignore[misc] # the package has no types
    """One tick."""

    def __init__(self, model: Any, app: Any = None) -> None:
        """Read it; the run that is written down by a clock ahead of this one would keep it silent until then."""
        super().__init__(model, app=app)
        now = self._default_now()
        if model.last_run_at > now:
            model.last_run_at = self.last_run_at = now


class TickScheduler(DatabaseScheduler):  # type: ignore[misc] # the same
    """Keeps last runs in the database, and forgives clocks."""

    Entry = TickEntry
