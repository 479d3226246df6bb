"""Find what is due and ring for it, the nearest weddings first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from engine.bells import Place, ring_on_commit
from engine.models import QueueControl
from engine.services.priorities import QUEUES, queue_span

_ROOM = "SELECT queue, count(*) FROM engine_schedule WHERE state = 'queued' GROUP BY queue"

#: `low` also takes what has no wedding date and what lies after the wedding.
_TAKE = """
WITH due AS MATERIALIZED (
    SELECT s.id FROM engine_schedule s
    JOIN engine_instance i ON i.id = s.instance_id AND i.status = 'active'
    WHERE s.state = 'waiting' AND s.due_at <= %(now)s
      AND (s.wedding_at > %(after)s AND s.wedding_at <= %(until)s
           OR %(rest)s AND (s.wedding_at IS NULL OR s.wedding_at <= %(now)s - interval '1 day'))
      AND (%(only)s::bigint[] IS NULL OR s.id = ANY(%(only)s))
    ORDER BY s.due_at, s.id
    LIMIT %(room)s
    FOR UPDATE OF s SKIP LOCKED
)
UPDATE engine_schedule s
SET state = 'queued', queue = %(queue)s, fence = s.fence + 1,
    lease_until = clock_timestamp() + make_interval(secs => %(bell_lease)s)
FROM due WHERE s.id = due.id
-- What was claimed without a result may kill its worker: it travels alone, so that it takes no neighbors with it.
RETURNING s.id, s.fence, s.queue, s.outside OR s.claims > 0
"""


def capacity() -> int:
    """Give how many steps may be rung for in one queue at a time; the rest waits in PostgreSQL.

    What waits here can still be overtaken by a nearer wedding; what waits in the broker can not.
    """
    return int(settings.QUEUE_DEPTH_PER_SLOT * settings.QUEUE_MAX_CONCURRENCY * settings.QUEUE_BATCH_SIZE)


def is_running() -> bool:
    """Tell whether queue processing is switched on."""
    return not QueueControl.objects.filter(id=1, running=False).exists()


def dispatch(*, now: datetime, only: Sequence[int] | None = None) -> int:
    """Queue what is due, most urgent queue first, and ring on commit; return how many steps that were.

    Two at once take different rows. `only` limits it to these schedules, for work that was just placed.
    """
    if not is_running():
        return 0
    places: list[Place] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ROOM)
        queued = dict(cursor.fetchall())
        for queue in QUEUES:
            room = capacity() - queued.get(queue, 0)
            if room <= 0:
                continue
            after, until = queue_span(queue)
            cursor.execute(
                _TAKE,
                {
                    "now": now,
                    "after": now + after,
                    "until": now + until,
                    "rest": queue == "low",
                    "only": list(only) if only is not None else None,
                    "room": room,
                    "queue": queue,
                    "bell_lease": settings.QUEUE_BELL_LEASE_SECONDS,
                },
            )
            places += [Place(*row) for row in cursor.fetchall()]
        ring_on_commit(places)
    return len(places)


def offer_on_commit(schedule_ids: Sequence[int], *, now: datetime) -> None:
    """Dispatch just placed schedules as soon as the surrounding transaction commits.

    If the process dies before that, the next dispatch tick finds them.
    """
    if schedule_ids:
        transaction.on_commit(lambda: dispatch(now=now, only=schedule_ids), robust=True)
