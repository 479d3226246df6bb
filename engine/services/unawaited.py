"""Strike off the outbox what nobody can care about: most of what happens wakes nobody, and has to cost little."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

import structlog
from django.db import connection

from engine.models import Instance
from engine.services.ending import rule_paths
from engine.services.fact_dates import FACT

log = structlog.get_logger(__name__)

#: Passages that are locked together.
MOST = 200
_LIVE = [str(status) for status in Instance.LIVE]

#: Gives what is left: each row with its client and a version that the client is inside of (NULL: somebody else is at it).
_WHERE_NOBODY_IS_INSIDE = """
WITH nobodys AS MATERIALIZED (
    SELECT w.id FROM engine_wake w
    WHERE w.id = ANY(%(rows)s::bigint[]) AND NOT EXISTS (
        SELECT 1 FROM engine_instance i WHERE i.client_id = w.client_id AND i.status = ANY(%(live)s)
    )
    FOR UPDATE SKIP LOCKED
), struck AS (
    DELETE FROM engine_wake w USING nobodys WHERE w.id = nobodys.id
    RETURNING set_config('synchronous_commit', 'off', true)
)
SELECT w.id, w.client_id, i.version_id
FROM engine_wake w LEFT JOIN engine_instance i ON i.client_id = w.client_id AND i.status = ANY(%(live)s)
WHERE w.id = ANY(%(rows)s::bigint[]) AND NOT EXISTS (SELECT 1 FROM nobodys WHERE nobodys.id = w.id)
"""
_HOLD = """
SELECT id FROM engine_instance WHERE client_id = ANY(%(clients)s::bigint[]) AND status = ANY(%(live)s)
ORDER BY id FOR NO KEY UPDATE
"""
#: Whoever has begun a passage in the meantime is looked at as well.
_WHERE_NOBODY_CARES = """
WITH nobodys AS MATERIALIZED (
    SELECT w.id FROM engine_wake w
    WHERE w.id = ANY(%(rows)s::bigint[]) AND NOT EXISTS (
        SELECT 1 FROM engine_instance i
        WHERE i.client_id = w.client_id AND i.status = ANY(%(live)s) AND (
            i.version_id <> ALL(%(plain)s::bigint[])
            OR EXISTS (
                SELECT 1 FROM engine_schedule s WHERE s.instance_id = i.id
                AND (s.awaits && w.topics OR s.meant ->> 'kind' = %(fact)s)
            )
        )
    )
    FOR UPDATE SKIP LOCKED
)
DELETE FROM engine_wake w USING nobodys WHERE w.id = nobodys.id
RETURNING w.id, set_config('synchronous_commit', 'off', true)
"""


def strike_off(rows: Sequence[int]) -> list[int]:
    """Delete those of these rows of the outbox that wake nobody, outside any transaction; give those that are left.

    What happened was committed before. A step cares that waits for it or hangs on a date of the couple's data; a passage
    cares whose version has goals or exit rules. Where a client is in no passage, nobody does: one that is just being
    begun reads its facts later. Otherwise the passages are locked before anybody looks, so that a step which begins to
    wait at this moment is waited for, and then seen.

    The commits of this do not wait for the disk: a crash of PostgreSQL in the same moment brings rows back, and the next
    tick tells of them once more, which wakes whoever cares for nothing and harms nobody. A second call deletes nothing
    more.
    """
    left: dict[int, int] = {}
    versions: dict[int, set[int]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(_of(rows, _WHERE_NOBODY_IS_INSIDE), {"rows": list(rows), "live": _LIVE})
        for row, client_id, version_id in cursor.fetchall():
            left[row] = client_id
            if version_id is not None:
                versions[client_id].add(version_id)
    plain = {one for one in set().union(*versions.values()) if _follows_no_facts(one)}
    quiet = {row: client for row, client in left.items() if versions[client] and versions[client] <= plain}
    if quiet and len(left) <= MOST:
        struck = _strike_where_nobody_cares(list(quiet), clients=set(quiet.values()), plain=plain)
        left = {row: client for row, client in left.items() if row not in struck}
    return list(left)


def _strike_where_nobody_cares(
    rows: Sequence[int], *, clients: Collection[int], plain: Collection[int]
) -> set[int]:
    """Lock the clients' passages and look, in one round trip and one transaction: each statement sees what is there then."""
    with (
        connection.cursor() as holding,
        connection.cursor() as striking,
        connection.connection.pipeline(),
    ):
        holding.execute(_HOLD, {"clients": list(clients), "live": _LIVE})
        striking.execute(
            _of(rows, _WHERE_NOBODY_CARES),
            {"rows": list(rows), "live": _LIVE, "plain": list(plain), "fact": FACT},
        )
        return {row[0] for row in striking.fetchall()}


def _of(rows: Sequence[int], statement: str) -> str:
    """Ask of one row by its number: PostgreSQL keeps that plan, and would make the one of several anew each time."""
    return (
        statement.replace("= ANY(%(rows)s::bigint[])", "= (%(rows)s::bigint[])[1]")
        if len(rows) == 1
        else statement
    )


def _follows_no_facts(version_id: int) -> bool:
    """Tell whether a version has neither goals nor exit rules; one that can not be read is left to who can say so."""
    try:
        return not rule_paths(version_id)
    except Exception as error:  # noqa: BLE001 it breaks again where it is told, and is written down there
        log.info("rules_unreadable", version=version_id, error=type(error).__name__)
        return False
