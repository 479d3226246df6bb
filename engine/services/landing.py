"""Judge where instances would stand in another version, and set them down there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models.functions import Now

from channels.models import Message
from engine import signals
from engine.graphs import graph_of
from engine.models import Instance, NodeExecution, Schedule, TicketLine
from engine.places import Place
from engine.services import approvals, dispatch, joining
from journeys import selectors
from journeys.language.graph import Graph
from journeys.language.moves import Bridge, Done, Landing, Stuck, Token, Values, values_in
from journeys.models import Version
from journeys.services import audit

State = Schedule.State

#: In these a message is not settled, so that its step is under way.
_OPEN = (Message.Status.SENDING, Message.Status.IN_DOUBT, Message.Status.RETRY)
_FIELDS = ("due_at", "meant", "state", "reason", "lease_until", "fence", "attempt", "outside")


@dataclass(frozen=True, slots=True)
class Spot:
    """Where one token of an instance stands, and would stand."""

    schedule: Schedule
    name: str
    before: datetime | None
    after: datetime | None
    landing: Landing | None
    #: Why it can not stand there.
    stuck: Stuck | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What moving one instance to another version comes to."""

    instance: Instance
    spots: tuple[Spot, ...]
    #: Variables in the other version; None when it is stuck.
    values: Values | None = None
    stuck: Stuck | None = None
    #: A step with an outside effect is being carried out: look again when it is done.
    busy: bool = False

    @property
    def moves(self) -> bool:
        """Tell whether it can be set down now."""
        return self.stuck is None and not self.busy

    def places(self) -> list[dict[str, Any]]:
        """Write the tokens down for a record."""
        return [
            {
                "node": spot.schedule.node_id,
                "name": spot.name,
                "before": spot.before.isoformat() if spot.before else None,
                "after": spot.after.isoformat() if spot.after else None,
            }
            for spot in self.spots
        ]


def judge(instances: Sequence[Instance], *, target: Graph, now: datetime) -> list[Judged]:
    """Say for each live instance where it would stand in `target`, in a fixed number of queries.

    Reads `instance.wedding.anchors`, `vendor` and `journey`; prefetch them. Under the instances' locks the answer holds until the
    transaction ends; without them it is a preview.
    """
    ids = [instance.id for instance in instances]
    standing = _schedules(ids)
    tickets = set(
        TicketLine.objects.filter(instance_id__in=ids, status=TicketLine.Status.OPEN).values_list(
            "schedule_id", flat=True
        )
    )
    done = _done(ids)
    open_places = _open_places(instances)
    bridges: dict[int, Bridge] = {}
    judged = []
    for instance in instances:
        if instance.version_id not in bridges:
            bridges[instance.version_id] = Bridge(old=graph_of(instance.version_id), new=target)
        judged.append(
            _judge_one(
                instance,
                standing[instance.id],
                bridges[instance.version_id],
                done=done[instance.id],
                tickets=tickets,
                open_places=open_places,
                now=now,
            )
        )
    return judged


def _judge_one(
    instance: Instance,
    schedules: Sequence[Schedule],
    bridge: Bridge,
    *,
    done: Sequence[Done],
    tickets: set[int],
    open_places: set[str],
    now: datetime,
) -> Judged:
    calendar = selectors.calendar_of(instance.wedding, instance.vendor)
    spots, busy = [], False
    for schedule in schedules:
        place = str(Place(instance.public_id, schedule.node_id, schedule.branch, schedule.visit))
        token = Token(
            node_id=schedule.node_id,
            branch=schedule.branch,
            visit=schedule.visit,
            reached=schedule.placed_at,
            meant=schedule.meant,
            begun=_was_tried(schedule) or schedule.id in tickets or place in open_places,
            awaits=schedule.waiting is not None,
        )
        busy |= _is_busy(schedule, bridge.old)
        spots.append(_spot(schedule, bridge, bridge.landing(token, calendar=calendar, done=done), now=now))
    values = values_in(bridge.new, instance.variables or {})
    stuck = next((spot.stuck for spot in spots if spot.stuck), values if isinstance(values, Stuck) else None)
    return Judged(
        instance,
        tuple(spots),
        values=values if isinstance(values, Values) else None,
        stuck=stuck,
        busy=busy and stuck is None,
    )


def _was_tried(schedule: Schedule) -> bool:
    """Tell whether an attempt came to a result; the one that is going on has none."""
    return schedule.attempt > (1 if schedule.state == State.RUNNING else 0)


def _spot(schedule: Schedule, bridge: Bridge, found: Landing | Stuck, *, now: datetime) -> Spot:
    graph = bridge.old if schedule.node_id in bridge.old.nodes else bridge.new
    node = graph.nodes.get(schedule.node_id)
    name = (node.name or node.id) if node else schedule.node_id
    before = schedule.due_at
    if isinstance(found, Stuck):
        return Spot(schedule, name, before, None, None, found)
    after = {"kept": before, "asked_again": now, "recomputed": found.due_at}[found.change]
    return Spot(schedule, name, before, after, found)


