"""Lists of tickets, and of the steps that they have stopped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Case, IntegerField, OuterRef, QuerySet, Subquery, Value, When

from engine.models import Instance, InterventionTicket, TicketLine
from engine.selectors_tickets import counted
from journeys.models import Vendor
from journeys.scoping import owned_by
from monitoring.selectors.instances import PAGE, step_name

Level = InterventionTicket.Level
#: The most pressing first.
_RANK = Case(
    When(level=Level.EMERGENCY, then=Value(0)),
    When(level=Level.ENGINEERING, then=Value(1)),
    default=Value(2),
    output_field=IntegerField(),
)
#: In doubt: whether it went out is the question, and the deeds are others.
IN_DOUBT: Final = "in_doubt"
USER: Final = "user"


@dataclass(frozen=True, slots=True)
class LineRow:
    """One stopped step, with what a person must know to work it."""

    line: TicketLine
    name: str
    client_id: str
    step: str
    zone: str
    journey: str


@dataclass(frozen=True, slots=True)
class TicketRow:
    """One cause, with the step that it stopped first and how many others there are."""

    ticket: InterventionTicket
    first: LineRow
    lines_open: int
    lines_total: int

    @property
    def is_single(self) -> bool:
        """Tell whether it is about one step alone."""
        return self.lines_total == 1

    @property
    def in_doubt(self) -> bool:
        """Tell whether the question is if a message went out."""
        return self.ticket.code == IN_DOUBT

    @property
    def about_data(self) -> bool:
        """Tell whether data of a couple may have to be put right."""
        return self.ticket.error_class == USER


def ticket_rows(*, vendor: Vendor, status: str = "open", size: int = PAGE) -> list[TicketRow]:
    """Give a vendor's tickets, the most pressing and then the newest first; settled ones the newest first."""
    rows = counted(owned_by(vendor, InterventionTicket)).filter(status=status).select_related("assignee")
    order = (_RANK, "-pk") if status == "open" else ("-pk",)
    return _rows(rows.order_by(*order)[:size], vendor)


def ticket_row(*, vendor: Vendor, public_id: str) -> TicketRow | None:
    """Give one of a vendor's tickets; None when it has none of this id."""
    rows = counted(owned_by(vendor, InterventionTicket)).select_related("assignee")
    return next(iter(_rows(rows.filter(public_id=public_id), vendor)), None)


def line_rows(
    *, vendor: Vendor, ticket: InterventionTicket, after: int | None = None, size: int = PAGE
) -> tuple[list[LineRow], int | None]:
    """Give a page of a ticket's lines, open ones first, and where the next one begins; None on the last."""
    rows = _with_names(owned_by(vendor, TicketLine).filter(ticket=ticket))
    first = after or 0
    # "open" comes before "resolved".
    found = list(rows.order_by("status", "pk")[first : first + size + 1])
    more = first + size if len(found) > size else None
    return [_line(one, vendor) for one in found[:size]], more


def stopped_instances(*, vendor: Vendor, lines: Iterable[TicketLine]) -> Sequence[Instance]:
    """Give the passages of these lines, each once."""
    return list(
        owned_by(vendor, Instance)
        .filter(id__in={line.instance_id for line in lines})
        .select_related("client", "journey")
        .order_by("id")
    )


def _with_names(lines: QuerySet[TicketLine]) -> QuerySet[TicketLine]:
    return lines.select_related("instance__client", "instance__wedding", "instance__journey")


def _rows(tickets: QuerySet[InterventionTicket], vendor: Vendor) -> list[TicketRow]:
    first = TicketLine.objects.filter(ticket=OuterRef("pk")).order_by("status", "pk").values("pk")[:1]
    found = list(tickets.annotate(first_line=Subquery(first)))
    numbers = [one.first_line for one in found]
    lines = _with_names(owned_by(vendor, TicketLine).filter(pk__in=numbers)).in_bulk()
    return [
        TicketRow(
            ticket=one,
            first=_line(lines[one.first_line], vendor),
            lines_open=one.lines_open,  # type: ignore[attr-defined]
            lines_total=one.lines_total,  # type: ignore[attr-defined]
        )
        for one in found
        if one.first_line in lines
    ]


def _line(line: TicketLine, vendor: Vendor) -> LineRow:
    instance = line.instance
    return LineRow(
        line=line,
        name=instance.client.display_name,
        client_id=instance.client.public_id,
        step=step_name(instance.version_id, line.node_id),
        zone=instance.wedding.time_zone if instance.wedding else vendor.time_zone,
        journey=instance.journey.name,
    )
