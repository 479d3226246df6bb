"""Let time pass over what a death has left behind, without waiting for it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from engine.models import Schedule
from tests.drive import run_until_idle

#: More than any journey of these tests needs.
ROUNDS = 10
#: Longer than a doubt waits for its next look, in seconds of the engine's time.
STEP_SECONDS = 70


def end_leases() -> None:
    """Let every lease have ended a moment ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE engine_schedule SET lease_until = clock_timestamp() - interval '1 second'"
            " WHERE lease_until IS NOT NULL"
        )


def heal(now: datetime) -> None:
    """Let leases end and the waits of doubt pass until the engine is at rest."""
    for _ in range(ROUNDS):
        end_leases()
        run_until_idle(now)
        if not Schedule.objects.exists():
            return
        now += timedelta(seconds=STEP_SECONDS)
