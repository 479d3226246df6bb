"""Say why: of every step of a passage, past, standing or ahead, what decided it and with which values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from channels.models import Message
from engine.graphs import graph_of
from engine.models import Approval, Instance, NodeExecution, Schedule, TicketLine
from engine.places import Place
from engine.services import simulating
from engine.simulation.calendar import Happening
from engine.simulation.given import Assumptions
from journeys import selectors
from journeys.errors import NotFound
from journeys.language.calendar import Calendar, Offset, due_from_meant, local_time
from journeys.language.errors import LanguageError
from journeys.language.graph import Graph, Node
from journeys.language.offset_words import length_words, offset_words
from journeys.models import Version

Status = NodeExecution.Status

STATES = {
    Status.SUCCEEDED: "done",
    Status.SKIPPED: "skipped",
    Status.FAILED: "failed",
    Status.RETRYING: "retrying",
    Status.HELD: "held",
    Status.CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class _Known:
    """Everything on record about one passage."""

    instance: Instance
    graph: Graph
    #: Numbers of the journey's versions, by id.
    numbers: Mapping[int, int]
    calendar: Calendar
    messages: Mapping[str, list[Message]]
    approvals: Mapping[str, list[Approval]]
    tickets: Mapping[int, list[TicketLine]]
    now: datetime


def explain_instance(*, instance: Instance, now: datetime, step: str = "") -> dict[str, Any]:
    """Explain every step of a passage, or all that is known of one; reads only.

    Raises:
        NotFound: the version has no such step.
    """
    known = _known(instance, now=now)
    if step and step not in known.graph.nodes:
        raise NotFound(f"This journey has no step {step!r}.", code="unknown_step")
    rows = NodeExecution.objects.filter(instance=instance).order_by("at", "id")
    schedules = Schedule.objects.filter(instance=instance).order_by("id")
    if step:
        rows, schedules = rows.filter(node_id=step), schedules.filter(node_id=step)
    standing = list(_standing(known, list(schedules)))
    entries = [*_past(known, list(rows)), *_with_plan(standing, list(_ahead(known, step=step)))]
    return {
        "instance_id": instance.public_id,
        "journey": {"id": instance.journey.public_id, "name": instance.journey.name},
        "version": instance.version.number,
        "status": instance.status,
        "result": instance.result,
        "reason": instance.reason,
        "started_by": _started_by(instance),
        "steps": entries,
    }


def explain_message(*, message: Message, now: datetime) -> dict[str, Any]:
    """Explain one message: why it went out, did not, or has not yet. Reads only."""
    place = Place.of_key(message.key)
    answer = {"message": _message(message), "because": _said_of(message), "instance": None}
    instance = (
        Instance.objects.select_related("journey", "version", "wedding", "vendor", "trigger_event")
        .filter(public_id=message.instance_ref, vendor_id=message.vendor_id)
        .first()
    )
    if place is None or instance is None:
        return answer
    whole = explain_instance(instance=instance, now=now)
    whole["steps"] = [
        one
        for one in whole["steps"]
        if (one["step"], one["branch"], one["visit"]) == (place.node_id, place.branch, place.visit)
    ]
    return {**answer, "instance": whole}


def _known(instance: Instance, *, now: datetime) -> _Known:
    messages: dict[str, list[Message]] = defaultdict(list)
    for message in Message.objects.filter(instance_ref=instance.public_id).order_by("id"):
        messages[message.key.rpartition(":")[0]].append(message)
    approvals: dict[str, list[Approval]] = defaultdict(list)
    for approval in Approval.objects.filter(instance=instance).order_by("id"):
        approvals[approval.place.partition("#")[0]].append(approval)
    tickets: dict[int, list[TicketLine]] = defaultdict(list)
    for ticket in TicketLine.objects.filter(instance=instance).select_related("ticket").order_by("id"):
        tickets[ticket.schedule_id].append(ticket)
    return _Known(
        instance=instance,
        graph=graph_of(instance.version_id),
        numbers=dict(Version.objects.filter(journey_id=instance.journey_id).values_list("id", "number")),
        calendar=selectors.calendar_of(instance.wedding, instance.vendor),
        messages=messages,
        approvals=approvals,
        tickets=tickets,
        now=now,
    )


def _started_by(instance: Instance) -> dict[str, Any]:
    """Say which event began the passage, or which step of another, or that a person did."""
    event = instance.trigger_event
    if event is not None:
        return {
            "kind": "event",
            "type": event.type,
            "topic": event.topic,
            "event_id": event.event_id,
            "at": event.occurred_at.isoformat(),
            "sentence": f"Begun by the event {event.type}{f' ({event.topic})' if event.topic else ''}.",
        }
    if instance.started_by:
        return {
            "kind": "journey",
            "place": instance.started_by,
            "at": instance.started_at.isoformat(),
            "sentence": "Begun by a step of another journey.",
        }
    return {"kind": "person", "at": instance.started_at.isoformat(), "sentence": "Begun by hand."}


def _past(known: _Known, rows: Sequence[NodeExecution]) -> Iterable[dict[str, Any]]:
    held: dict[tuple[str, str, int], list[NodeExecution]] = defaultdict(list)
    places = [(row.node_id, row.branch, row.visit) for row in rows]
    last = {place: number for number, place in enumerate(places)}
    for number, (row, place) in enumerate(zip(rows, places, strict=True)):
        if row.status in {Status.HELD, Status.RETRYING}:
            held[place].append(row)
            if last[place] != number or _stands_still(row):
                continue
        version = row.version_id or known.instance.version_id
        node = graph_of(version).nodes.get(row.node_id)
        entry = _entry(known, node, row.node_id, branch=row.branch, visit=row.visit)
        entry["version"] = known.numbers[version]
        messages = known.messages.get(entry.pop("_place"), []) if last[place] == number else []
        values = (row.output or {}).get("read") or {}
        entry.update(
            state=_past_state(row, messages),
            at=row.at.isoformat(),
            due_at=row.due_at.isoformat(),
            port=row.port,
            values=values,
            held=[{"at": one.at.isoformat(), "reason": one.reason} for one in held[place] if one is not row],
            messages=[_message(one) for one in messages],
            person=_person(known.tickets.get(row.schedule_id, [])),
        )
        entry["because"] = [
            *_because(known, node, row),
            *(said for one in messages for said in _said_of(one)),
        ]
        yield entry


def _stands_still(row: NodeExecution) -> bool:
    """Tell whether the place that was put off still stands: it is explained there."""
    return Schedule.objects.filter(id=row.schedule_id).exists()


def _past_state(row: NodeExecution, messages: Sequence[Message]) -> str:
    if any(one.status == Message.Status.ACCEPTED for one in messages):
        return "sent"
    if messages and all(one.status == Message.Status.WITHHELD for one in messages):
        return "withheld"
    return STATES[Status(row.status)]


def _because(known: _Known, node: Node | None, row: NodeExecution) -> list[str]:
    """Say what decided a step that is past."""
    said = [row.reason] if row.reason else []
    for _, source in _expressions(node):
        if row.port:
            said.append(f"{source} led to {row.port}.")
    late = row.at - row.due_at
    if late.total_seconds() > 15 * 60 and row.status == Status.SUCCEEDED:
        said.append(f"It came {_length(late.total_seconds())} after its time, which its rule allows.")
    if node is not None and node.settings.when is not None and not row.reason:
        said.append(_when(node, known.calendar))
    if row.status == Status.CANCELLED and not row.reason:
        said.append("The journey ended elsewhere before it was reached.")
    return said


def _standing(known: _Known, schedules: Sequence[Schedule]) -> Iterable[dict[str, Any]]:
    for schedule in schedules:
        node = known.graph.nodes.get(schedule.node_id)
        entry = _entry(known, node, schedule.node_id, branch=schedule.branch, visit=schedule.visit)
        place = entry.pop("_place")
        ticket = next(
            (one for one in known.tickets.get(schedule.id, []) if one.status == one.Status.OPEN), None
        )
        state = "waiting" if schedule.state == Schedule.State.WAITING else schedule.state
        if known.instance.status == Instance.Status.PAUSED:
            state = "paused"
        entry.update(
            state="needs_you" if ticket else state,
            at=None,
            due_at=schedule.due_at.isoformat() if schedule.due_at else None,
            moment=_moment(schedule.meant, known.calendar),
            awaits=list(schedule.awaits or ()),
            messages=[_message(one) for one in known.messages.get(place, [])],
            person=_person(known.tickets.get(schedule.id, [])),
        )
        said = [ticket.summary] if ticket else []
        if schedule.reason and not ticket:
            said.append(schedule.reason)
        if known.instance.status == Instance.Status.PAUSED:
            said.append(f"The journey is paused. {known.instance.reason}".strip())
        if node is not None and node.settings.when is not None:
            said.append(_when(node, known.calendar))
        entry["because"] = said
        yield entry


def _ahead(known: _Known, *, step: str) -> Iterable[dict[str, Any]]:
    """Look ahead from where the passage stands: what comes, when, and what holds it back."""
    instance = known.instance
    if not Instance.objects.filter(pk=instance.pk, status__in=Instance.LIVE).exists():
        return
    subject = simulating.Subject(instance.journey, known.graph, instance.version)
    (outlook,) = simulating.simulate(
        subject=subject,
        assumptions=Assumptions(texts=False),
        clients=[instance.client],
        standing=[instance],
        now=known.now,
    )
    seen: set[tuple[str, str, int]] = set()
    for one in outlook.ways[0].happenings:
        if one.journey != instance.journey.name or (step and one.node_id != step):
            continue
        place = (one.node_id, one.branch, one.visit)
        if place in seen:
            continue
        seen.add(place)
        yield _planned(known, one)


def _with_plan(standing: list[dict[str, Any]], ahead: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let each place where the passage stands say when it goes on, and put what comes behind it after them."""
    found = {_place_of(one): one for one in standing}
    rest = []
    for plan in ahead:
        entry = found.get(_place_of(plan))
        if entry is None:
            rest.append(plan)
            continue
        entry["at"], entry["port"] = plan["at"], plan["port"]
        entry["held"], entry["needs_person"] = plan["held"], plan["needs_person"]
        entry["because"] += [said for said in plan["because"] if said not in entry["because"]]
    return [*standing, *rest]


