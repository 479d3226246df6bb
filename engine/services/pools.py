"""How many processes each worker should have: as many as its queues are deep, within its own bounds.

Nothing is remembered but in PostgreSQL, and what is asked for is a size, never a difference: whoever looks twice, or two
who look at once, ask for the same. A pool grows at once, and shrinks by one process at a time after it was too large for
a while. How deep the queues are is what was rung for and what is being carried out: while more is due, the dispatcher
keeps the queues full, so counting it would only say the same at a price.

A pool follows the queues of the broker that it serves: what travels alone and instant steps are counted apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from django.conf import settings
from django.db import connection

from engine.broker_queues import queue_for
from engine.services import heartbeats
from engine.services.notices import QUEUE as LETTERS

#: Who keeps how long each pool has been too large.
NAME = "pools"
#: Processes a pool grows by at one look; billiard ends a worker that starts a hundred in a second.
MOST_AT_ONCE = 16
#: How long a pool must have been too large before it shrinks, in seconds.
PATIENCE = 30.0
#: A look that came so much later than the one before knows nothing of the time between, in seconds.
FORGOTTEN_AFTER = 10.0
#: A worker that has missed so many beats is not asked for anything, in seconds.
DEAD_AFTER = 3 * heartbeats.EVERY
#: Rows counted at a look: more than any bounds ask for.
MOST_COUNTED = 20_000

#: Alone travels what has an effect outside, and what was claimed before without a result; a claim counts at once.
_STEPS = """
SELECT queue, alone, count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'running')
FROM (
    SELECT queue, state, outside OR claims > (state = 'running')::int AS alone FROM engine_schedule
    WHERE state IN ('queued', 'running') LIMIT %s
) s GROUP BY queue, alone
"""
_LETTERS = """
SELECT count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'sending')
FROM (SELECT state FROM engine_meetingnotice WHERE state IN ('queued', 'sending') LIMIT %s) n
"""
_POOLS = """
SELECT substr(name, length('worker:') + 1), detail FROM engine_heartbeat
WHERE name LIKE 'worker:%%' AND detail ? 'most' AND beat_at > clock_timestamp() - make_interval(secs => %s)
ORDER BY name
"""
_REMEMBERED = """
SELECT detail, EXTRACT(EPOCH FROM clock_timestamp() - beat_at)::float FROM engine_heartbeat WHERE name = %s
"""


@dataclass(frozen=True, slots=True)
class Depth:
    """What one queue of the broker holds, in tasks."""

    waiting: int = 0
    busy: int = 0


@dataclass(frozen=True, slots=True)
class Pool:
    """A worker whose size may change, as its heartbeat told."""

    name: str
    queues: tuple[str, ...]
    size: int
    fewest: int
    most: int


def look() -> dict[str, int]:
    """Give the size each pool should have whose size is another one, and remember which are too large.

    Asks PostgreSQL a handful of short questions, whatever is due; outside any transaction. Changes no pool.
    """
    pools = _living()
    if not pools:
        return {}
    wanted = wanted_sizes(pools, depths())
    shallow = _shallow_for()
    sizes: dict[str, int] = {}
    still: dict[str, float] = {}
    for pool in pools:
        size = next_size(size=pool.size, wanted=wanted[pool.name], shallow_for=shallow.get(pool.name, 0.0))
        if size != pool.size:
            sizes[pool.name] = size
        if wanted[pool.name] < pool.size:
            still[pool.name] = shallow.get(pool.name, 0.0)
    heartbeats.beat(NAME, shallow=still, wanted=wanted)
    return sizes


def next_size(*, size: int, wanted: int, shallow_for: float) -> int:
    """Say how large a pool of `size` should be now that has wanted fewer processes for so many seconds."""
    if wanted > size:
        return min(wanted, size + MOST_AT_ONCE)
    return size - 1 if wanted < size and shallow_for >= PATIENCE else size


def wanted_sizes(pools: Sequence[Pool], held: Mapping[str, Depth]) -> dict[str, int]:
    """Say how many processes each pool needs for its share of what the queues hold.

    One for each task that is carried out, and one more for each QUEUE_DEPTH_PER_SLOT that wait; pools that serve the
    same queue share its tasks evenly. Never fewer or more than the pool's bounds.
    """
    servers = {queue: sum(queue in pool.queues for pool in pools) for queue in held}
    return {
        pool.name: max(
            pool.fewest,
            min(pool.most, ceil(sum((_share(held, servers, queue) for queue in pool.queues), Fraction()))),
        )
        for pool in pools
    }


def _share(held: Mapping[str, Depth], servers: Mapping[str, int], queue: str) -> Fraction:
    depth = held.get(queue, Depth())
    need = depth.busy + Fraction(depth.waiting, settings.QUEUE_DEPTH_PER_SLOT)
    return need / servers[queue] if queue in servers else Fraction()


def depths() -> dict[str, Depth]:
    """Count, for each queue of the broker, the tasks that were rung for and those that are carried out."""
    with connection.cursor() as cursor:
        cursor.execute(_STEPS, [MOST_COUNTED])
        steps = cursor.fetchall()
        cursor.execute(_LETTERS, [MOST_COUNTED])
        letters, sending = cursor.fetchone()
    held = {
        queue_for(queue, alone=alone): (
            Depth(waiting, busy) if alone else Depth(_tasks(waiting), _tasks(busy))
        )
        for queue, alone, waiting, busy in steps
    }
    if letters or sending:
        before = held.get(LETTERS, Depth())
        held[LETTERS] = Depth(waiting=before.waiting + letters, busy=before.busy + sending)
    return held


def _tasks(steps: int) -> int:
    """Say in how many tasks so many instant steps travel."""
    return ceil(steps / settings.QUEUE_BATCH_SIZE)


def _living() -> list[Pool]:
    with connection.cursor() as cursor:
        cursor.execute(_POOLS, [DEAD_AFTER])
        told = [(name, json.loads(detail)) for name, detail in cursor.fetchall()]
    return [
        Pool(name, tuple(one["queues"]), one["processes"], one["fewest"], one["most"]) for name, one in told
    ]


def _shallow_for() -> dict[str, float]:
    """Give how long each pool has been too large by now, in seconds of PostgreSQL's clock."""
    with connection.cursor() as cursor:
        cursor.execute(_REMEMBERED, [NAME])
        row = cursor.fetchone()
    if row is None or row[1] > FORGOTTEN_AFTER:
        return {}
    return {name: seconds + row[1] for name, seconds in json.loads(row[0])["shallow"].items()}
