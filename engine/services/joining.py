"""Bring branches together: after a commit, let the merges fire that have enough, and end what has no token left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from engine.graphs import graph_of, leads_to_dates
from engine.models import Instance, NodeExecution, Schedule, TicketLine
from engine.services import dispatch, ending
from engine.services.instances import tell_finished
from engine.services.steps import NO_DATES
from journeys import selectors
from journeys.language import joins
from journeys.language.transitions import arrive

AT_MERGE = "Came to the merge."
TOO_LATE = "The merge had gone on without this branch."
NOT_NEEDED = "Another branch was first."


def settle(ended: Mapping[int, str], *, now: datetime) -> None:
    """Look at instances whose tokens have moved, inside the transaction that moved them and under their locks.

    `ended` maps each instance's id to how the token that ended last did so, "" when none ended.
    """
    instances = Instance.objects.select_related("vendor", "wedding").in_bulk(list(ended))
    for instance in instances.values():
        if instance.status in Instance.LIVE:
            _settle(instance, result=ended[instance.id], now=now)


def _settle(instance: Instance, *, result: str, now: datetime) -> None:
    graph = graph_of(instance.version_id)
    rows = {row.id: row for row in Schedule.objects.filter(instance=instance).order_by("id")}
    settled = joins.settle(graph, _standing(rows), gone_on=_gone_on(instance))
    for fired in settled.fired:
        _fire(instance, fired, rows, now=now)
    late = [rows[key] for key in settled.too_late]
    ending.take_away(late, instance=instance, reason=TOO_LATE, now=now)
    if settled.over:
        Instance.objects.filter(id=instance.id).update(
            status=Instance.Status.COMPLETED, result=result or "completed", reason="", finished_at=now
        )
        tell_finished([instance.id], now=now)


def _standing(rows: Mapping[int, Schedule]) -> list[joins.Standing]:
    tickets = TicketLine.objects.filter(schedule_id__in=list(rows), status=TicketLine.Status.OPEN)
    failed = set(tickets.values_list("schedule_id", flat=True))
    return [
        joins.Standing(row.id, row.node_id, row.branch, failed=row.id in failed, rounds=row.rounds or {})
        for row in rows.values()
    ]


def _gone_on(instance: Instance) -> joins.GoneOn:
    """Tell from where it stands and from history whether a merge went on in this passage of its split."""

    def gone_on(node_id: str, branch: str, visit: int) -> bool:
        place = {"instance": instance, "node_id": node_id, "branch": branch, "visit": visit}
        return Schedule.objects.filter(**place).exists() or NodeExecution.objects.filter(**place).exists()

    return gone_on


def _fire(instance: Instance, fired: joins.Fired, rows: Mapping[int, Schedule], *, now: datetime) -> None:
    """Put one token at the merge, in the branch around its split, in place of those that came together."""
    arrived = [rows[key] for key in fired.arrived]
    ending.take_away(
        arrived, instance=instance, status=NodeExecution.Status.SUCCEEDED, reason=AT_MERGE, now=now
    )
    cancelled = [rows[key] for key in fired.cancelled]
    ending.take_away(cancelled, instance=instance, reason=NOT_NEEDED, now=now)
    graph = graph_of(instance.version_id)
    dated = leads_to_dates(instance.version_id, fired.node_id)
    calendar = selectors.calendar_of(instance.wedding, instance.vendor) if dated else NO_DATES
    there = arrive(
        graph,
        fired.node_id,
        branch=fired.branch,
        visit=fired.visit,
        rounds=fired.rounds,
        calendar=calendar,
        now=now,
    )
    schedule = Schedule.objects.create(
        vendor_id=instance.vendor_id,
        instance=instance,
        node_id=fired.node_id,
        branch=fired.branch,
        visit=fired.visit,
        rounds=dict(fired.rounds) or None,
        state=Schedule.State.WAITING if there.due.instant else Schedule.State.PARKED,
        due_at=there.due.instant,
        meant=there.due.meant,
        reason=there.due.missing or "",
        wedding_at=arrived[0].wedding_at,
        placed_at=now,
    )
    if there.due.instant and there.due.instant <= now:
        dispatch.offer_on_commit([schedule.id], now=now)
