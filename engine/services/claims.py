"""Take the lease of schedules that were rung for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from engine.models import Instance
from engine.services import workers
from engine.services.results import Claim
from journeys import clock

#: Claims without a result after which a step is taken for one that kills its workers.
MAX_CLAIMS = 5
#: How long whoever takes a bell waits for a passage that somebody else holds, in seconds; then the bell counts as lost.
#: Nobody holds one for so long but a worker that hangs, and one is enough.
PATIENCE = 2.0

_CLAIM = """
UPDATE engine_schedule s
SET state = 'running', fence = s.fence + 1, attempt = s.attempt + 1,
    -- Whoever it was rung for first died of it without a claim.
    claims = s.claims + CASE WHEN %(again)s AND s.claims = 0 AND NOT s.outside THEN 2 ELSE 1 END,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s), claimed_by = %(worker)s
FROM unnest(%(ids)s::bigint[], %(fences)s::bigint[]) AS bell(id, fence), engine_instance i
WHERE s.id = bell.id AND s.fence = bell.fence AND s.state = 'queued'
  AND i.id = s.instance_id AND i.status = 'active'
  AND NOT EXISTS (SELECT 1 FROM engine_queuecontrol WHERE id = 1 AND NOT running)
RETURNING s.id, s.fence, s.vendor_id, s.instance_id, i.version_id, s.node_id, s.branch, s.visit, s.attempt, s.claims,
    s.due_at, GREATEST(s.due_at, s.placed_at) AS ready_at, s.meant, s.wedding_at, s.queue, s.rounds, s.waiting, {time}
"""
_TAKE = """
WITH bell AS MATERIALIZED (
    SELECT s.id, s.instance_id, set_config('lock_timeout', %(patience)s, true)
    FROM unnest(%(ids)s::bigint[], %(fences)s::bigint[]) AS rung(id, fence)
    JOIN engine_schedule s ON s.id = rung.id AND s.fence = rung.fence AND s.state = 'queued'
    WHERE NOT EXISTS (SELECT 1 FROM engine_queuecontrol WHERE id = 1 AND NOT running)
), held AS MATERIALIZED (
    SELECT i.id, i.version_id, i.status FROM engine_instance i
    WHERE i.id IN (SELECT bell.instance_id FROM bell)
    ORDER BY i.id FOR NO KEY UPDATE
)
SELECT s.id, s.fence, s.vendor_id, s.instance_id, held.version_id, s.node_id, s.branch, s.visit, s.attempt + 1,
    s.claims + 1, s.due_at, GREATEST(s.due_at, s.placed_at) AS ready_at, s.meant, s.wedding_at, s.queue, s.rounds,
    s.waiting, {time}
FROM bell JOIN engine_schedule s ON s.id = bell.id JOIN held ON held.id = bell.instance_id AND held.status = 'active'
"""


def claim(places: Sequence[tuple[int, int]]) -> list[Claim]:
    """Lease places as `claim_now` does, for a caller who has the time already."""
    return claim_now(places)[0]


def claim_now(
    places: Sequence[tuple[int, int]], *, again: bool = False
) -> tuple[list[Claim], datetime | None]:
    """Lease the schedules (id, fence) that are still as they were when the bell was rung.

    One statement, its own transaction when there is none. What is missing from the answer was carried out, moved
    or paused in the meantime, and needs nothing. A second call with the same places takes nothing. The engine's time
    comes with the answer, None where nothing was taken. `again` says that a worker has died with this bell in hand.
    """
    if not places:
        return [], None
    asked = _asked(places) | {
        "lease": settings.QUEUE_LEASE_SECONDS,
        "worker": workers.own_number(),
        "again": again,
    }
    return _ask(_CLAIM, asked)


def take(places: Sequence[tuple[int, int]]) -> tuple[list[Claim], datetime | None]:
    """Hold the schedules (id, fence) of a bell for the caller's transaction, without a lease; the first that it does.

    What is missing from the answer was carried out, moved or paused in the meantime. The engine's time comes with it,
    None where nothing is left to do.

    Nothing is written: the instances are locked, which keeps whoever holds the same bell waiting, and the fence tells
    whether a place has moved on when its result is written. If this process dies, PostgreSQL lets go of everything and
    the places are still `queued`, until their bells' leases end. Who dies of such a step is found by the claims of those
    who take it after a death (`engine.services.recovery`).
    """
    if not places:
        return [], None
    # Nothing is written under it, but its death must be noticed.
    workers.own_number()
    held, at = _ask(_TAKE, _asked(places) | {"patience": f"{PATIENCE}s"})
    return [replace(one, leased=False) for one in held], at


def _ask(statement: str, parameters: Mapping[str, Any]) -> tuple[list[Claim], datetime | None]:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(time=clock.as_sql()), parameters)
        rows = cursor.fetchall()
    return [Claim(*_with_json(row[:-1])) for row in rows], max((row[-1] for row in rows), default=None)


def _asked(places: Sequence[tuple[int, int]]) -> dict[str, Any]:
    return {"ids": [place[0] for place in places], "fences": [place[1] for place in places]}


def _with_json(row: Sequence[Any]) -> list[Any]:
    """Read the columns of JSON, which a raw cursor of Django gives as text."""
    *plain, meant, wedding_at, queue, rounds, waiting = row
    return [*plain, _json(meant), wedding_at, queue, _json(rounds), _json(waiting)]


def _json(text: str | None) -> Any:
    return json.loads(text) if text else None


def lock_instances(instance_ids: Sequence[int]) -> frozenset[int]:
    """Lock instances against changes of their status and dates until the caller's transaction ends.

    Always before any of their schedules, tickets or messages, and in the order of their numbers, so that two
    transactions never wait for each other. Return those that are active.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, status FROM engine_instance WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [sorted(set(instance_ids))],
        )
        return frozenset(row[0] for row in cursor.fetchall() if row[1] == Instance.Status.ACTIVE)


class LeaseLost(Exception):
    """The lease of a claimed step has ended: somebody else will carry it out."""


def renew(held: Claim) -> None:
    """Extend the lease of a claimed schedule and lock it until the caller's transaction ends.

    Raises:
        LeaseLost: it has ended or the fence has moved on; nothing may be sent or written in its name.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE engine_schedule SET lease_until = clock_timestamp() + make_interval(secs => %s)
               WHERE id = %s AND fence = %s AND state = 'running' AND lease_until > clock_timestamp()""",
            [settings.QUEUE_LEASE_SECONDS, held.schedule_id, held.fence],
        )
        if not cursor.rowcount:
            raise LeaseLost
