"""Bring branches together: after a commit, let the merges fire that have enough, and end what has no token left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from engine.graphs import graph_of, leads_to_dates
from engine.models import Instance, NodeExecution, Schedule, TicketLine
from engine.services import dispatch, ending, workers
from engine.services.instances import tell_finished
from engine.services.leaving import left_rows
from engine.services.priorities import band_for
from engine.services.results import Claim, NextPlace, Whose, claim_of, is_at_once
from engine.services.steps import NO_DATES, next_place
from journeys import selectors
from journeys.language import joins
from journeys.language.transitions import arrive

AT_MERGE = "Came to the merge."
TOO_LATE = "The merge had gone on without this branch."
NOT_NEEDED = "Another branch was first."

#: Written once: Django takes longer to write such a statement than PostgreSQL for its answer.
_INSTANCES = "SELECT {} FROM engine_instance WHERE id = ANY(%s) ORDER BY id".format(  # noqa: S608 names of ours
    ", ".join(
        str(field.column)
        for field in Instance._meta.concrete_fields  # noqa: SLF001 Django's documented door to the fields
        if field.name not in ("variables", "decisions")
    )
)
_SCHEDULES = "SELECT * FROM engine_schedule WHERE instance_id = ANY(%s) ORDER BY id"
_STOPPED = "SELECT schedule_id FROM engine_ticketline WHERE schedule_id = ANY(%s) AND status = %s"
_BEEN = """
SELECT instance_id, node_id, branch, visit FROM engine_nodeexecution
WHERE instance_id = ANY(%s) AND node_id = ANY(%s)
"""


def settle(ended: Mapping[int, str], *, now: datetime, going: frozenset[int] = frozenset()) -> list[Claim]:
    """Look at instances whose tokens have moved, inside the transaction that moved them and under their locks.

    `ended` maps each instance's id to how the token that ended last did so, "" when none ended. What goes on behind a
    merge is offered on commit; in instances that are `going` on it is given back as claims for the caller.
    """
    found: Iterable[Instance] = Instance.objects.raw(_INSTANCES, [list(ended)])
    live = {one.id: one for one in found if one.status in Instance.LIVE}
    if not live:
        return []
    rows: dict[int, dict[int, Schedule]] = {key: {} for key in live}
    standing_rows: Iterable[Schedule] = Schedule.objects.raw(_SCHEDULES, [list(live)])
    for row in standing_rows:
        rows[row.instance_id][row.id] = row
    failed = _failed(rows)
    gone_on = _gone_on(live, rows)
    merging: list[_Merging] = []
    late: dict[int, list[Schedule]] = {}
    over: dict[str, list[int]] = defaultdict(list)
    for key, instance in live.items():
        standing = [
            joins.Standing(one.id, one.node_id, one.branch, failed=one.id in failed, rounds=one.rounds or {})
            for one in rows[key].values()
        ]
        settled = joins.settle(graph_of(instance.version_id), standing, gone_on=partial(gone_on, key))
        merging += [_Merging(instance, fired, rows[key]) for fired in settled.fired]
        late[key] = [rows[key][one] for one in settled.too_late]
        if settled.over:
            over[ended[key] or "completed"].append(key)
    claims = _fire(merging, going=going, now=now) if merging else []
    for key, schedules in late.items():
        ending.take_away(schedules, instance=live[key], reason=TOO_LATE, now=now)
    for result, ids in over.items():
        Instance.objects.filter(id__in=ids).update(
            status=Instance.Status.COMPLETED, result=result, reason="", finished_at=now
        )
    tell_finished([key for ids in over.values() for key in ids], now=now)
    return claims


@dataclass(frozen=True, slots=True)
class _Merging:
    """A merge that goes on, in one instance."""

    instance: Instance
    fired: joins.Fired
    #: Where the tokens of the instance stand.
    rows: Mapping[int, Schedule]

    @property
    def arrived(self) -> list[Schedule]:
        """Return the tokens that came together."""
        return [self.rows[key] for key in self.fired.arrived]


def _failed(rows: Mapping[int, Mapping[int, Schedule]]) -> frozenset[int]:
    """Name the tokens that need a person."""
    ids = [key for own in rows.values() for key in own]
    with connection.cursor() as cursor:
        cursor.execute(_STOPPED, [ids, TicketLine.Status.OPEN])
        return frozenset(row[0] for row in cursor.fetchall())


def _gone_on(
    instances: Mapping[int, Instance], rows: Mapping[int, Mapping[int, Schedule]]
) -> Callable[[int, str, str, int], bool]:
    """Tell from where they stand and from history whether a merge went on in one passage of its split."""
    merges: dict[int, set[str]] = {}
    for key, instance in instances.items():
        graph = graph_of(instance.version_id)
        own = {one.node_id for one in rows[key].values() if joins.arrives(graph, one.node_id, one.branch)}
        if own:
            merges[key] = own
    been = {
        (key, one.node_id, one.branch, one.visit)
        for key in merges
        for one in rows[key].values()
        if one.node_id in merges[key]
    }
    if merges:
        with connection.cursor() as cursor:
            cursor.execute(_BEEN, [list(merges), list(set().union(*merges.values()))])
            been.update(cursor.fetchall())

    def gone_on(instance_id: int, node_id: str, branch: str, visit: int) -> bool:
        return (instance_id, node_id, branch, visit) in been

    return gone_on


def _fire(merging: Sequence[_Merging], *, going: frozenset[int], now: datetime) -> list[Claim]:
    """Put one token at each merge, in the branch around its split, in place of those that came together."""
    came = [(one, one.arrived) for one in merging]
    NodeExecution.objects.bulk_create(
        row
        for one, arrived in came
        for row in left_rows(
            arrived,
            instance=one.instance,
            status=NodeExecution.Status.SUCCEEDED,
            reason=AT_MERGE,
            now=now,
        )
    )
    # What waits at a merge has nothing in hand that would have to end with it.
    Schedule.objects.filter(id__in=[row.id for _, arrived in came for row in arrived]).delete()
    for one in merging:
        cancelled = [one.rows[key] for key in one.fired.cancelled]
        ending.take_away(cancelled, instance=one.instance, reason=NOT_NEEDED, now=now)
    places = [_place(one, now=now) for one in merging]
    schedules = Schedule.objects.bulk_create(
        [_schedule(one, place, going=going, now=now) for one, place in zip(merging, places, strict=True)]
    )
    claims, offered = [], []
    for one, place, schedule in zip(merging, places, schedules, strict=True):
        if schedule.state == Schedule.State.RUNNING:
            claims.append(
                claim_of(
                    place,
                    Whose(schedule.vendor_id, one.instance.id, one.instance.version_id, schedule.wedding_at),
                    schedule_id=schedule.id,
                    fence=schedule.fence,
                    queue=schedule.queue,
                    now=now,
                )
            )
        elif is_at_once(place, now=now):
            offered.append(schedule.id)
    dispatch.offer_on_commit(offered, now=now)
    return claims


def _place(one: _Merging, *, now: datetime) -> NextPlace:
    graph, fired, instance = graph_of(one.instance.version_id), one.fired, one.instance
    dated = leads_to_dates(instance.version_id, fired.node_id)
    there = arrive(
        graph,
        fired.node_id,
        branch=fired.branch,
        visit=fired.visit,
        rounds=fired.rounds,
        calendar=selectors.calendar_of(instance.wedding, instance.vendor) if dated else NO_DATES,
        now=now,
    )
    return next_place(graph, there)


def _schedule(one: _Merging, place: NextPlace, *, going: frozenset[int], now: datetime) -> Schedule:
    schedule = Schedule(
        vendor_id=one.instance.vendor_id,
        instance=one.instance,
        node_id=place.node_id,
        branch=place.branch,
        visit=place.visit,
        rounds=place.rounds,
        state=Schedule.State.WAITING if place.due_at else Schedule.State.PARKED,
        due_at=place.due_at,
        meant=place.meant,
        reason=place.reason,
        wedding_at=one.arrived[0].wedding_at,
        placed_at=now,
    )
    if one.instance.id in going and place.instant and is_at_once(place, now=now):
        schedule.state, schedule.fence = Schedule.State.RUNNING, 1
        schedule.attempt = schedule.claims = 1
        schedule.queue = band_for(wedding_at=schedule.wedding_at, now=now).queue
        # Of PostgreSQL's clock.
        schedule.lease_until = Now() + timedelta(seconds=settings.QUEUE_LEASE_SECONDS)
        schedule.claimed_by = workers.own_number()
    return schedule
