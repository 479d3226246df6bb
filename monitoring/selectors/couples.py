"""Couples, found by name, email or phone, and what belongs to one of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from channels.addresses import index_of
from channels.models import Message, SinkMessage
from engine.graphs import graph_of
from engine.models import Instance, Schedule, TicketLine
from engine.selectors import TimelineEntry, timeline
from journeys.contacts import normal_email, normal_phone
from journeys.errors import Invalid
from journeys.language.graph import Graph
from journeys.language.zones import local_time
from journeys.models import Client, Stakeholder, Vendor, Wedding
from journeys.scoping import owned_by

PAGE = 50
#: Names are encrypted, so they are compared in memory: among so many couples at most.
SEARCHED = 2_000


@dataclass(frozen=True, slots=True)
class CoupleRow:
    """One line of the list."""

    client_id: str
    name: str
    status: str
    day: date | None
    live: int
    paused: int
    tickets: int


@dataclass(frozen=True, slots=True)
class CouplePage:
    """One page of couples, the next wedding first."""

    rows: list[CoupleRow] = field(default_factory=list)
    page: int = 1
    more: bool = False
    #: There are more couples than a search by name looks at.
    too_many: bool = False


def plain(text: str) -> str:
    """Fold case and accents, so that "ines" finds "Inês"."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in folded if not unicodedata.combining(letter))


def _ordered(vendor: Vendor) -> QuerySet[Client]:
    """Give the vendor's couples by the day of their wedding, with what is counted of each."""
    planned = Wedding.objects.filter(client=OuterRef("pk")).exclude(status=Wedding.Status.CANCELLED)
    tickets = Q(instances__ticket_lines__status=TicketLine.Status.OPEN)
    return (
        owned_by(vendor, Client)
        .annotate(
            day=Subquery(planned.order_by("-pk").values("date")[:1]),
            live=Count("instances", filter=Q(instances__status__in=Instance.LIVE), distinct=True),
            paused=Count("instances", filter=Q(instances__status=Instance.Status.PAUSED), distinct=True),
            open_tickets=Count("instances__ticket_lines", filter=tickets, distinct=True),
        )
        .only("id", "public_id", "display_name", "status")
        .order_by("day", "-pk")
    )


def _split(clients: list[Client], *, today: date) -> list[Client]:
    """Put what is ahead first, nearest first; then what is past, newest first; then what has no date."""
    ahead = [one for one in clients if one.day and one.day >= today]  # type: ignore[attr-defined]
    past = [one for one in clients if one.day and one.day < today]  # type: ignore[attr-defined]
    undated = [one for one in clients if not one.day]  # type: ignore[attr-defined]
    return [*ahead, *reversed(past), *undated]


def _address(query: str, *, vendor: Vendor) -> str:
    """Give the normal form of what looks like an email address or a phone number, "" for a name."""
    try:
        if "@" in query:
            return normal_email(query)
        if any(letter.isdigit() for letter in query):
            return normal_phone(query, region=vendor.region)
    except Invalid:
        return query if "@" in query else ""
    return ""


def couple_page(*, vendor: Vendor, now: datetime, query: str = "", page: int = 1) -> CouplePage:
    """Find a vendor's couples by a part of their name, or by a whole email address or phone number."""
    today = local_time(now, vendor.time_zone).date()
    query = query.strip()
    clients = _ordered(vendor)
    address = _address(query, vendor=vendor)
    if address:
        index = index_of(address)
        people = owned_by(vendor, Stakeholder).filter(Q(email_index=index) | Q(phone_index=index))
        clients = clients.filter(
            Q(email_index=index) | Q(phone_index=index) | Q(weddings__in=people.values("wedding"))
        )
    found = _split(list(clients[:SEARCHED]), today=today)
    if query and not address:
        wanted = plain(query)
        found = [one for one in found if wanted in plain(one.display_name)]
    first = (page - 1) * PAGE
    rows = [
        CoupleRow(
            client_id=one.public_id,
            name=one.display_name,
            status=one.status,
            day=one.day,  # type: ignore[attr-defined]
            live=one.live,  # type: ignore[attr-defined]
            paused=one.paused,  # type: ignore[attr-defined]
            tickets=one.open_tickets,  # type: ignore[attr-defined]
        )
        for one in found[first : first + PAGE]
    ]
    total = owned_by(vendor, Client).count()
    return CouplePage(rows, page, len(found) > first + PAGE, total > SEARCHED)


def couple(*, vendor: Vendor, public_id: str) -> Client | None:
    """Give one of the vendor's couples with its weddings, or None."""
    return (
        owned_by(vendor, Client)
        .select_related("vendor")
        .prefetch_related("weddings__stakeholders", "weddings__anchors", "tags", "tasks")
        .filter(public_id=public_id)
        .first()
    )


def sink_pages(*, messages: Iterable[Message]) -> dict[str, str]:
    """Give the sink's page of each message by the message's key, for those that the sink took."""
    keys = [one.key for one in messages]
    return dict(SinkMessage.objects.filter(key__in=keys).values_list("key", "public_id"))


def _ends_without(graph: Graph, *, place: str, avoided: str) -> bool:
    """Tell whether a token at a place may come to an end without a step; of a split that takes all, no branch may."""
    free: set[str] = set()
    grew = True
    while grew:
        grew = False
        for node_id, node in graph.nodes.items():
            if node_id in free or node_id == avoided:
                continue
            targets = [target for port in node.ports if (target := graph.successor(node_id, port))]
            enough = all if node.takes_all else any
            if not targets or enough(target in free for target in targets):
                free.add(node_id)
                grew = True
    return place in free


def couple_line(*, client: Client, instances: Iterable[Instance], now: datetime) -> list[TimelineEntry]:
    """Give a couple's time line, with `conditional` left only where a journey may end without the step.

    What comes after two ways have met again is as sure as what came before they parted.
    """
    live = {one.public_id: one for one in instances if one.status in Instance.LIVE}
    places: dict[int, list[str]] = {}
    for instance_id, node_id in Schedule.objects.filter(instance__in=live.values()).values_list(
        "instance_id", "node_id"
    ):
        places.setdefault(instance_id, []).append(node_id)
    entries = []
    for entry in timeline(client=client, now=now):
        instance = live.get(entry.instance_id)
        if entry.conditional and instance is not None:
            graph = graph_of(instance.version_id)
            unsure = all(
                _ends_without(graph, place=place, avoided=entry.node_id)
                for place in places.get(instance.pk, [])
            )
            entry = replace(entry, conditional=unsure)  # noqa: PLW2901 the same entry, seen more sharply
        entries.append(entry)
    return entries