def _is_busy(schedule: Schedule, graph: Graph) -> bool:
    """Tell whether a worker may be speaking to the outside in the name of this place right now."""
    node = graph.nodes.get(schedule.node_id)
    leased = schedule.state == State.RUNNING and not getattr(schedule, "lease_over", False)
    return leased and (node is None or node.node_type.outside)


def _schedules(instance_ids: Sequence[int]) -> dict[int, list[Schedule]]:
    found: dict[int, list[Schedule]] = defaultdict(list)
    rows = Schedule.objects.filter(instance_id__in=instance_ids).order_by("id")
    over = set(
        rows.filter(state=State.RUNNING, lease_until__lte=Now()).order_by().values_list("id", flat=True)
    )
    for row in rows:
        row.lease_over = row.id in over  # type: ignore[attr-defined] # PostgreSQL's clock decides about leases
        found[row.instance_id].append(row)
    return found


def _done(instance_ids: Sequence[int]) -> dict[int, list[Done]]:
    found: dict[int, list[Done]] = defaultdict(list)
    rows = NodeExecution.objects.filter(instance_id__in=instance_ids, status__in=NodeExecution.COMPLETED)
    for row in rows.only("instance_id", "node_id", "branch", "visit", "at"):
        found[row.instance_id].append((row.node_id, row.branch, row.visit))
    return found


def _open_places(instances: Sequence[Instance]) -> set[str]:
    """Name the places with a message whose fate is open."""
    rows = Message.objects.filter(
        instance_ref__in=[instance.public_id for instance in instances], status__in=_OPEN
    )
    places = (Place.of_key(key) for key in rows.values_list("key", flat=True))
    return {str(place) for place in places if place is not None}


def set_down(judged: Judged, *, version: Version, target: Graph, now: datetime, actor: str) -> None:
    """Move an instance to another version as it was judged, inside the transaction that holds its lock.

    The fence of every place grows, so that bells and workers under way with the old version change nothing. Moving it
    a second time is a mistake of the caller.

    Raises:
        ValueError: it was judged to be stuck or busy.
    """
    if not judged.moves or judged.values is None:
        message = f"{judged.instance.public_id} can not be moved: judge it first."
        raise ValueError(message)
    instance = judged.instance
    source = instance.version
    instance.version = version
    instance.variables = dict(judged.values.values)
    instance.save(update_fields=["version", "variables"])
    for spot in judged.spots:
        _place(spot, target)
    Schedule.objects.bulk_update([spot.schedule for spot in judged.spots], _FIELDS)
    approvals.withdraw_for_steps(schedule_ids=_said_otherwise(judged, graph_of(source.id), target), now=now)
    audit.record(
        instance.vendor,
        actor,
        "instance.moved",
        instance,
        now,
        from_version=source.number,
        to_version=version.number,
        variables=list(judged.values.added),
    )
    signals.instance_changed.send(sender=Instance, instances=[instance], now=now, actor=actor)
    if target.forks:
        joining.settle({instance.id: ""}, now=now)
    due = [
        spot.schedule.id
        for spot in judged.spots
        if spot.schedule.state == State.WAITING and spot.schedule.due_at and spot.schedule.due_at <= now
    ]
    dispatch.offer_on_commit(due, now=now)


def _said_otherwise(judged: Judged, old: Graph, new: Graph) -> list[int]:
    """Name the places whose step has other settings in the new version: what was approved is not what it says now."""
    places = [spot.schedule for spot in judged.spots]
    return [one.id for one in places if old.nodes[one.node_id].settings != new.nodes[one.node_id].settings]


def _place(spot: Spot, target: Graph) -> None:
    """Change one schedule as it landed."""
    schedule, landing = spot.schedule, spot.landing
    if landing is None:
        return
    schedule.fence += 1
    schedule.outside = target.nodes[schedule.node_id].node_type.outside
    if schedule.state == State.RUNNING:
        # What its worker comes to is dropped: that was no attempt.
        schedule.attempt = max(schedule.attempt - 1, 0)
    if schedule.state in (State.QUEUED, State.RUNNING):
        schedule.state, schedule.lease_until = State.WAITING, None
    if landing.change == "asked_again":
        schedule.state, schedule.due_at = State.WAITING, spot.after
    elif landing.change == "recomputed":
        schedule.due_at, schedule.meant = landing.due_at, _written(landing.meant)
        schedule.state = State.WAITING if landing.due_at else State.PARKED
        schedule.reason = landing.missing[:300]


def _written(meant: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return dict(meant) if meant is not None else None
