"""What can be asked about instances: figures of a time span, and a client's time line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import Count

from channels.models import Message
from engine.graphs import graph_of
from engine.models import Instance, InterventionTicket, NodeExecution, Schedule, TicketLine
from engine.places import Place
from journeys import selectors
from journeys.language.calendar import Calendar, anchor_of
from journeys.language.graph import Graph
from journeys.language.transitions import arrive
from journeys.models import Client, Vendor
from journeys.scoping import owned_by

#: Planned steps shown for one instance.
MOST_PLANNED = 120
#: Points of a series.
BUCKETS = 48

_STEPS = """
SELECT status, count(*),
    percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY duration_ms),
    percentile_cont(ARRAY[0.5, 0.95, 0.99])
        WITHIN GROUP (ORDER BY GREATEST(EXTRACT(EPOCH FROM started_at - ready_at) * 1000, 0)),
    avg(duration_ms)
FROM engine_nodeexecution WHERE vendor_id = %(vendor)s AND at > %(since)s AND at <= %(now)s
GROUP BY GROUPING SETS ((status), ())
"""

_SERIES = """
SELECT width_bucket(EXTRACT(EPOCH FROM at), EXTRACT(EPOCH FROM %(since)s), EXTRACT(EPOCH FROM %(now)s),
                    %(buckets)s), count(*) FILTER (WHERE status IN ('succeeded', 'skipped')),
       count(*) FILTER (WHERE status = 'failed')
