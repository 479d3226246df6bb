"""Find what is due and ring for it, the nearest weddings first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from engine.bells import Place, ring_on_commit
from engine.services.priorities import QUEUES, queue_span

_STOPPED = "EXISTS (SELECT 1 FROM engine_queuecontrol WHERE id = 1 AND NOT running)"

#: Planned anew for each look: one plan for all times would read every due step to find the urgent ones, or every urgent
#: one to find those that are due, whichever there happened to be few of when it was made.
_BEGIN = f"""
SELECT NOT {_STOPPED}, set_config('plan_cache_mode', 'force_custom_plan', true),
    CASE WHEN %(own)s THEN set_config('synchronous_commit', 'off', true) END
"""
#: What a step takes of a queue's room: those that travel together share a task, and each that travels alone has one.
_SIZE = "CASE WHEN s.outside OR s.claims > 0 THEN %(batch)s ELSE 1 END"
_TAKEN = f"SELECT s.queue, sum({_SIZE})::bigint AS size FROM engine_schedule s WHERE s.state = 'queued'"  # noqa: S608 names of ours
_ROOM = f"{_TAKEN} GROUP BY s.queue"
_NEAR = "s.wedding_at > %(after)s AND s.wedding_at <= %(until)s"
#: `low` also takes what has no wedding date and what lies after the wedding.
_REST = f"({_NEAR} OR s.wedding_at IS NULL OR s.wedding_at <= %(now)s - interval '1 day')"
#: As many as there is room for if each is as small as can be, and of these as many as there is room for as they are.
_TAKE = f"""
WITH due AS MATERIALIZED (
    SELECT s.id, s.due_at, {_SIZE} AS size FROM engine_schedule s
    JOIN engine_instance i ON i.id = s.instance_id AND i.status = 'active'
    WHERE s.state = 'waiting' AND s.due_at <= %(now)s AND {{which}}
    ORDER BY s.due_at, s.id
    LIMIT %(room)s
    FOR UPDATE OF s SKIP LOCKED
), ranked AS (
    SELECT due.id, sum(due.size) OVER (ORDER BY due.due_at, due.id) AS up_to FROM due
)
UPDATE engine_schedule s
SET state = 'queued', queue = %(queue)s, fence = s.fence + 1,
    lease_until = clock_timestamp() + make_interval(secs => %(bell_lease)s)
FROM ranked WHERE s.id = ranked.id AND ranked.up_to <= %(room)s
-- What was claimed without a result may kill its worker: it travels alone, so that it takes no neighbors with it.
RETURNING s.id, s.fence, s.queue, s.outside OR s.claims > 0
"""  # noqa: S608 the same
#: The first queue whose span holds the wedding; what is in none of them belongs to the last.
_QUEUE_OF = "CASE {} ELSE '{}' END".format(
    " ".join(
        f"WHEN s.wedding_at > %(after_{queue})s AND s.wedding_at <= %(until_{queue})s THEN '{queue}'"
        for queue in QUEUES[:-1]
    ),
    QUEUES[-1],
)
_TAKE_THESE = f"""
WITH due AS MATERIALIZED (
    SELECT s.id, s.due_at, {_SIZE} AS size, {_QUEUE_OF} AS queue FROM engine_schedule s
    JOIN engine_instance i ON i.id = s.instance_id AND i.status = 'active'
    WHERE s.id = ANY(%(only)s::bigint[]) AND s.state = 'waiting' AND s.due_at <= %(now)s AND NOT {_STOPPED}
    FOR UPDATE OF s SKIP LOCKED
), taken AS (
    {_TAKEN} AND s.queue IN (SELECT due.queue FROM due) GROUP BY s.queue
), ranked AS (
    SELECT due.id, due.queue, COALESCE(taken.size, 0)
        + sum(due.size) OVER (PARTITION BY due.queue ORDER BY due.due_at, due.id) AS up_to
    FROM due LEFT JOIN taken ON taken.queue = due.queue
)
UPDATE engine_schedule s
SET state = 'queued', queue = ranked.queue, fence = s.fence + 1,
    lease_until = clock_timestamp() + make_interval(secs => %(bell_lease)s)
FROM ranked WHERE s.id = ranked.id AND ranked.up_to <= %(capacity)s
RETURNING s.id, s.fence, s.queue, s.outside OR s.claims > 0,
    CASE WHEN %(own)s THEN set_config('synchronous_commit', 'off', true) END
"""  # noqa: S608 the same


def capacity() -> int:
    """Give how much room there is in each queue of the broker; the rest waits in PostgreSQL.

    In instant steps, QUEUE_BATCH_SIZE of which share a task; one that travels alone takes as much as these. What waits
    in PostgreSQL can still be overtaken by a nearer wedding; what waits in the broker can not.
    """
    return int(settings.QUEUE_DEPTH_PER_SLOT * settings.QUEUE_MAX_CONCURRENCY * settings.QUEUE_BATCH_SIZE)


def dispatch(*, now: datetime, only: Sequence[int] | None = None) -> int:
    """Queue what is due, most urgent queue first, and ring on commit; return how many steps that were.

    Two at once take different rows. `only` limits it to these schedules, for work that was just placed: one statement.

    The commit of this alone does not wait for the disk: that a step was rung for promises nothing. A crash of
    PostgreSQL in the same moment leaves it `waiting`, due, under its old fence: it is queued again under the fence that
    its first bell has, and whichever bell comes first takes it from the other. What a worker made durable in between
    comes behind this in the log, and is not there without it. Inside somebody's transaction it commits as that does.
    """
    return _take_all(now=now) if only is None else _take_these(only, now=now)


def _take_all(*, now: datetime) -> int:
    places: list[Place] = []
    own = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_BEGIN, {"own": own})
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_ROOM, {"batch": settings.QUEUE_BATCH_SIZE})
        queued = dict(cursor.fetchall())
        for queue in QUEUES:
            room = capacity() - queued.get(queue, 0)
            if room <= 0:
                continue
            after, until = queue_span(queue)
            cursor.execute(
                _TAKE.format(which=_REST if queue == "low" else _NEAR),
                {
                    "now": now,
                    "after": now + after,
                    "until": now + until,
                    "room": room,
                    "batch": settings.QUEUE_BATCH_SIZE,
                    "queue": queue,
                    "bell_lease": settings.QUEUE_BELL_LEASE_SECONDS,
                },
            )
            places += [Place(*row) for row in cursor.fetchall()]
        ring_on_commit(places)
    return len(places)


def _take_these(schedule_ids: Sequence[int], *, now: datetime) -> int:
    asked: dict[str, Any] = {
        "only": list(schedule_ids),
        "now": now,
        "capacity": capacity(),
        "batch": settings.QUEUE_BATCH_SIZE,
        "bell_lease": settings.QUEUE_BELL_LEASE_SECONDS,
        "own": not connection.in_atomic_block,
    }
    for queue in QUEUES[:-1]:
        after, until = queue_span(queue)
        asked |= {f"after_{queue}": now + after, f"until_{queue}": now + until}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_THESE, asked)
        places = [Place(*row[:4]) for row in cursor.fetchall()]
    ring_on_commit(places)
    return len(places)


def offer_on_commit(schedule_ids: Sequence[int], *, now: datetime) -> None:
    """Dispatch just placed schedules as soon as the surrounding transaction commits.

    If the process dies before that, the next dispatch tick finds them.
    """
    if schedule_ids:
        transaction.on_commit(lambda: dispatch(now=now, only=schedule_ids), robust=True)
