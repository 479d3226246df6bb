"""Raise tickets that wait too long or whose wedding comes near, and mend what concurrent deeds left behind."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from engine.models import InterventionTicket
from engine.services.interventions import Level, close_if_settled, raise_level

Status = InterventionTicket.Status

#: So near to the wedding a ticket is an emergency as soon as it is open.
AT_ONCE = timedelta(hours=48)
#: So near it becomes one when nobody has settled it for a while.
NEAR = timedelta(days=7)
NEAR_AFTER = timedelta(hours=4)
#: From then on the wedding is over, and its nearness presses nobody.
OVER = timedelta(days=1)
#: Tickets of one round; the next one goes on.
ROUND = 200

_NEAR_TICKETS = """
SELECT t.id FROM engine_interventionticket t
WHERE t.status = 'open' AND t.level <> 'emergency' AND EXISTS (
    SELECT 1 FROM engine_ticketline l JOIN engine_schedule s ON s.id = l.schedule_id
    WHERE l.ticket_id = t.id AND l.status = 'open' AND s.wedding_at > %(over)s
      AND (s.wedding_at <= %(at_once)s OR s.wedding_at <= %(near)s AND l.created_at <= %(waited)s)
) ORDER BY t.id LIMIT %(most)s
"""

#: Lines that a ticket was open for but no longer is: they go to the open ticket of the cause, or open theirs again.
_MOVE_LINES = """
UPDATE engine_ticketline l SET ticket_id = o.id
FROM engine_interventionticket t
JOIN engine_interventionticket o ON o.vendor_id = t.vendor_id AND o.cause = t.cause AND o.status = 'open'
WHERE l.ticket_id = t.id AND l.status = 'open' AND t.status = 'resolved'
"""
_OPEN_AGAIN = """
UPDATE engine_interventionticket SET status = 'open', resolved_at = NULL, resolved_by = '', resolution = ''
WHERE id IN (
    SELECT max(t.id) FROM engine_interventionticket t JOIN engine_ticketline l ON l.ticket_id = t.id
    WHERE l.status = 'open' AND t.status = 'resolved' GROUP BY t.vendor_id, t.cause
) AND NOT EXISTS (
    SELECT 1 FROM engine_interventionticket o WHERE o.vendor_id = engine_interventionticket.vendor_id
      AND o.cause = engine_interventionticket.cause AND o.status = 'open'
)
"""


def tick(*, now: datetime) -> int:
    """Mend and raise tickets, outside any transaction; return how many were raised. A second call finds none.

    | a line is open | its wedding is | the ticket becomes |
    |---|---|---|
    | at all | at most 48 h away, or began less than a day ago | emergency |
    | for 4 h | at most 7 days away | emergency |
    | the ticket, for TICKET_ESCALATE_HOURS (24) | any, or none | one level higher, once |
    | with a higher level of its own | any, or none | that level |

    A wedding begins with its day. At the very moment itself it is raised.
    """
    mend(now=now)
    return _raise_to_lines(now=now) + _raise_near(now=now) + _raise_old(now=now)


def mend(*, now: datetime) -> None:
    """Close tickets without an open line, and find an open ticket for every open line."""
    open_tickets = InterventionTicket.objects.filter(status=Status.OPEN)
    for ticket_id in open_tickets.exclude(lines__status=Status.OPEN).values_list("id", flat=True)[:ROUND]:
        with transaction.atomic():
            close_if_settled(ticket_id, "settled", now=now, actor="engine")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MOVE_LINES)
        cursor.execute(_OPEN_AGAIN)
        cursor.execute(_MOVE_LINES)


def _raise_near(*, now: datetime) -> int:
    parameters: dict[str, datetime | int] = {
        "over": now - OVER,
        "at_once": now + AT_ONCE,
        "near": now + NEAR,
        "waited": now - NEAR_AFTER,
        "most": ROUND,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEAR_TICKETS, parameters)
        numbers = [row[0] for row in cursor.fetchall()]
    tickets = InterventionTicket.objects.filter(id__in=numbers).order_by("id")
    return sum(raise_level(one, to=Level.EMERGENCY, why="wedding_near", now=now) for one in tickets)


def _raise_old(*, now: datetime) -> int:
    """Raise what nobody has settled, once: what presses is said by the wedding, not by more of the same."""
    waited = now - timedelta(hours=settings.TICKET_ESCALATE_HOURS)
    old = InterventionTicket.objects.filter(
        status=Status.OPEN, created_at__lte=waited, escalated_at__isnull=True
    ).exclude(level=Level.EMERGENCY)
    above = {Level.SUPPORT: Level.ENGINEERING, Level.ENGINEERING: Level.EMERGENCY}
    return sum(
        raise_level(one, to=above[Level(one.level)], why="age", now=now) for one in old.order_by("id")[:ROUND]
    )


def _raise_to_lines(*, now: datetime) -> int:
    """Raise tickets to the level of a line that came while somebody else was writing the ticket."""
    raised = 0
    lower = {Level.EMERGENCY: [Level.SUPPORT, Level.ENGINEERING], Level.ENGINEERING: [Level.SUPPORT]}
    for level, below in lower.items():
        behind = InterventionTicket.objects.filter(
            status=Status.OPEN, level__in=below, lines__status=Status.OPEN, lines__level=level
        )
        for ticket in behind.distinct().order_by("id")[:ROUND]:
            raised += raise_level(ticket, to=level, why="line", now=now)
    return raised
