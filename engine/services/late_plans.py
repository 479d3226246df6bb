"""Show what a passage that begins late makes up for, and hold it until somebody has said yes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from django.db import connection, transaction
from django.db.models import Max

from channels.models import Message
from engine.graphs import graph_of
from engine.models import Instance, LatePlan, Schedule
from engine.services.claims import lock_instances
from engine.services.instances import instance_pause, instance_resume
from engine.services.moves import Choice
from journeys import selectors
from journeys.errors import Conflict, Invalid
from journeys.language.calendar import ON_TIME, Calendar, Decision, Due, due_of, is_dated, judged
from journeys.language.graph import Graph, Node
from journeys.language.offsets import Offset
from journeys.language.passages import late_gap
from journeys.language.settings import LateRule
from journeys.models import Vendor
from journeys.scoping import owned_by
from journeys.services import audit

Fate = Literal["send", "skip", "ask", "planned", "parked"]
Status = LatePlan.Status

#: What stands for every late step that no choice of its own is made for.
ALL = "all"
#: Steps shown of one plan.
MOST_SHOWN = 200
HELD = "Began late: look at its plan before anything goes out."

#: Of every passage that ends, hardly one of which has a plan: a row of Django's would cost more than all else of it.
_CLOSE = """
UPDATE engine_lateplan SET settled_at = %(now)s, settled_by = %(actor)s,
    status = CASE WHEN instance_id = ANY(%(ended)s::bigint[]) THEN 'void' ELSE 'confirmed' END
WHERE instance_id = ANY(%(ended)s::bigint[] || %(going)s::bigint[]) AND status = 'waiting'
"""


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step ahead of a passage, and what becomes of it."""

    node_id: str
    name: str
    node_type: str
    #: It writes to somebody or reaches outside otherwise.
    outside: bool
    #: When it was meant for; None without a date.
    due: datetime | None
    #: When it is carried out if it is: what is late is spaced by the gap.
    at: datetime | None
    #: Its moment was past when it is come to.
    late: bool
    #: "send" means carried out, whatever the step does.
    will: Fate
    choice: Choice
    #: It only happens on one of several ways.
    conditional: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is ahead of a passage."""

    instance: Instance
    #: None: nothing holds the passage.
    record: LatePlan | None
    gap: timedelta
    steps: tuple[PlanStep, ...]

    @property
    def late(self) -> tuple[PlanStep, ...]:
        """Return the steps whose moment is past: those that a choice can be made for."""
        return tuple(one for one in self.steps if one.late)


@dataclass(frozen=True, slots=True)
class _Way:
    """Where the walk through the graph stands."""

    node_id: str
    reached: datetime
    #: When something went out last on this way.
    sent: datetime | None = None
    conditional: bool = False


def hold_if_late(*, instance: Instance, now: datetime, actor: str) -> LatePlan | None:
    """Hold a passage that begins late where its journey asks for it, inside the transaction that began it.

    The passage is paused before its first step; None when nothing is late, or the journey does not ask.
    """
    graph = graph_of(instance.version_id)
    late_start = graph.late_start
    if late_start is None or not late_start.show_plan or not plan_of(instance, now=now).late:
        return None
    record = LatePlan.objects.create(
        vendor_id=instance.vendor_id,
        instance=instance,
        made_at=now,
        confirm_by=now + Offset.parse(late_start.confirm_within).total if late_start.confirm_within else None,
    )
    paused = instance_pause(instance=instance, now=now, actor=actor, reason=HELD)
    instance.status, instance.reason = paused.status, paused.reason
    return record


def plan_of(instance: Instance, *, now: datetime, choices: Mapping[str, Choice] | None = None) -> Plan:
    """Give what is ahead of a passage, for today's dates; `choices` by step, or those that were made before."""
    graph = graph_of(instance.version_id)
    record = LatePlan.objects.filter(instance=instance).first()
    decided = dict(instance.decisions or {}) if choices is None else dict(choices)
    gap = late_gap(graph.late_start)
    calendar = selectors.calendar_of(instance.wedding, instance.vendor)
    last_sent = last_message(instance)
    steps: dict[str, PlanStep] = {}
    for token in Schedule.objects.filter(instance=instance).order_by("due_at", "id"):
        for step in _walk(graph, token, calendar, decided, gap=gap, last_sent=last_sent, now=now):
            steps.setdefault(step.node_id, step)
    found = sorted(steps.values(), key=lambda one: (one.at is None, one.at or now))
    return Plan(instance, record, gap, tuple(found[:MOST_SHOWN]))


def last_message(instance: Instance) -> datetime | None:
    """Give when the last message of a passage went out; late ones keep the gap from it."""
    rows = Message.objects.filter(instance_ref=instance.public_id, status=Message.Status.ACCEPTED)
    return rows.aggregate(last=Max("settled_at"))["last"]  # type: ignore[no-any-return] # of a nullable time


def confirm(
    *, instance: Instance, choices: Mapping[str, Choice] | None = None, now: datetime, actor: str
) -> Plan:
    """Let a held passage go on as its plan says, with a choice for each late step by its id, or for "all".

    Raises:
        Conflict: nothing of this passage waits for a yes (`no_plan`).
        Invalid: a choice is made for a step that is not late (`unknown_step`).
    """
    with transaction.atomic():
        return _settle(instance, Status.CONFIRMED, choices or {}, now=now, actor=actor)