FROM engine_nodeexecution
WHERE vendor_id = %(vendor)s AND at > %(since)s AND at <= %(now)s
GROUP BY 1
"""


def metrics(*, vendor: Vendor, timeframe: timedelta, now: datetime) -> dict[str, Any]:
    """Give the figures of the last `timeframe` before `now`: steps, instances, messages, tickets, a series.

    Durations and lateness are in milliseconds; rates are shares from 0 to 1, None where nothing happened.
    """
    since = now - timeframe
    steps = _step_figures(vendor, since=since, now=now)
    return {
        "since": since,
        "until": now,
        "steps": steps,
        "instances": _instance_figures(vendor, since=since, now=now),
        "messages": _counts(Message, vendor, since=since, now=now),
        "tickets": {
            "open": owned_by(vendor, InterventionTicket).filter(status=InterventionTicket.Status.OPEN).count()
        },
        "doubts": _doubts(vendor),
        "series": _series(vendor, since=since, now=now),
    }


def _doubts(vendor: Vendor) -> dict[str, int]:
    """Count the messages of which nobody knows at this moment whether they went out."""
    found: dict[str, int] = dict.fromkeys((Message.Status.IN_DOUBT.value, Message.Status.UNKNOWN.value), 0)
    rows = owned_by(vendor, Message).filter(status__in=list(found)).order_by()
    return found | dict(rows.values_list("status").annotate(count=Count("id")))


def _step_figures(vendor: Vendor, *, since: datetime, now: datetime) -> dict[str, Any]:
    by_status: dict[str, int] = dict.fromkeys(NodeExecution.Status.values, 0)
    total: dict[str, Any] = {}
    with connection.cursor() as cursor:
        cursor.execute(_STEPS, {"vendor": vendor.id, "since": since, "now": now})
        for status, count, durations, lateness, mean in cursor.fetchall():
            if status is not None:
                by_status[status] = count
                continue
            total = {
                "total": count,
                "duration_ms": {
                    **_percentiles(durations),
                    "mean": round(mean, 3) if mean is not None else None,
                },
                "lateness_ms": _percentiles(lateness),
            }
    good = by_status["succeeded"] + by_status["skipped"]
    judged = good + by_status["failed"]
    return {
        **(total or {"total": 0, "duration_ms": _percentiles(None), "lateness_ms": _percentiles(None)}),
        "by_status": by_status,
        "success_rate": round(good / judged, 4) if judged else None,
        "error_rate": round(by_status["failed"] / judged, 4) if judged else None,
    }


def _percentiles(values: list[float] | None) -> dict[str, float | None]:
    found = [round(value, 3) for value in values] if values else [None, None, None]
    return dict(zip(("p50", "p95", "p99"), found, strict=True))


def _instance_figures(vendor: Vendor, *, since: datetime, now: datetime) -> dict[str, int]:
    figures = {
        "active": owned_by(vendor, Instance).filter(status=Instance.Status.ACTIVE).count(),
        "paused": owned_by(vendor, Instance).filter(status=Instance.Status.PAUSED).count(),
        "started": owned_by(vendor, Instance).filter(started_at__gt=since, started_at__lte=now).count(),
    }
    for status in (Instance.Status.COMPLETED, Instance.Status.CANCELLED, Instance.Status.FAILED):
        figures[status.value] = (
            owned_by(vendor, Instance)
            .filter(status=status, finished_at__gt=since, finished_at__lte=now)
            .count()
        )
    return figures


def _counts(model: type[Message], vendor: Vendor, *, since: datetime, now: datetime) -> dict[str, int]:
    counted: dict[str, int] = dict.fromkeys(model.Status.values, 0)
    rows = owned_by(vendor, model).filter(created_at__gt=since, created_at__lte=now)
    counted.update(rows.order_by().values_list("status").annotate(Count("id")))
    return counted


def _series(vendor: Vendor, *, since: datetime, now: datetime) -> list[dict[str, Any]]:
    found: dict[int, tuple[int, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SERIES, {"vendor": vendor.id, "since": since, "now": now, "buckets": BUCKETS})
        for bucket, done, failed in cursor.fetchall():
            known = found.get(min(bucket, BUCKETS), (0, 0))
            found[min(bucket, BUCKETS)] = (known[0] + done, known[1] + failed)
    width = (now - since) / BUCKETS
    return [
        {
            "at": since + width * number,
            "done": found.get(number, (0, 0))[0],
            "failed": found.get(number, (0, 0))[1],
        }
        for number in range(1, BUCKETS + 1)
    ]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One step of a client's time line."""

    #: "done", "skipped", "failed", "retrying", "held", "due", "under_way", "planned", "parked", "needs_you".
    state: str
    at: datetime | None
    title: str
    node_id: str
    node_type: str
    icon: str
    journey: str
    instance_id: str
    #: One sentence: why it was done, skipped, put off, or when it will be.
    reason: str = ""
    #: The name of the date it hangs on, and the offset as text ("-30d"); "" for none.
    anchor: str = ""
    offset: str = ""
    #: It only happens on one of several ways.
    conditional: bool = False
    #: What stopped it, and its own line there; "" when nothing did.
    ticket_id: str = ""
    line_id: str = ""
    messages: tuple[Message, ...] = field(default=())


def timeline(*, client: Client, now: datetime) -> list[TimelineEntry]:
    """Give everything that happened, happens and is planned for a client, over all journeys, in order of time.

    What has no time (parked steps) comes last. Plans follow today's dates; a condition shows both ways.
    """
    entries: list[TimelineEntry] = []
    instances = Instance.objects.filter(client=client).select_related("journey", "vendor", "wedding")
    for instance in instances.prefetch_related("wedding__anchors"):
        graph = graph_of(instance.version_id)
        entries += _past(instance, graph)
        if instance.status in Instance.LIVE:
            entries += _ahead(instance, graph, now=now)
    return sorted(entries, key=lambda entry: (entry.at is None, entry.at or now))


def _entry(instance: Instance, graph: Graph, node_id: str, **given: Any) -> TimelineEntry:
    node = graph.nodes[node_id]
    when = node.settings.when
    return TimelineEntry(
        title=node.name or node.id,
        node_id=node_id,
        node_type=node.type,
        icon=node.node_type.icon,
        journey=instance.journey.name,
        instance_id=instance.public_id,
        anchor=getattr(when, "anchor", ""),
        offset=getattr(when, "offset", ""),
        **given,
    )


