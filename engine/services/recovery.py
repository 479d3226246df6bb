"""Find work that was queued but never taken, or taken but never finished, and put it back."""

from __future__ import annotations

from django.db import connection

#: Rows put back by one sweep; the next sweep takes the rest.
SWEEP_LIMIT = 1000

_RECLAIM = """
WITH lost AS MATERIALIZED (
    SELECT id FROM engine_schedule
    WHERE state IN ('queued', 'running') AND lease_until < clock_timestamp()
    ORDER BY lease_until LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE engine_schedule s
SET state = 'waiting', lease_until = NULL, fence = s.fence + 1,
    -- A bell that nobody heard was no attempt; a claim that came to no result is not one either.
    attempt = CASE WHEN s.state = 'running' THEN GREATEST(s.attempt - 1, 0) ELSE s.attempt END
FROM lost WHERE s.id = lost.id
RETURNING s.id
"""


def sweep() -> int:
    """Put back schedules whose lease has ended, by PostgreSQL's clock, and return how many.

    They go through the ordinary door: waiting and due, they are dispatched anew with a higher fence, so that whoever
    held them before can change nothing. What they had begun outside is found in the message ledger.
    Two sweeps at once take different rows.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RECLAIM, [SWEEP_LIMIT])
        return len(cursor.fetchall())