def go_ahead(*, now: datetime) -> int:
    """Let the passages go on by themselves whose journeys say so when nobody has answered; return how many."""
    due = LatePlan.objects.filter(status=Status.WAITING, confirm_by__lte=now).select_related("instance")
    done = 0
    for record in due.order_by("confirm_by")[:500]:
        with transaction.atomic():
            try:
                _settle(record.instance, Status.WENT_AHEAD, {}, now=now, actor="engine")
            except Conflict:
                continue
            done += 1
    return done


def follow_status(*, instances: Sequence[Instance], now: datetime, actor: str) -> None:
    """Close the plans of passages that were resumed by hand or have ended, inside the transaction that did it."""
    going = [one.id for one in instances if one.status == Instance.Status.ACTIVE]
    ended = [one.id for one in instances if one.status not in Instance.LIVE]
    if not (going or ended):
        return
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE, {"going": going, "ended": ended, "now": now, "actor": actor[:100]})


def waiting(vendor: Vendor) -> list[LatePlan]:
    """Give the plans that wait for a yes, oldest first."""
    rows = owned_by(vendor, LatePlan).filter(status=Status.WAITING)
    return list(rows.select_related("instance__client", "instance__journey").order_by("id"))


def _settle(
    instance: Instance, status: str, choices: Mapping[str, Choice], *, now: datetime, actor: str
) -> Plan:
    lock_instances([instance.id])
    instance = Instance.objects.select_related("vendor", "wedding", "client", "journey").get(id=instance.id)
    record = LatePlan.objects.select_for_update().filter(instance=instance, status=Status.WAITING).first()
    if record is None:
        raise Conflict("Nothing of this journey waits for a yes.", code="no_plan")
    decisions = _decisions(plan_of(instance, now=now, choices={}), choices)
    record.status, record.choices = status, decisions
    record.settled_at, record.settled_by = now, actor[:100]
    record.save(update_fields=["status", "choices", "settled_at", "settled_by"])
    instance.decisions = decisions or None
    instance.save(update_fields=["decisions"])
    audit.record(instance.vendor, actor, "instance.plan_confirmed", instance, now, choices=decisions)
    if instance.status == Instance.Status.PAUSED:
        instance = instance_resume(instance=instance, now=now, actor=actor)
    return replace(plan_of(instance, now=now), record=record)


def _decisions(plan: Plan, choices: Mapping[str, Choice]) -> dict[str, Decision]:
    late = {one.node_id for one in plan.late}
    unknown = sorted(name for name in choices if name != ALL and name not in late)
    if unknown:
        raise Invalid(
            f"There is nothing to choose for {unknown[0]!r}: the step is not there, or not late.",
            code="unknown_step",
            details={"choices": unknown},
        )
    made = {name: choices.get(name, choices.get(ALL, "rule")) for name in sorted(late)}
    return {name: choice for name, choice in made.items() if choice != "rule"}


def _walk(
    graph: Graph,
    token: Schedule,
    calendar: Calendar,
    decided: Mapping[str, Choice],
    *,
    gap: timedelta,
    last_sent: datetime | None,
    now: datetime,
) -> list[PlanStep]:
    """Follow the ways from where a token stands; a step is named once, however many ways lead to it."""
    stands = {token.node_id: _Way(token.node_id, max(token.due_at or now, now), sent=last_sent)}
    found: list[PlanStep] = []
    for way in graph.ahead(token.node_id):
        node = graph.nodes[way.target]
        reached = replace(stands[way.source], node_id=way.target, conditional=way.conditional)
        step, stands[way.target] = _step(node, reached, calendar, decided.get(way.target, "rule"), gap=gap)
        if step is not None:
            found.append(step)
        if len(found) == MOST_SHOWN:
            break
    return found


def _step(
    node: Node, way: _Way, calendar: Calendar, choice: Choice, *, gap: timedelta
) -> tuple[PlanStep | None, _Way]:
    """Judge one step where a way comes to it; only what is dated or goes outside is shown."""
    due = due_of(node.settings.when, calendar=calendar, reached=way.reached)
    late = is_dated(due.meant) and due.instant is not None and way.reached - due.instant > ON_TIME
    will = _fate(node, due, way, calendar, choice) if late else ("planned" if due.instant else "parked")
    at = None if due.instant is None else max(due.instant, way.reached)
    outside = node.node_type.outside
    if at is not None and will != "skip":
        if late and will == "send" and outside and way.sent is not None:
            at = max(at, way.sent + gap)
        way = replace(way, reached=at, sent=at if outside else way.sent)
    if not outside and not is_dated(due.meant):
        return None, way
    step = PlanStep(
        node_id=node.id,
        name=node.name or node.id,
        node_type=node.type,
        outside=outside,
        due=due.instant,
        at=None if will == "skip" else at,
        late=late,
        will=will,
        choice=choice,
        conditional=way.conditional,
        sentence=due.missing or _SENTENCES[will],
    )
    return step, way


def _fate(node: Node, due: Due, way: _Way, calendar: Calendar, choice: Choice) -> Fate:
    instant = due.instant or way.reached
    verdict = judged(
        node.settings.late or LateRule(),
        due.meant,
        instant=instant,
        due_at=instant,
        now=way.reached,
        calendar=calendar,
        decided=None if choice == "rule" else choice,
    )
    return verdict if verdict in {"skip", "ask"} else "send"


_SENTENCES = {
    "send": "Its time has passed: made up for.",
    "skip": "Its time has passed: left out.",
    "ask": "Its time has passed: you are asked.",
    "planned": "On its own day.",
    "parked": "Waits until there is a date.",
}