_PAST_STATES = {
    NodeExecution.Status.SUCCEEDED: "done",
    NodeExecution.Status.SKIPPED: "skipped",
    NodeExecution.Status.FAILED: "failed",
    NodeExecution.Status.RETRYING: "retrying",
    NodeExecution.Status.HELD: "held",
    # The token was taken away before the step was done.
    NodeExecution.Status.CANCELLED: "skipped",
}


def _past(instance: Instance, graph: Graph) -> Iterator[TimelineEntry]:
    messages: dict[str, list[Message]] = defaultdict(list)
    for message in Message.objects.filter(instance_ref=instance.public_id).order_by("id"):
        messages[message.key.rpartition(":")[0]].append(message)
    rows = list(NodeExecution.objects.filter(instance=instance).order_by("at", "id"))
    places = [str(Place(instance.public_id, row.node_id, row.branch, row.visit)) for row in rows]
    # A place's messages are shown once, where it was left in the end, and not beside every time it was put off.
    last = {place: number for number, place in enumerate(places)}
    for number, (row, place) in enumerate(zip(rows, places, strict=True)):
        if row.node_id not in graph.nodes:
            continue
        yield _entry(
            instance,
            graph,
            row.node_id,
            state=_PAST_STATES[NodeExecution.Status(row.status)],
            at=row.at,
            reason=row.reason,
            messages=tuple(messages[place]) if last[place] == number else (),
        )


def _ahead(instance: Instance, graph: Graph, *, now: datetime) -> Iterator[TimelineEntry]:
    tickets = {
        ticket.schedule_id: ticket
        for ticket in TicketLine.objects.filter(
            instance=instance, status=TicketLine.Status.OPEN
        ).select_related("ticket")
    }
    calendar = selectors.calendar_of(instance.wedding, instance.vendor)
    for schedule in Schedule.objects.filter(instance=instance).order_by("id"):
        ticket = tickets.get(schedule.id)
        yield _entry(
            instance,
            graph,
            schedule.node_id,
            state=_standing(schedule, now=now, needs_person=ticket is not None),
            at=schedule.due_at,
            reason=ticket.summary if ticket else schedule.reason,
            ticket_id=ticket.ticket.public_id if ticket else "",
            line_id=ticket.public_id if ticket else "",
        )
        yield from _planned(instance, graph, schedule, calendar=calendar, now=now)


def _standing(schedule: Schedule, *, now: datetime, needs_person: bool) -> str:
    if needs_person:
        return "needs_you"
    if schedule.state == Schedule.State.PARKED:
        return "parked"
    if schedule.state == Schedule.State.WAITING:
        return "planned" if schedule.due_at and schedule.due_at > now else "due"
    return "under_way"


def _planned(
    instance: Instance, graph: Graph, schedule: Schedule, *, calendar: Calendar, now: datetime
) -> Iterator[TimelineEntry]:
    """Follow the ways from where a token stands; a step is named once, however many ways lead to it."""
    reached = {schedule.node_id: max(schedule.due_at or now, now)}
    for way in islice(graph.ahead(schedule.node_id), MOST_PLANNED):
        before = reached[way.source]
        due = arrive(graph, way.target, branch="", visit=1, calendar=calendar, now=before).due
        reached[way.target] = max(due.instant or before, before)
        late = due.instant is not None and due.meant is not None and due.instant < before
        yield _entry(
            instance,
            graph,
            way.target,
            state="parked" if due.instant is None else "planned",
            at=due.instant,
            reason=_why(due.missing, late=late and anchor_of(due.meant) is not None),
            conditional=way.conditional,
        )


def _why(missing: str | None, *, late: bool) -> str:
    if missing:
        return missing
    return "Its time has passed: its late rule decides when it is reached." if late else ""