def _place_of(entry: Mapping[str, Any]) -> tuple[str, str, int]:
    return entry["step"], entry["branch"], entry["visit"]


def _planned(known: _Known, one: Happening) -> dict[str, Any]:
    node = known.graph.nodes.get(one.node_id)
    entry = _entry(known, node, one.node_id, branch=one.branch, visit=one.visit)
    entry.pop("_place")
    said = [one.reason] if one.reason else []
    said += [f"{held.reason}" for held in one.held]
    if node is not None and node.settings.when is not None:
        said.append(_when(node, known.calendar))
    for _, source in _expressions(node):
        said.append(f"As things are now, {source} leads to {one.port}.")
    entry.update(
        state="planned",
        at=one.at.isoformat(),
        due_at=one.due_at.isoformat() if one.due_at else None,
        port=one.port,
        values=one.output.get("read") or {},
        held=[{"at": held.at.isoformat(), "reason": held.reason} for held in one.held],
        because=said,
        needs_person=one.needs_person,
    )
    return entry


def _entry(known: _Known, node: Node | None, node_id: str, *, branch: str, visit: int) -> dict[str, Any]:
    """Begin the explanation of a step with what is written in the version."""
    place = str(Place(known.instance.public_id, node_id, branch, visit))
    rule: dict[str, Any] = {}
    if node is not None:
        settings = node.settings.model_dump(mode="json", by_alias=True, include={"when", "late", "on_error"})
        rule = {name: value for name, value in settings.items() if value is not None}
        conditions = dict(_expressions(node))
        if conditions:
            rule["conditions"] = conditions
    return {
        "_place": place,
        "step": node_id,
        "title": (node.name or node.id) if node else node_id,
        "kind": node.type if node else "",
        "branch": branch,
        "visit": visit,
        "version": known.instance.version.number,
        "rule": rule,
        "port": "",
        "values": {},
        "moment": _moment(_meant(node), known.calendar),
        "awaits": [],
        "held": [],
        "messages": [],
        "approvals": [_approval(one) for one in known.approvals.get(place, [])],
        "person": [],
        "needs_person": False,
        "because": [],
    }


