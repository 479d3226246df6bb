"""What the past says of the steps ahead: which ways were taken how often, and how long a step takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from journeys.models import Vendor, Version

#: How far back it looks, and at how many steps at most: the newest of a vendor, a sample of the whole system's.
BACK = timedelta(days=90)
MOST = 20_000
#: Where nothing was carried out yet, in milliseconds: what a step may take at most.
UNKNOWN_MS = 100.0

_OF_VENDOR = """
SELECT version_id, node_id, node_type, port, duration_ms FROM engine_nodeexecution
WHERE vendor_id = %(vendor)s AND at > %(since)s AND at <= %(now)s AND status = 'succeeded'
ORDER BY at DESC LIMIT %(most)s
"""
_OF_ALL = """
SELECT version_id, node_id, node_type, port, duration_ms FROM engine_nodeexecution TABLESAMPLE SYSTEM (%(percent)s)
WHERE at > %(since)s AND at <= %(now)s AND status = 'succeeded' LIMIT %(most)s
"""
_COUNTED = """
SELECT version_id, node_id, node_type, port, count(*), sum(duration_ms) FROM ({}) AS h GROUP BY 1, 2, 3, 4
"""
_SIZE = """
SELECT COALESCE(sum(GREATEST(c.reltuples, 0)), 0)::float FROM pg_inherits p JOIN pg_class c ON c.oid = p.inhrelid
WHERE p.inhparent = 'engine_nodeexecution'::regclass
"""


@dataclass(frozen=True, slots=True)
class History:
    """What was carried out lately."""

    #: By journey: how often each way out of a step was taken.
    taken: Mapping[int, Mapping[tuple[str, str], int]]
    #: Mean time of a step in milliseconds, by type.
    mean_ms: Mapping[str, float]
    #: The same over all types.
    usual_ms: float
    #: Steps that this was taken from.
    measured: int

    def milliseconds(self, node_type: str) -> float:
        """Give how long a step of this type takes; as long as others where none was carried out."""
        return self.mean_ms.get(node_type, self.usual_ms)


def lately(vendor: Vendor | None, *, now: datetime) -> History:
    """Read the newest steps of a vendor, or a sample of everybody's."""
    given: dict[str, Any] = {"since": now - BACK, "now": now, "most": MOST}
    with connection.cursor() as cursor:
        if vendor is not None:
            cursor.execute(_COUNTED.format(_OF_VENDOR), given | {"vendor": vendor.pk})
        else:
            cursor.execute(_SIZE)
            size = cursor.fetchone()[0]
            percent = min(100.0, 100 * MOST / size) if size > MOST else 100.0
            cursor.execute(_COUNTED.format(_OF_ALL), given | {"percent": percent})
        found = cursor.fetchall()
    return _history(found)


def _history(found: Iterable[tuple[Any, ...]]) -> History:
    known = list(found)
    journeys = dict(
        Version.objects.filter(id__in={row[0] for row in known if row[0]}).values_list("id", "journey_id")
    )
    taken: dict[int, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    times: dict[str, int] = defaultdict(int)
    spent: dict[str, float] = defaultdict(float)
    for version_id, node_id, node_type, port, count, milliseconds in known:
        times[node_type] += count
        spent[node_type] += milliseconds
        if version_id in journeys:
            taken[journeys[version_id]][node_id, port] += count
    measured = sum(times.values())
    return History(
        taken={journey_id: dict(ways) for journey_id, ways in taken.items()},
        mean_ms={name: spent[name] / times[name] for name in times},
        usual_ms=sum(spent.values()) / measured if measured else UNKNOWN_MS,
        measured=measured,
    )
