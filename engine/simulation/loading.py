"""Read couples and where they stand, in a number of queries that does not grow with them, to begin from there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.db.models import Prefetch

from channels.models import Message, Suppression
from engine.graphs import graph_of
from engine.models import (
    Approval,
    Instance,
    MeetingType,
    NodeExecution,
    Schedule,
    TicketLine,
    TriggerEvent,
)
from engine.services import modules
from engine.services.delivering import holding
from engine.services.facts import Need, facts_for
from engine.simulation.couple import Couple
from engine.simulation.ways import Beginning
from engine.simulation.world import Heard, Passage, Surroundings, World
from journeys.errors import Invalid
from journeys.language.errors import DefinitionInvalid
from journeys.language.gates import Sent
from journeys.language.graph import Graph
from journeys.models import Client, Journey, Vendor, Version, Wedding
from journeys.recipients import VENDOR
from journeys.scoping import owned_by
from journeys.selectors import main_wedding

#: "here": where the client stands in the journey, or at its start; "now": at its start, now; "start": at its start,
#: when the passage began or the client was added.
From = Literal["here", "now", "start"]
#: Roots that are partly on record: what stands there is where a simulation begins.
RECORD_ROOTS = frozenset({"meetings", "reviews", "referrals", "answers", "pages"})
KEPT_ROOTS = frozenset({"messages", "tasks", "journeys", "variants"})


@dataclass(frozen=True, slots=True)
class Subject:
    """The journey that is looked at, as a graph."""

    journey: Journey
    graph: Graph
    #: None: the draft.
    version: Version | None


@dataclass(slots=True)
class Loaded:
    """Everything on record about some clients, as far as a simulation looks at it."""

    subject: Subject
    now: datetime
    around: Surroundings
    suppressed: Mapping[tuple[str, str], str] = field(default_factory=dict)
    heard: Mapping[int, list[Heard]] = field(default_factory=dict)
    sent: Mapping[int, list[Sent]] = field(default_factory=dict)
    inside: Mapping[int, Instance] = field(default_factory=dict)
    schedules: Mapping[int, list[Schedule]] = field(default_factory=dict)
    history: Mapping[int, list[NodeExecution]] = field(default_factory=dict)
    facts: Mapping[int, dict[str, Any]] = field(default_factory=dict)
    #: Schedules that wait for a person.
    tickets: frozenset[int] = frozenset()

    def beginning(self, client: Client, *, begin: From, variables: Mapping[str, Any]) -> Beginning:
        """Begin with one client.

        Raises:
            Invalid: a variable of the journey is missing or wrong.
        """
        instance = self.inside.get(client.pk)
        couple = Couple.of(client, wedding=_wedding(client, instance), suppressed=self.suppressed)
        if begin == "here" and instance is not None:
            passage_of = instance
            return Beginning(
                client.public_id, client.display_name, lambda: self._where_it_stands(couple, passage_of)
            )
        started = self.now
        if begin == "start":
            started = instance.started_at if instance else client.created_at
        known = variables or (instance.variables if instance else None) or {}
        values = start_variables(self.subject.graph, known)
        events = [
            event
            for event in self.heard.get(client.pk, [])
            if begin != "start" or event.received_at <= started
        ]

        def world() -> World:
            made = World(couple.copy(), started, heard=list(events), around=self.around)
            made.sent = list(self.sent.get(client.pk, ()))
            journey = self.subject.journey
            made.begin(self.subject.graph, name=journey.name, now=started, variables=values, journey=journey)
            return made

        return Beginning(client.public_id, client.display_name, world)

    def _where_it_stands(self, couple: Couple, instance: Instance) -> World:
        """Make the world of a couple that is on its way: tokens where the schedules are."""
        facts = self.facts.get(instance.id, {})
        made = World(couple.copy(), self.now, around=self.around)
        made.heard = list(self.heard.get(instance.client_id, ()))
        made.sent = list(self.sent.get(instance.client_id, ()))
        made.records = {root: facts[root] for root in RECORD_ROOTS if root in facts}
        passage = self._passage(made, instance, facts)
        made.passages.append(passage)
        for schedule in self.schedules.get(instance.id, ()):
            token = made.put(
                passage,
                node_id=schedule.node_id,
                due_at=schedule.due_at,
                branch=schedule.branch,
                visit=schedule.visit,
                meant=schedule.meant,
                rounds=schedule.rounds or {},
                reason=schedule.reason,
                attempt=schedule.attempt,
                awaits=tuple(schedule.awaits or ()),
                waiting=schedule.waiting,
                needs_person=schedule.id in self.tickets,
            )
            token.placed_at = schedule.placed_at
        return made

    def _passage(self, made: World, instance: Instance, facts: Mapping[str, Any]) -> Passage:
        event, graph = instance.trigger_event, graph_of(instance.version_id)
        copied = Instance(
            id=instance.id,
            public_id=instance.public_id,
            vendor=made.couple.vendor,
            client=made.couple.client,
            wedding=made.couple.wedding,
            journey=self.subject.journey,
            variables=dict(instance.variables or {}),
            decisions=instance.decisions,
            started_at=instance.started_at,
            started_by=instance.started_by,
        )
        trigger = {**(event.payload or {}), "type": event.type, "topic": event.topic} if event else {}
        passage = Passage(
            copied, graph, self.subject.journey.name, trigger, event=event.public_id if event else ""
        )
        for name in ("messages", "tasks", "variants"):
            getattr(passage, name).update(facts.get(name, {}))
        passage.started.update(facts.get("journeys", {}))
        for node_id, message in passage.messages.items():
            if message.get("sent"):
                passage.sent_at[f"{instance.public_id}:{node_id}"] = datetime.fromisoformat(message["at"])
        for row in self.history.get(instance.id, ()):
            if row.output is not None:
                passage.outputs[row.node_id] = row.output
            if row.node_id in graph.nodes and graph.nodes[row.node_id].join is not None:
                passage.gone_on.add((row.node_id, row.branch, row.visit))
        return passage


def start_variables(graph: Graph, given: Mapping[str, Any]) -> dict[str, Any]:
    """Give a journey's first variables.

    Raises:
        Invalid: one is missing or wrong.
    """
    try:
        return graph.start_variables(given)
    except DefinitionInvalid as error:
        first = error.problems[0]
        details = {"problems": [problem.as_dict() for problem in error.problems]}
        raise Invalid(first.message, code=first.code, details=details) from error


def surroundings_of(vendor: Vendor, journey: Journey) -> Surroundings:
    """Read what holds for every couple of a vendor."""
    given: dict[str, int] = defaultdict(int)
    rows = Approval.objects.filter(journey=journey, status=Approval.Status.APPROVED)
    for node_id in rows.values_list("node_id", flat=True):
        given[node_id] += 1
    return Surroundings(
        is_shooting=holding.ShootingDays(vendor),
        approved=lambda node_id: given.get(node_id, 0),
        switched_off=frozenset(one.node_type.type for one in modules.modules_of(vendor) if not one.enabled),
        meetings_offered=frozenset(
            owned_by(vendor, MeetingType).filter(is_active=True).values_list("key", flat=True)
        ),
    )


def load(
    subject: Subject,
    rows: Sequence[Client],
    *,
    begin: From,
    now: datetime,
    standing: Sequence[Instance] = (),
) -> tuple[Loaded, list[Client]]:
    """Read clients and what is known of them; `standing` names the passages to go on from, where that is known."""
    vendor = subject.journey.vendor
    loaded = Loaded(subject, now, surroundings_of(vendor, subject.journey))
    if not rows:
        return loaded, []
    weddings = Wedding.objects.prefetch_related("anchors", "stakeholders")
    clients = list(
        Client.objects.filter(pk__in=[row.pk for row in rows])
        .select_related("vendor")
        .prefetch_related("tags", Prefetch("weddings", queryset=weddings))
        .order_by("pk")
    )
    ids = [client.pk for client in clients]
    loaded.suppressed = {
        (channel, index): reason
        for channel, index, reason in owned_by(vendor, Suppression).values_list(
            "channel", "address_index", "reason"
        )
    }
    loaded.heard = _heard(ids)
    loaded.sent = _sent(vendor, ids, now=now)
    if begin != "now":
        loaded.inside = {one.client_id: one for one in standing} or _inside(subject, ids)
    if begin == "here" and loaded.inside:
        _stand(loaded, list(loaded.inside.values()))
    return loaded, clients


def _heard(client_ids: Sequence[int]) -> dict[int, list[Heard]]:
    found: dict[int, list[Heard]] = defaultdict(list)
    for event in TriggerEvent.objects.filter(client_id__in=client_ids).order_by("id"):
        found[event.client_id or 0].append(
            Heard(event.type, event.topic, event.payload or {}, event.received_at, event.public_id)
        )
    return found


def _sent(vendor: Vendor, client_ids: Sequence[int], *, now: datetime) -> dict[int, list[Sent]]:
    """Read what went out lately, for the rules that count it."""
    rules = holding.rules_of(vendor)
    if not rules.counts:
        return {}
    rows = Message.objects.filter(
        client_id__in=client_ids, status__in=holding.COUNTED, sending_at__gt=now - rules.reach
    ).exclude(recipient_role=VENDOR)
    groups: dict[tuple[int, str], list[tuple[datetime, str, str, str]]] = defaultdict(list)
    for client_id, key, at, purpose, role, address in rows.values_list(
        "client_id", "key", "sending_at", "purpose", "recipient_role", "address_index"
    ):
        place, _, last = key.rpartition(":")
        if at is not None:
            groups[client_id, f"{place}#{last.partition('#')[2]}"].append((at, purpose, role, address))
    found: dict[int, list[Sent]] = defaultdict(list)
    for (client_id, _), copies in groups.items():
        found[client_id].append(holding.sent_of(copies))
    return found


def _inside(subject: Subject, client_ids: Sequence[int]) -> dict[int, Instance]:
    """Find who is in the journey now."""
    rows = Instance.objects.filter(
        journey=subject.journey, client_id__in=client_ids, status__in=Instance.LIVE
    ).select_related("wedding", "client__vendor", "vendor", "trigger_event")
    return {instance.client_id: instance for instance in rows.order_by("id")}


def _stand(loaded: Loaded, instances: Sequence[Instance]) -> None:
    """Read where instances stand, and what of them is on record."""
    schedules: dict[int, list[Schedule]] = defaultdict(list)
    for schedule in Schedule.objects.filter(instance__in=instances).order_by("id"):
        schedules[schedule.instance_id].append(schedule)
    history: dict[int, list[NodeExecution]] = defaultdict(list)
    rows = NodeExecution.objects.filter(instance__in=instances, status=NodeExecution.Status.SUCCEEDED)
    for row in rows.order_by("at", "id"):
        history[row.instance_id].append(row)
    tickets = TicketLine.objects.filter(instance__in=instances, status=TicketLine.Status.OPEN)
    loaded.schedules, loaded.history = schedules, history
    loaded.tickets = frozenset(tickets.values_list("schedule_id", flat=True))
    needed = RECORD_ROOTS | KEPT_ROOTS if _reads_records(loaded.subject) else KEPT_ROOTS
    loaded.facts = facts_for([Need(one, needed) for one in instances], now=loaded.now)


def _reads_records(subject: Subject) -> bool:
    """Tell whether the journey has steps whose records are kept in tables of their own."""
    return any(
        node.type in {"meeting", "review", "referral", "form", "info"}
        for node in subject.graph.nodes.values()
    )


def _wedding(client: Client, instance: Instance | None) -> Wedding | None:
    if instance is None:
        return main_wedding(client)
    return next((one for one in client.weddings.all() if one.pk == instance.wedding_id), None)