def _expressions(node: Node | None) -> Iterable[tuple[str, str]]:
    return node.node_type.expressions(node.settings) if node is not None and node.type != "start" else ()


def _meant(node: Node | None) -> dict[str, Any] | None:
    """Give the timing of a step that hangs on a date; a duration says nothing before its step is reached."""
    when = node.settings.when if node is not None else None
    if when is None or getattr(when, "kind", "") not in {"anchor", "date"}:
        return None
    return when.model_dump(mode="json", by_alias=True)


def _moment(meant: Mapping[str, Any] | None, calendar: Calendar) -> dict[str, Any] | None:
    """Say what a moment is computed from, and what comes out today."""
    if not meant:
        return None
    try:
        due = due_from_meant(meant, calendar=calendar)
    except LanguageError:
        return None
    zone = calendar.zone(str(meant.get("zone", "wedding")))
    anchor = calendar.anchors.get(str(meant.get("anchor", "")))
    return {
        **dict(meant),
        "zone_name": zone,
        "anchor_date": anchor.day.isoformat() if anchor else None,
        "instant": due.instant.isoformat() if due.instant else None,
        "local": f"{local_time(due.instant, zone):%Y-%m-%d %H:%M}" if due.instant else None,
        "missing": due.missing,
    }


def _when(node: Node, calendar: Calendar) -> str:
    """Say in a sentence what the step's moment hangs on."""
    when = node.settings.when
    kind = getattr(when, "kind", "")
    if kind == "anchor":
        name = str(getattr(when, "anchor", "wedding"))
        anchor = calendar.anchors.get(name)
        words = "the wedding" if name == "wedding" else f"the {name.replace('_', ' ')}"
        day = f", {anchor.day.isoformat()}" if anchor else ", which has no date"
        at = getattr(when, "at", None)
        clock = f" at {at}, {calendar.zone(str(getattr(when, 'zone', 'wedding')))}" if at else ""
        return f"It hangs on {words}{day}: {offset_words(str(getattr(when, 'offset', '0d')))}{clock}."
    if kind == "duration":
        length = length_words(Offset.parse(str(getattr(when, "for_", "0d"))))
        return f"It waits {length} from when it is reached."
    if kind == "date":
        return f"It has a fixed day: {getattr(when, 'date', '')}."
    return "It waits for its moment."


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": message.public_id,
        "to": message.recipient_role,
        "name": message.recipient_name,
        "channel": message.channel,
        "status": message.status,
        "delivery": message.delivery,
        "reason": message.reason,
        "settled_by": message.settled_by,
    }


