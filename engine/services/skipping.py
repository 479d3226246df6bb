"""Leave a parked place undone."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import connection

from engine.models import Instance, Schedule
from engine.services.results import Claim
from engine.services.runner import prepare
from engine.services.writing import write


def skip_parked(schedule: Schedule, *, reason: str, now: datetime) -> None:
    """Leave a parked place undone and go on with what follows it, inside the caller's transaction."""
    version_id = Instance.objects.values_list("version_id", flat=True).get(id=schedule.instance_id)
    schedule.state, schedule.fence = Schedule.State.RUNNING, schedule.fence + 1
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE engine_schedule SET state = 'running', fence = %s, due_at = COALESCE(due_at, %s),
                   lease_until = clock_timestamp() + make_interval(secs => %s) WHERE id = %s""",
            [schedule.fence, now, settings.QUEUE_LEASE_SECONDS, schedule.id],
        )
    held = Claim(
        schedule_id=schedule.id,
        fence=schedule.fence,
        vendor_id=schedule.vendor_id,
        instance_id=schedule.instance_id,
        version_id=version_id,
        node_id=schedule.node_id,
        branch=schedule.branch,
        visit=schedule.visit,
        attempt=max(schedule.attempt, 1),
        claims=0,
        due_at=schedule.due_at or now,
        ready_at=now,
        meant=schedule.meant,
        wedding_at=schedule.wedding_at,
        queue=schedule.queue,
        rounds=schedule.rounds,
        waiting=schedule.waiting,
    )
    step = prepare([held], now=now, skipping=True)[0]
    step.skip(reason, now=now)
    write([step.result(now=now)], now=now)
