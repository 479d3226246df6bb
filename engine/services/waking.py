"""Ask the steps again that wait for something to happen, when something has happened.

Waits look at facts, so that waking too often is harmless; waking too seldom is what must not happen. What happened is
written into an outbox in the transaction that did it, and the tokens are woken in one of their own right afterwards:
so nobody locks two passages of a client in different orders, and nothing is lost when the process dies in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.db import connection, transaction
from django.db.utils import InterfaceError, OperationalError

from engine.models import Instance, Wake
from engine.services import dispatch, ending, fact_dates
from engine.services.claims import lock_instances

log = structlog.get_logger(__name__)

#: Outbox rows of one round.
ROUND = 200

#: A token that stands at a ticket waits for its person.
_WAKE = """
UPDATE engine_schedule s SET state = 'waiting', due_at = %(now)s, fence = s.fence + 1, lease_until = NULL
WHERE s.instance_id = ANY(%(instances)s) AND s.state IN ('waiting', 'parked') AND s.awaits && %(topics)s::varchar[]
  AND s.waiting IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM engine_interventionticket t WHERE t.schedule_id = s.id AND t.status = 'open')
RETURNING s.id
"""


def wake(*, client_id: int, topics: Sequence[str], now: datetime) -> None:
    """Say inside the caller's transaction that something happened to a client; its steps are asked after the commit.

    A topic names what kind of thing it was: "event:form_submitted", "message", "task", "client", "wedding".
    """
    row = Wake.objects.create(client_id=client_id, topics=list(dict.fromkeys(topics)))
    transaction.on_commit(lambda: process(now=now, only=row.id), robust=True)


def process(*, now: datetime, only: int | None = None) -> int:
    """Empty the outbox, outside any transaction, and return how many tokens were woken.

    Two at once take different rows. What breaks for one client is logged and left for the next round.
    """
    rows = Wake.objects.order_by("id").values_list("client_id", flat=True)
    clients = list(dict.fromkeys((rows.filter(id=only) if only else rows)[:ROUND]))
    woken = 0
    for client_id in clients:
        try:
            with transaction.atomic():
                woken += _wake_client(client_id, now=now)
        except Exception:
            log.exception("wake_broke", client=client_id)
    return woken


def _wake_client(client_id: int, *, now: datetime) -> int:
    rows = list(Wake.objects.select_for_update(skip_locked=True).filter(client_id=client_id))
    if not rows:
        return 0
    topics = sorted({topic for row in rows for topic in row.topics})
    live = list(
        Instance.objects.filter(client_id=client_id, status__in=Instance.LIVE).values_list("id", flat=True)
    )
    ids: list[int] = []
    if live:
        lock_instances(live)
        with connection.cursor() as cursor:
            cursor.execute(_WAKE, {"now": now, "instances": live, "topics": topics})
            ids = [row[0] for row in cursor.fetchall()]
        _follow(live, now=now)
    Wake.objects.filter(id__in=[row.id for row in rows]).delete()
    dispatch.offer_on_commit(ids, now=now)
    return len(ids)


def _follow(live: Sequence[int], *, now: datetime) -> None:
    """Let dates and ending rules follow the facts; what breaks here breaks again in the step, where a person sees it.

    The steps that wait are woken all the same: a fault in one rule must not keep a client's passages asleep.
    """
    try:
        with transaction.atomic():
            fact_dates.follow_facts(instance_ids=live, now=now)
            ending.end_where_rules_hold(instance_ids=live, now=now)
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        log.exception("wake_not_followed", instances=list(live))