def _said_of(message: Message) -> list[str]:
    """Say in sentences what became of a message."""
    who = message.recipient_role.replace("_", " ")
    states = Message.Status
    if message.status == states.ACCEPTED:
        heard = f" It was {message.get_delivery_display().lower()}." if message.delivery else ""
        return [f"{message.provider.title()} took the message to {who}.{heard}"]
    said = {
        states.WITHHELD: "was not sent",
        states.REJECTED: "was refused",
        states.IN_DOUBT: "is in doubt",
        states.UNKNOWN: "could not be found out about",
        states.RETRY: "is tried again",
        states.SENDING: "is being handed over",
    }[states(message.status)]
    return [f"The message to {who} {said}. {message.reason}".strip()]


def _approval(approval: Approval) -> dict[str, Any]:
    return {
        "id": approval.public_id,
        "status": approval.status,
        "decided_by": approval.decided_by,
        "decided_at": approval.decided_at.isoformat() if approval.decided_at else None,
        "edited": approval.original is not None,
    }


def _person(tickets: Sequence[TicketLine]) -> list[dict[str, Any]]:
    """Say what people were asked about it, and what they decided."""
    return [
        {
            "ticket_id": one.ticket.public_id,
            "line_id": one.public_id,
            "asked": one.summary,
            "resolution": one.resolution,
            "by": one.resolved_by,
            "at": one.resolved_at.isoformat() if one.resolved_at else None,
        }
        for one in tickets
    ]


def _length(seconds: float) -> str:
    hours = int(seconds // 3600)
    if hours >= 48:  # noqa: PLR2004 two days
        return f"{hours // 24} days"
    return f"{hours} hours" if hours else f"{int(seconds // 60)} minutes"
