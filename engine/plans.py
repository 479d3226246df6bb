"""Keep PostgreSQL's plans for steps on its indexes, in processes that carry out steps.

A prepared statement keeps the plan that suited its tables when it was made. One of a table that was nearly empty reads it
from end to end, and goes on to do so while 100,000 couples come in, until the table is analyzed. All that steps ask is by
number: an index is never wrong for it.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.signals import connection_created

_BY_INDEX = "SET enable_seqscan = off"


def prefer_indexes() -> None:
    """Have all connections that this process and its children open from now on plan so; a second call changes nothing."""
    connection_created.connect(_tell, dispatch_uid=__name__)


def _tell(*, connection: Any, **_kwargs: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_BY_INDEX)
