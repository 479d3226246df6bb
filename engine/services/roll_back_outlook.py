"""Say what a roll back takes away, what it can not undo, and what happens next, before and after it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from channels.models import Message
from engine.graphs import graph_of
from engine.models import Instance, NodeExecution, RollBack, Schedule
from engine.services import simulating
from engine.services.rolling_back import Wish, graph_for, instance_roll_back
from engine.simulation.calendar import Happening
from engine.simulation.given import Assumptions
from journeys.language.graph import Graph

#: Steps that are told of what happens next.
MOST_NEXT = 30
#: Fates in which a message went out, or may have.
_OUT = (Message.Status.ACCEPTED, Message.Status.UNKNOWN, Message.Status.SENDING, Message.Status.IN_DOUBT)

#: What of a step's deeds stays, and is done once more when the passage comes to it again; by type of step.
_STAYS = {
    "action": "What it has changed stays changed, and it makes the same changes again.",
    "webhook": "The other service was called, and is called again, as a new call.",
    "task": "The task it has made stays, and it makes another one.",
    "journey": "The journey it has started stays as it is; it starts it again where the client may enter it again.",
    "form": "What the couple has answered stays.",
    "info": "The page it has sent can still be opened.",
    "meeting": "A meeting that was booked stays booked.",
    "review": "A review that was written stays.",
    "referral": "Friends who were told of stay on record.",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """One place where the passage stands, and will not any more."""

    node_id: str
    name: str
    branch: str
    state: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class WentOut:
    """One message behind the step that was handed over already, or may have been."""

    message_id: str
    node_id: str
    name: str
    role: str
    channel: str
    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a roll back comes to."""

    row: RollBack
    #: How the passage stands afterwards.
    status: str
    taken: tuple[Taken, ...] = ()
    sent: tuple[WentOut, ...] = ()
    #: Sentences, each with the step it is about in front.
    stays: tuple[str, ...] = ()
    next: tuple[Happening, ...] = ()
    warnings: tuple[str, ...] = field(default=())


def roll_back_preview(*, instance: Instance, wish: Wish, now: datetime, actor: str) -> Outlook:
    """Make a roll back, look at what it comes to, and take it back again: nothing is changed.

    What it refuses is refused as it would be. The passage is locked meanwhile, so that its steps wait for a moment.

    Raises:
        ServiceError: the codes of `instance_roll_back`.
    """
    with transaction.atomic():
        outlook = roll_back_told(instance=instance, wish=wish, now=now, actor=actor)
        transaction.set_rollback(True)
    return outlook


def roll_back_told(*, instance: Instance, wish: Wish, now: datetime, actor: str) -> Outlook:
    """Make a roll back and say what it came to.

    Raises:
        ServiceError: the codes of `instance_roll_back`.
    """
    with transaction.atomic():
        graph = graph_for(instance)
        before = _standing(instance, graph)
        sent = _sent(instance, graph, wish.node_id)
        row = instance_roll_back(instance=instance, wish=wish, now=now, actor=actor)
    instance = Instance.objects.select_related(
        "vendor", "journey", "version", "client__vendor", "wedding", "trigger_event"
    ).get(id=instance.id)
    happenings, warnings = _ahead(instance, now=now)
    return Outlook(
        row=row,
        status=instance.status,
        taken=before,
        sent=sent,
        stays=_stays(instance, graph, row),
        next=happenings,
        warnings=warnings,
    )


def _name(graph: Graph, node_id: str) -> str:
    node = graph.nodes.get(node_id)
    return (node.name or node.id) if node is not None else node_id


def _standing(instance: Instance, graph: Graph) -> tuple[Taken, ...]:
    return tuple(
        Taken(one.node_id, _name(graph, one.node_id), one.branch, one.state, one.due_at)
        for one in Schedule.objects.filter(instance=instance).order_by("id")
    )


def _behind(graph: Graph, node_id: str) -> set[str]:
    """Name the steps to which ways lead from a step, itself included."""
    found, waiting = {node_id}, [node_id]
    while waiting:
        source = waiting.pop()
        for edge in graph.edges:
            if edge.source == source and edge.target not in found:
                found.add(edge.target)
                waiting.append(edge.target)
    return found


def _sent(instance: Instance, graph: Graph, node_id: str) -> tuple[WentOut, ...]:
    rows = Message.objects.filter(
        instance_ref=instance.public_id, status__in=_OUT, node_id__in=_behind(graph, node_id)
    )
    return tuple(
        WentOut(
            one.public_id,
            one.node_id,
            _name(graph, one.node_id),
            one.recipient_role,
            one.channel,
            one.status,
            one.sending_at or one.created_at,
        )
        for one in rows.order_by("id")
    )


def _stays(instance: Instance, graph: Graph, row: RollBack) -> tuple[str, ...]:
    done = NodeExecution.objects.filter(
        instance=instance,
        id__lte=row.after,
        node_id__in=_behind(graph, row.node_id),
        status=NodeExecution.Status.SUCCEEDED,
    )
    names = dict.fromkeys(done.order_by("id").values_list("node_id", flat=True))
    return tuple(
        f"{_name(graph, name)}: {_STAYS[graph.nodes[name].type]}"
        for name in names
        if name in graph.nodes and graph.nodes[name].type in _STAYS
    )


def _ahead(instance: Instance, *, now: datetime) -> tuple[tuple[Happening, ...], tuple[str, ...]]:
    """Look ahead from where the passage stands now; what is paused is shown as if it went on."""
    subject = simulating.Subject(instance.journey, graph_of(instance.version_id), instance.version)
    outlooks = simulating.simulate(
        subject=subject,
        assumptions=Assumptions(texts=False),
        clients=[instance.client],
        standing=[instance],
        now=now,
    )
    way = outlooks[0].ways[0]
    return tuple(_of(instance, way.happenings)[:MOST_NEXT]), way.warnings


def _of(instance: Instance, happenings: Sequence[Happening]) -> list[Happening]:
    return [one for one in happenings if one.journey == instance.journey.name]
