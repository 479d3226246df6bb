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
    -- In the order in which they are due, and no further than there is room for: what is estimated of a table that has
    -- just filled up would have all of it read and sorted.
    set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
    CASE WHEN %(own)s THEN set_config('synchronous_commit', 'off', true) END
"""
#: What was claimed without a result may kill its worker: it travels alone, so that it takes no neighbors with it.
_ALONE = "(s.outside OR s.claims > 0)"
_TAKEN = f"""
SELECT s.queue, {_ALONE} AS alone, count(*) AS number FROM engine_schedule s
WHERE s.state = 'queued'
"""  # noqa: S608 names of ours
_ROOM = f"{_TAKEN} GROUP BY 1, 2"
_NEAR = "s.wedding_at > %(after)s AND s.wedding_at <= %(until)s"
#: `low` also takes what has no wedding date and what lies after the wedding.
_REST = f"({_NEAR} OR s.wedding_at IS NULL OR s.wedding_at <= %(now)s - interval '1 day')"
#: Asked of each place that is found; joined, all active passages might be gone through to find their places.
_ACTIVE = "(SELECT i.status FROM engine_instance i WHERE i.id = s.instance_id) = 'active'"
_DUE = f"""
    SELECT s.id FROM engine_schedule s
    WHERE s.state = 'waiting' AND s.due_at <= %(now)s AND {{which}} AND {{family}} AND {_ACTIVE}
    ORDER BY s.due_at, s.id
    LIMIT {{room}}
    FOR UPDATE OF s SKIP LOCKED
"""  # noqa: S608 the same
#: Each family has a search of its own: however much is due of one, it does not stand before the other.
_TAKE = """
WITH steps AS MATERIALIZED ({steps}), alone AS MATERIALIZED ({alone}), due AS (
    SELECT id FROM steps UNION ALL SELECT id FROM alone
)
UPDATE engine_schedule s
SET state = 'queued', queue = %(queue)s, fence = s.fence + 1,
    lease_until = clock_timestamp() + make_interval(secs => %(bell_lease)s)
FROM due WHERE s.id = due.id
RETURNING s.id, s.fence, s.queue, {is_alone}
"""


def _take(which: str) -> str:
    """Write the statement that takes what is due and fits `which`."""
    return _TAKE.format(
        steps=_DUE.format(which=which, family=f"NOT {_ALONE}", room="%(room)s"),
        alone=_DUE.format(which=which, family=_ALONE, room="%(room_alone)s"),
        is_alone=_ALONE,
    )


_TAKE_NEAR, _TAKE_REST = _take(_NEAR), _take(_REST)
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
    SELECT s.id, s.due_at, {_ALONE} AS alone, {_QUEUE_OF} AS queue FROM engine_schedule s
    WHERE s.id = ANY(%(only)s::bigint[]) AND s.state = 'waiting' AND s.due_at <= %(now)s AND NOT {_STOPPED} AND {_ACTIVE}
    FOR UPDATE OF s SKIP LOCKED
), taken AS (
    {_TAKEN} AND s.queue IN (SELECT due.queue FROM due) GROUP BY 1, 2
), ranked AS (
    SELECT due.id, due.queue, due.alone, COALESCE(taken.number, 0)
        + row_number() OVER (PARTITION BY due.queue, due.alone ORDER BY due.due_at, due.id) AS up_to
    FROM due LEFT JOIN taken ON taken.queue = due.queue AND taken.alone = due.alone
)
UPDATE engine_schedule s
SET state = 'queued', queue = ranked.queue, fence = s.fence + 1,
    lease_until = clock_timestamp() + make_interval(secs => %(bell_lease)s)
FROM ranked WHERE s.id = ranked.id
    AND ranked.up_to <= CASE WHEN ranked.alone THEN %(capacity_alone)s ELSE %(capacity)s END
RETURNING s.id, s.fence, s.queue, {_ALONE},
    CASE WHEN %(own)s THEN set_config('synchronous_commit', 'off', true) END
"""  # noqa: S608 the same


def capacity(*, alone: bool) -> int:
    """Give how many steps of a priority there is room for in the broker; the rest waits in PostgreSQL.

    What travels alone has a task for each step, of instant ones QUEUE_BATCH_SIZE share a task; neither takes room from
    the other. What waits in PostgreSQL can still be overtaken by a nearer wedding; what waits in the broker can not.
    """
    tasks = int(settings.QUEUE_DEPTH_PER_SLOT * settings.QUEUE_MAX_CONCURRENCY)
    return tasks if alone else tasks * int(settings.QUEUE_BATCH_SIZE)


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
        cursor.execute(_ROOM)
        queued = {(queue, alone): number for queue, alone, number in cursor.fetchall()}
        for queue in QUEUES:
            room, room_alone = (
                max(0, capacity(alone=alone) - queued.get((queue, alone), 0)) for alone in (False, True)
            )
            if not room and not room_alone:
                continue
            after, until = queue_span(queue)
            cursor.execute(
                _TAKE_REST if queue == "low" else _TAKE_NEAR,
                {
                    "now": now,
                    "after": now + after,
                    "until": now + until,
                    "room": room,
                    "room_alone": room_alone,
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
        "capacity": capacity(alone=False),
        "capacity_alone": capacity(alone=True),
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
