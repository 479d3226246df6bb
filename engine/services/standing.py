"""Give the steps that are ahead of a wedding's live passages, with the moments they have for today's dates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from channels.models import Message
from engine.graphs import graph_of
from engine.models import Instance, Schedule, TicketLine
from engine.places import Place
from journeys import selectors
from journeys.language.calendar import Calendar, due_from_meant, due_of, is_dated
from journeys.language.graph import Node
from journeys.language.settings import LateRule
from journeys.models import Wedding

State = Schedule.State


@dataclass(frozen=True, slots=True)
class Standing:
    """One step of a live passage that is ahead: a token stands there, or will come to it."""

    #: "<instance>:<step>".
    ref: str
    instance: str
    journey: str
    node_id: str
    name: str
    node_type: str
    #: A token stands there already.
    reached: bool
    due: datetime | None
    #: Why there is no moment, as a sentence.
    missing: str
    meant: Mapping[str, Any] | None
    late: LateRule | None
    #: Rung for, being carried out, or in a provider's hands.
    under_way: bool = False
    #: A ticket decides about it.
    with_person: bool = False

    def is_past(self, now: datetime) -> bool:
        """Tell whether its moment has come, so that its late rule or a person decides about it."""
        return not self.with_person and is_dated(self.meant) and self.due is not None and self.due <= now


def steps_ahead(wedding: Wedding, *, now: datetime) -> dict[str, Standing]:
    """Give every dated or pending step ahead of the wedding's live passages, by reference."""
    calendar = selectors.calendar_of(wedding, wedding.vendor)
    instances = {
        one.id: one
        for one in Instance.objects.filter(wedding=wedding, status__in=Instance.LIVE).select_related(
            "journey"
        )
    }
    tickets = set(
        TicketLine.objects.filter(instance_id__in=instances, status=TicketLine.Status.OPEN).values_list(
            "schedule_id", flat=True
        )
    )
    open_places = _open_places(one.public_id for one in instances.values())
    found: dict[str, Standing] = {}
    tokens = list(Schedule.objects.filter(instance_id__in=instances).order_by("due_at", "id"))
    for token in tokens:
        instance = instances[token.instance_id]
        place = str(Place(instance.public_id, token.node_id, token.branch, token.visit))
        one = _token(instance, token, calendar, in_hand=place in open_places, with_person=token.id in tickets)
        found.setdefault(one.ref, one)
    for token in tokens:
        for one in _ahead(instances[token.instance_id], token, calendar, now=now):
            found.setdefault(one.ref, one)
    return found


def changed_past(
    stood: Mapping[str, Standing], stands: Mapping[str, Standing], *, now: datetime
) -> dict[str, Standing]:
    """Give the steps that moved and whose new moment has come: those that a choice can be made for."""
    return {
        ref: one
        for ref, one in stands.items()
        if one.is_past(now) and (ref not in stood or stood[ref].due != one.due)
    }


def _open_places(instance_refs: Iterable[str]) -> set[str]:
    """Name the places with a message in a provider's hands."""
    rows = Message.objects.filter(
        instance_ref__in=list(instance_refs),
        status__in=[Message.Status.SENDING, Message.Status.IN_DOUBT, Message.Status.RETRY],
    )
    return {key.rpartition(":")[0] for key in rows.values_list("key", flat=True)}


def _token(
    instance: Instance, token: Schedule, calendar: Calendar, *, in_hand: bool, with_person: bool
) -> Standing:
    node = graph_of(instance.version_id).nodes[token.node_id]
    asked_again = token.waiting is not None
    due, missing = token.due_at, token.reason if token.state == State.PARKED else ""
    if token.meant and not asked_again:
        meant = due_from_meant(token.meant, calendar=calendar)
        # What sending hours or a retry have put off is told by the moment it was meant for.
        due, missing = meant.instant, meant.missing or ""
    under_way = token.state in (State.QUEUED, State.RUNNING) or in_hand
    return _standing(
        instance,
        node,
        reached=True,
        due=None if asked_again else due,
        missing=missing,
        meant=None if asked_again else token.meant,
        under_way=under_way,
        with_person=with_person,
    )


def _standing(instance: Instance, node: Node, **given: Any) -> Standing:
    return Standing(
        ref=f"{instance.public_id}:{node.id}",
        instance=instance.public_id,
        journey=instance.journey.name,
        node_id=node.id,
        name=node.name or node.id,
        node_type=node.type,
        late=node.settings.late,
        **given,
    )


def _ahead(instance: Instance, token: Schedule, calendar: Calendar, *, now: datetime) -> Iterator[Standing]:
    """Follow the ways from where a token stands, and give the steps that hang on a date."""
    graph = graph_of(instance.version_id)
    reached = {token.node_id: max(token.due_at or now, now)}
    for way in graph.ahead(token.node_id):
        node, before = graph.nodes[way.target], reached[way.source]
        due = due_of(node.settings.when, calendar=calendar, reached=before)
        reached[way.target] = max(due.instant or before, before)
        if is_dated(due.meant):
            yield _standing(
                instance,
                node,
                reached=False,
                due=due.instant,
                missing=due.missing or "",
                meant=due.meant,
            )
