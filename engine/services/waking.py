"""Ask the steps again that wait for something to happen, when something has happened.

Waits look at facts, so that waking too often is harmless; waking too seldom is what must not happen. What happened is
written into an outbox in the transaction that did it, and the tokens are woken in one of their own right afterwards:
so nobody locks two passages of a client in different orders, and nothing is lost when the process dies in between.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now
from django.db.utils import InterfaceError, OperationalError

from engine.models import Instance, Wake
from engine.services import dead_letters, dispatch, ending, fact_dates, unawaited
from journeys.models import Client

log = structlog.get_logger(__name__)

#: Outbox rows of one round.
ROUND = 200
#: How often telling is tried; the pauses in between double from one second on.
MOST_TRIES = 5
#: What stands in the outbox for so long was tried before.
LATE = timedelta(seconds=5)

_WRITE = """
INSERT INTO engine_wake (client_id, topics) SELECT unnest(%s::bigint[]), %s::varchar[] RETURNING id
"""
#: A token that stands at a ticket waits for its person.
_WAKE = """
UPDATE engine_schedule s SET state = 'waiting', due_at = %(now)s, fence = s.fence + 1, lease_until = NULL
FROM engine_wake w JOIN engine_instance i ON i.client_id = w.client_id
WHERE w.id = ANY(%(rows)s) AND i.id = ANY(%(instances)s) AND s.instance_id = i.id
  AND s.state IN ('waiting', 'parked') AND s.awaits && w.topics AND s.waiting IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM engine_ticketline t WHERE t.schedule_id = s.id AND t.status = 'open')
RETURNING s.id
"""


class _Pending(threading.local):
    """Outbox rows that this thread's transaction has written, to be taken together when it commits."""

    def __init__(self) -> None:
        self.rows: list[int] = []


_pending = _Pending()


def wake(*, client_id: int, topics: Sequence[str], now: datetime) -> None:
    """Say inside the caller's transaction that something happened to a client; its steps are asked after the commit.

    A topic names what kind of thing it was: "event:form_submitted", "message", "task", "client", "wedding".
    """
    wake_all(client_ids=[client_id], topics=topics, now=now)


def wake_all(*, client_ids: Sequence[int], topics: Sequence[str], now: datetime) -> None:
    """Say the same of several clients at once, in one statement; none is no error."""
    if not client_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [list(dict.fromkeys(client_ids)), list(dict.fromkeys(topics))])
        _pending.rows += [row[0] for row in cursor.fetchall()]
    transaction.on_commit(lambda: _process_pending(now=now), robust=True)


def _process_pending(*, now: datetime) -> None:
    """Take what the transaction has written; a row that was rolled back is not found, and harms nobody."""
    rows, _pending.rows = _pending.rows, []
    if rows:
        process(now=now, only=rows)


def process(*, now: datetime, only: Sequence[int] | None = None) -> int:
    """Empty the outbox, outside any transaction, and return how many tokens were woken.

    Two at once take different rows. Several clients share a transaction; what breaks for one is put off without
    holding the others up, and after MOST_TRIES it is a dead letter. Of `only` these rows, just written, those that
    nobody can care about are struck off first, which is most of what happens.
    """
    if only is not None:
        only = unawaited.strike_off(only)
        if not only:
            return 0
    clients = _clients(only)
    prompt = [client_id for client_id, is_late in clients.items() if not is_late]
    woken = _wake_together(prompt, now=now)
    for client_id, is_late in clients.items():
        # Who had it in hand before may have died of it: from now on a try is counted before it is made.
        if is_late and _may_try(client_id, now=now):
            woken += _wake_alone(client_id, is_counted=True, now=now)
    return woken


def _wake_together(clients: Sequence[int], *, now: datetime) -> int:
    """Wake for several clients in one transaction; if that breaks, each gets one of its own."""
    if len(clients) > 1:
        try:
            with transaction.atomic():
                return _wake_clients(clients, now=now)
        except Exception as error:  # noqa: BLE001 whoever it was breaks again alone, and is written down there
            log.warning("wake_one_by_one", clients=len(clients), error=type(error).__name__)
    return sum(_wake_alone(client_id, is_counted=False, now=now) for client_id in clients)


def _wake_alone(client_id: int, *, is_counted: bool, now: datetime) -> int:
    try:
        with transaction.atomic():
            return _wake_client(client_id, now=now)
    except Exception as error:
        log.exception("wake_broke", client=client_id)
        _put_off(client_id, error, is_counted=is_counted, now=now)
        return 0


