"""Find what is due and ring for it, the nearest weddings first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from engine.bells import Place, ring_on_commit
from engine.services.priorities import QUEUES, queue_span

_ROOM = "SELECT queue, count(*) FROM engine_schedule WHERE state = 'queued' GROUP BY queue"

#: Planned anew for each look: one plan for all times would read every due step to find the urgent ones, or every urgent
#: one to find those that are due, whichever there happened to be few of when it was made.
_BEGIN = """
SELECT NOT EXISTS (SELECT 1 FROM engine_queuecontrol WHERE id = 1 AND NOT running),
    set_config('plan_cache_mode', 'force_custom_plan', true)
"""
_NEAR = "s.wedding_at > %(after)s AND s.wedding_at <= %(until)s"
#: `low` also takes what has no wedding date and what lies after the wedding.
_REST = f"({_NEAR} OR s.wedding_at IS NULL OR s.wedding_at <= %(now)s - interval '1 day')"
_TAKE = """
WITH due AS MATERIALIZED (
    SELECT s.id FROM engine_schedule s
    JOIN engine_instance i ON i.id = s.instance_id AND i.status = 'active'
    WHERE s.state = 'waiting' AND s.due_at <= %(now)s AND {which}
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


def _take(queue: str, *, chosen: bool) -> str:
    """Write the question for what is due of a queue; `chosen`, only of some rows."""
    which = _REST if queue == "low" else _NEAR
    return _TAKE.format(which=f"{which} AND s.id = ANY(%(only)s::bigint[])" if chosen else which)


def capacity() -> int:
    """Give how many steps may be rung for in one queue at a time; the rest waits in PostgreSQL.

    What waits here can still be overtaken by a nearer wedding; what waits in the broker can not.
    """
    return int(settings.QUEUE_DEPTH_PER_SLOT * settings.QUEUE_MAX_CONCURRENCY * settings.QUEUE_BATCH_SIZE)


def dispatch(*, now: datetime, only: Sequence[int] | None = None) -> int:
    """Queue what is due, most urgent queue first, and ring on commit; return how many steps that were.

    Two at once take different rows. `only` limits it to these schedules, for work that was just placed.
    """
    places: list[Place] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_BEGIN)
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_ROOM)
        queued = dict(cursor.fetchall())
        for queue in QUEUES:
            room = capacity() - queued.get(queue, 0)
            if room <= 0:
                continue
            after, until = queue_span(queue)
            asked = {
                "now": now,
                "after": now + after,
                "until": now + until,
                "room": room,
                "queue": queue,
                "bell_lease": settings.QUEUE_BELL_LEASE_SECONDS,
            }
            if only is not None:
                asked["only"] = list(only)
            cursor.execute(_take(queue, chosen=only is not None), asked)
            places += [Place(*row) for row in cursor.fetchall()]
        ring_on_commit(places)
    return len(places)


def offer_on_commit(schedule_ids: Sequence[int], *, now: datetime) -> None:
    """Dispatch just placed schedules as soon as the surrounding transaction commits.

    If the process dies before that, the next dispatch tick finds them.
    """
    if schedule_ids:
        transaction.on_commit(lambda: dispatch(now=now, only=schedule_ids), robust=True)
