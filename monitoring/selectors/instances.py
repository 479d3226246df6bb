"""Lists of instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from engine.graphs import graph_of
from engine.models import Instance, Schedule, TicketLine
from journeys.language.errors import DefinitionInvalid
from journeys.models import Vendor
from journeys.scoping import owned_by

PAGE = 50
#: What the list can be narrowed to, beside the statuses themselves.
NEEDS, LATE = "needs", "late"


def step_name(version_id: int, node_id: str) -> str:
    """Give the name a step has in a version; its id when the definition can not be read any more."""
    try:
        node = graph_of(version_id).nodes.get(node_id)
    except DefinitionInvalid:
        return node_id
    return (node.name or node.id) if node else node_id


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """One line of the list."""

    instance: Instance
    name: str
    zone: str
    step: str
    due_at: datetime | None
    reason: str
    needs_person: bool
    running: bool
    late: bool

    @property
    def is_live(self) -> bool:
        """Tell whether the couple is inside the journey."""
        return self.instance.status in Instance.LIVE


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, newest first."""

    rows: list[InstanceRow] = field(default_factory=list)
    #: Give it as `after` for the next page; None on the last one.
    after: int | None = None


def _filtered(vendor: Vendor, *, status: str, journey: str, client: str, now: datetime) -> QuerySet[Instance]:
    rows = owned_by(vendor, Instance)
    if status in Instance.Status.values:
        rows = rows.filter(status=status)
    elif status == NEEDS:
        open_ticket = TicketLine.objects.filter(instance=OuterRef("pk"), status=TicketLine.Status.OPEN)
        rows = rows.filter(Exists(open_ticket))
    elif status == LATE:
        due = Schedule.objects.filter(instance=OuterRef("pk"), due_at__lte=now).exclude(
            state=Schedule.State.PARKED
        )
        rows = rows.filter(Exists(due), status=Instance.Status.ACTIVE)
    if journey:
        rows = rows.filter(journey__public_id=journey)
    if client:
        rows = rows.filter(client__public_id=client)
    return rows


def instance_page(
    *,
    vendor: Vendor,
    now: datetime,
    status: str = "",
    journey: str = "",
    client: str = "",
    after: int | None = None,
    size: int = PAGE,
) -> Page:
    """Read one page of a vendor's instances in a constant number of queries.

    Args:
        status: one of Instance.Status, "needs" (an open ticket), "late" (a step that is due), "" for all.
        journey: public id of a journey.
        client: public id of a couple.
        after: `after` of the page before.
    """
    rows = _filtered(vendor, status=status, journey=journey, client=client, now=now)
    if after is not None:
        rows = rows.filter(pk__lt=after)
    found = list(
        rows.select_related("client", "journey", "wedding")
        .prefetch_related(
            Prefetch("schedules", Schedule.objects.order_by("due_at", "id"), to_attr="places"),
            Prefetch(
                "ticket_lines",
                TicketLine.objects.filter(status=TicketLine.Status.OPEN),
                to_attr="open_tickets",
            ),
        )
        .order_by("-pk")[: size + 1]
    )
    more = found[size - 1].pk if len(found) > size else None
    return Page([_row(one, vendor=vendor, now=now) for one in found[:size]], more)


def _row(instance: Instance, *, vendor: Vendor, now: datetime) -> InstanceRow:
    places: list[Schedule] = instance.places  # type: ignore[attr-defined]
    place = places[0] if places else None
    busy = (Schedule.State.QUEUED, Schedule.State.RUNNING)
    waits = place is not None and place.state == Schedule.State.WAITING and place.due_at is not None
    return InstanceRow(
        instance=instance,
        name=instance.client.display_name,
        zone=instance.wedding.time_zone if instance.wedding else vendor.time_zone,
        step=step_name(instance.version_id, place.node_id) if place else "",
        due_at=place.due_at if place else None,
        reason=instance.reason or (place.reason if place else ""),
        needs_person=bool(instance.open_tickets),  # type: ignore[attr-defined]
        running=any(one.state in busy for one in places),
        late=bool(waits and place and place.due_at and place.due_at < now),
    )


def instances_by_ids(*, vendor: Vendor, public_ids: Sequence[str]) -> list[Instance]:
    """Give those of the named instances that are this vendor's, in the order they were named."""
    found = (
        owned_by(vendor, Instance)
        .select_related("client", "journey")
        .in_bulk(list(dict.fromkeys(public_ids)), field_name="public_id")
    )
    return list(found.values())