def _clients(only: Sequence[int] | None) -> dict[int, bool]:
    """Name the clients of one round, oldest first, each with whether it should have been told long ago."""
    rows = Wake.objects.order_by("id")
    rows = rows.filter(next_at__lte=Now()) if only is None else rows.filter(id__in=only)
    is_late = ExpressionWrapper(Q(written_at__lt=Now() - LATE), output_field=BooleanField())
    clients: dict[int, bool] = {}
    for client_id, late in rows.annotate(is_late=is_late).values_list("client_id", "is_late")[:ROUND]:
        clients[client_id] = clients.get(client_id, False) or late
    return clients


def _may_try(client_id: int, *, now: datetime) -> bool:
    """Count a try before it is made; False when there were enough, and a person has it now."""
    with transaction.atomic():
        rows = _locked(client_id)
        tries = 1 + max((row.broke for row in rows), default=0)
        if rows and tries > MOST_TRIES:
            _keep(client_id, rows, None, now=now)
            return False
        _count(rows, tries)
        return bool(rows)


def _put_off(client_id: int, error: Exception, *, is_counted: bool, now: datetime) -> None:
    """Try what broke again a little later each time; at last keep it whole for a person."""
    try:
        with transaction.atomic():
            rows = _locked(client_id)
            tries = max((row.broke for row in rows), default=0) + (0 if is_counted else 1)
            if rows and tries >= MOST_TRIES:
                _keep(client_id, rows, error, now=now)
            elif not is_counted:
                _count(rows, tries)
    except DatabaseError as unwritten:
        log.warning("wake_not_put_off", client=client_id, error=type(unwritten).__name__)


def _locked(client_id: int) -> list[Wake]:
    return list(Wake.objects.select_for_update(skip_locked=True).filter(client_id=client_id))


def _count(rows: Sequence[Wake], tries: int) -> None:
    Wake.objects.filter(id__in=[row.id for row in rows]).update(
        broke=tries, next_at=Now() + timedelta(seconds=2 ** (tries - 1))
    )


def _keep(client_id: int, rows: Sequence[Wake], error: Exception | None, *, now: datetime) -> None:
    client = Client.objects.filter(id=client_id).values_list("public_id", "vendor_id").first()
    dead_letters.keep(
        kind="wake",
        key=client[0] if client else str(client_id),
        vendor_id=client[1] if client else None,
        payload={"client_id": client_id, "topics": sorted({topic for row in rows for topic in row.topics})},
        error=error,
        said="" if error else f"It was begun {MOST_TRIES} times and never came to a result.",
        now=now,
    )
    Wake.objects.filter(id__in=[row.id for row in rows]).delete()


def _wake_client(client_id: int, *, now: datetime) -> int:
    return _wake_clients([client_id], now=now)


def _wake_clients(clients: Sequence[int], *, now: datetime) -> int:
    rows = list(
        Wake.objects.select_for_update(skip_locked=True)
        .filter(client_id__in=clients)
        .order_by("id")
        .values_list("id", "client_id")
    )
    if not rows:
        return 0
    # Locked before anybody looks: a step that begins to wait at this moment is waited for, and then seen.
    live = list(
        Instance.objects.select_for_update(no_key=True, of=("self",))
        .filter(client_id__in={client for _, client in rows}, status__in=Instance.LIVE)
        .order_by("id")
        .values_list("id", flat=True)
    )
    keys = [row for row, _ in rows]
    ids: list[int] = []
    if live:
        with connection.cursor() as cursor:
            cursor.execute(_WAKE, {"now": now, "instances": live, "rows": keys})
            ids = list(dict.fromkeys(row[0] for row in cursor.fetchall()))
        _follow(live, is_alone=len(clients) == 1, now=now)
    Wake.objects.filter(id__in=keys).delete()
    dispatch.offer_on_commit(ids, now=now)
    return len(ids)


def _follow(live: Sequence[int], *, is_alone: bool, now: datetime) -> None:
    """Let dates and ending rules follow the facts; what breaks here breaks again in the step, where a person sees it.

    The steps that wait are woken all the same: a fault in one rule must not keep a client's passages asleep. Where
    several clients are together the fault is raised, so that each comes alone.
    """
    try:
        with transaction.atomic():
            fact_dates.follow_facts(instance_ids=live, now=now)
            ending.end_where_rules_hold(instance_ids=live, now=now)
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        if not is_alone:
            raise
        log.exception("wake_not_followed", instances=list(live))
