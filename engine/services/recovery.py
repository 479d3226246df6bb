"""Find work that was queued but never taken, or taken but never finished, and put it back."""

from __future__ import annotations

from django.db import connection

from engine.services import workers

#: Rows put back by one sweep for each reason; the next sweep takes the rest.
SWEEP_LIMIT = 1000
#: How long after a worker's death an instant step whose bell was not answered may be what it died of, in seconds.
SUSPECTED = 15.0

_RECLAIM = """
WITH lost AS MATERIALIZED (
    SELECT id FROM engine_schedule WHERE {lost}
    ORDER BY lease_until LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE engine_schedule s
SET state = 'waiting', lease_until = NULL, claimed_by = NULL, fence = s.fence + 1,
    -- A bell that nobody heard was no attempt; a claim that came to no result is not one either.
    attempt = CASE WHEN s.state = 'running' THEN GREATEST(s.attempt - 1, 0) ELSE s.attempt END,
    -- An instant step is begun without a claim at first. Where a worker has just died, it may be what it died of: from
    -- now on its claims are counted.
    claims = CASE WHEN s.state = 'queued' AND s.claims = 0 AND NOT s.outside AND EXISTS (
        SELECT 1 FROM engine_worker w WHERE w.missed_at > clock_timestamp() - make_interval(secs => %(suspected)s)
    ) THEN 1 ELSE s.claims END
FROM lost WHERE s.id = lost.id
RETURNING s.id
"""
_LEASE_ENDED = _RECLAIM.format(lost="state IN ('queued', 'running') AND lease_until < clock_timestamp()")
_WORKER_DIED = _RECLAIM.format(lost="state = 'running' AND claimed_by = ANY(%(dead)s)")


def sweep() -> int:
    """Put back schedules whose lease has ended or whose worker has died, and return how many.

    They go through the ordinary door: waiting and due, they are dispatched anew with a higher fence, so that whoever
    held them before can change nothing, should it live after all. What they had begun outside is found in the
    message ledger. Two sweeps at once take different rows. All times are PostgreSQL's.
    """
    dead = workers.find_dead()
    with connection.cursor() as cursor:
        cursor.execute(_LEASE_ENDED, {"limit": SWEEP_LIMIT, "suspected": SUSPECTED})
        found = cursor.rowcount
        if dead:
            cursor.execute(_WORKER_DIED, {"limit": SWEEP_LIMIT, "suspected": SUSPECTED, "dead": dead})
            found += cursor.rowcount
    return int(found)
