"""Read tickets with what is counted of them."""

from __future__ import annotations

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from engine.models import InterventionTicket, TicketLine

_LINES = TicketLine.objects.filter(ticket=OuterRef("pk")).order_by().values("ticket")


def counted(tickets: QuerySet[InterventionTicket]) -> QuerySet[InterventionTicket]:
    """Add `lines_open`, `lines_total` and `last_seen_at` to tickets; each is counted for the rows of a page alone."""
    return tickets.annotate(
        lines_open=_count(Q(status=TicketLine.Status.OPEN)),
        lines_total=_count(Q()),
        last_seen_at=Subquery(
            TicketLine.objects.filter(ticket=OuterRef("pk")).order_by("-id").values("created_at")[:1]
        ),
    )


def _count(which: Q) -> Coalesce:
    rows = _LINES.filter(which).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(rows, output_field=IntegerField()), 0)
