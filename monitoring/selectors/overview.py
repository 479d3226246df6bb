"""The figures of the overview: how many couples, what was carried out, what waits, which weddings are near."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection

from engine.models import Instance, InterventionTicket, QueueControl, TicketLine
from engine.services.priorities import QUEUES, queue_span
from journeys.language.zones import local_instant, local_time
from journeys.models import Vendor, Wedding
from journeys.scoping import owned_by

WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)
#: Length of one point of the chart: the longer one where little happens. How far it looks back and ahead.
BIN, WIDE_BIN = timedelta(minutes=15), timedelta(hours=1)
#: From so many steps a day on, the chart is drawn in short points.
BUSY = 600
BACK = timedelta(hours=24)
AHEAD = timedelta(hours=12)
#: Days that the small line of active couples shows.
ACTIVE_DAYS = 14
#: What the overview names the queues after.
QUEUE_WORDS = {
    "critical": "within 1 day",
    "high": "within 7 days",
    "medium": "within 30 days",
    "low": "later, or past",
}


def _rows(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def midnight(vendor: Vendor, *, now: datetime) -> datetime:
    """Give the instant at which the vendor's day began."""
    return local_instant(local_time(now, vendor.time_zone).date(), time(), vendor.time_zone)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where couples stand: each couple is counted once, by what matters most about it."""

    waiting: int = 0
    no_date: int = 0
    late: int = 0
    running: int = 0
    paused: int = 0
    person: int = 0

    @property
    def total(self) -> int:
        """Count the couples that are inside a journey."""
        return self.waiting + self.no_date + self.late + self.running + self.paused + self.person


_STANDING = """
WITH live AS (
    SELECT id, client_id, status FROM engine_instance
    WHERE vendor_id = %(vendor)s AND status IN ('active', 'paused')
), place AS (
    SELECT live.client_id,
        CASE
            WHEN EXISTS (SELECT 1 FROM engine_ticketline t
                         WHERE t.instance_id = live.id AND t.status = 'open') THEN 1
            WHEN s.state = 'running' OR s.state = 'queued' AND s.lease_until > clock_timestamp() THEN 2
            WHEN live.status = 'paused' THEN 3
            WHEN s.due_at < %(now)s - interval '1 minute' THEN 4
            WHEN s.state = 'parked' THEN 5
            ELSE 6
        END AS rank
    FROM live LEFT JOIN engine_schedule s ON s.instance_id = live.id
), couple AS (SELECT client_id, min(rank) AS rank FROM place GROUP BY client_id)
SELECT rank, count(*) FROM couple GROUP BY rank
"""


def standing(*, vendor: Vendor, now: datetime) -> Standing:
    """Count couples by where they stand now, in one query."""
    counts = dict(_rows(_STANDING, vendor=vendor.pk, now=now))
    names = {1: "person", 2: "running", 3: "paused", 4: "late", 5: "no_date", 6: "waiting"}
    return Standing(**{name: counts.get(rank, 0) for rank, name in names.items()})


@dataclass(frozen=True, slots=True)
class Steps:
    """What was carried out in a span of time."""

    completed: int
    failed: int

    @property
    def rate(self) -> float | None:
        """Give the share that went well in per cent; None when nothing was carried out."""
        total = self.completed + self.failed
        return 100 * self.completed / total if total else None


_STEPS = """
SELECT count(*) FILTER (WHERE status IN ('succeeded', 'skipped')), count(*) FILTER (WHERE status = 'failed')
FROM engine_nodeexecution WHERE vendor_id = %(vendor)s AND at >= %(since)s AND at < %(until)s
"""


def steps(*, vendor: Vendor, since: datetime, until: datetime) -> Steps:
    """Count steps that were completed and that failed in [since, until)."""
    return Steps(*_rows(_STEPS, vendor=vendor.pk, since=since, until=until)[0])


_BY_BIN = """
SELECT floor(EXTRACT(EPOCH FROM at - %(since)s) / %(width)s)::int AS bin,
    count(*) FILTER (WHERE status IN ('succeeded', 'skipped')), count(*) FILTER (WHERE status = 'failed')
FROM engine_nodeexecution WHERE vendor_id = %(vendor)s AND at >= %(since)s AND at < %(until)s GROUP BY bin
"""


def steps_by_bin(
    *, vendor: Vendor, since: datetime, until: datetime, width: timedelta
) -> tuple[list[int], list[int]]:
    """Count completed and failed steps in equal parts of [since, until)."""
    bins = max(1, -(-int((until - since).total_seconds()) // int(width.total_seconds())))
    completed, failed = [0] * bins, [0] * bins
    for index, done, bad in _rows(
        _BY_BIN, vendor=vendor.pk, since=since, until=until, width=width.total_seconds()
    ):
        completed[min(index, bins - 1)] += done
        failed[min(index, bins - 1)] += bad
    return completed, failed


_PLANNED = """
SELECT floor(EXTRACT(EPOCH FROM s.due_at - %(since)s) / %(width)s)::int AS bin, count(*)
FROM engine_schedule s JOIN engine_instance i ON i.id = s.instance_id AND i.status = 'active'
WHERE s.vendor_id = %(vendor)s AND s.state = 'waiting' AND s.due_at >= %(since)s AND s.due_at < %(until)s
GROUP BY bin
"""


def planned_by_bin(*, vendor: Vendor, since: datetime, until: datetime, width: timedelta) -> list[int]:
    """Count the steps that are planned in equal parts of [since, until)."""
    planned = [0] * max(1, int((until - since) / width))
    for index, count in _rows(
        _PLANNED, vendor=vendor.pk, since=since, until=until, width=width.total_seconds()
    ):
        planned[min(index, len(planned) - 1)] += count
    return planned


_ACTIVE = """
SELECT d, count(*) FILTER (WHERE i.started_at <= d AND (i.finished_at IS NULL OR i.finished_at > d))
FROM generate_series(%(first)s::timestamptz, %(now)s::timestamptz, interval '1 day') AS d
LEFT JOIN engine_instance i ON i.vendor_id = %(vendor)s AND i.started_at <= d
    AND (i.finished_at IS NULL OR i.finished_at > d)
GROUP BY d ORDER BY d
"""


def active_by_day(*, vendor: Vendor, now: datetime) -> list[int]:
    """Count the journeys under way at this hour of each of the last days."""
    first = now - timedelta(days=ACTIVE_DAYS)
    return [count for _, count in _rows(_ACTIVE, vendor=vendor.pk, first=first, now=now)]


@dataclass(frozen=True, slots=True)
class QueueStanding:
    """What is due in one queue."""

    name: str
    words: str
    due: int
    oldest_seconds: float


_QUEUES = """
SELECT
    CASE
        {cases}
        ELSE 'low'
    END AS queue,
    count(*), max(EXTRACT(EPOCH FROM %(now)s - s.due_at))
FROM engine_schedule s JOIN engine_instance i ON i.id = s.instance_id AND i.status = 'active'
WHERE s.vendor_id = %(vendor)s AND s.state <> 'parked' AND s.due_at <= %(now)s
GROUP BY 1
"""


def queues(*, vendor: Vendor, now: datetime) -> list[QueueStanding]:
    """Count what is due of this vendor, by the queue it would go to now."""
    parameters: dict[str, Any] = {"vendor": vendor.pk, "now": now}
    cases = []
    for name in QUEUES[:-1]:
        after, until = queue_span(name)
        parameters |= {f"{name}_after": after, f"{name}_until": until}
        cases.append(
            f"WHEN s.wedding_at > %(now)s + %({name}_after)s AND s.wedding_at <= %(now)s + %({name}_until)s"
            f" THEN '{name}'"
        )
    found = {
        name: (count, float(oldest or 0))
        for name, count, oldest in _rows(_QUEUES.format(cases=" ".join(cases)), **parameters)
    }
    return [QueueStanding(name, QUEUE_WORDS[name], *found.get(name, (0, 0.0))) for name in QUEUES]


@dataclass(frozen=True, slots=True)
class NearWedding:
    """A wedding of today or of the coming week."""

    wedding: Wedding
    name: str
    client_id: str
    day: date
    #: The ceremony, or the day's beginning where no time is known.
    begins_at: datetime
    tickets: int
    due: int


def near_weddings(*, vendor: Vendor, now: datetime) -> list[NearWedding]:
    """Give the weddings from today to a week ahead, nearest first, with what needs a person."""
    today = local_time(now, vendor.time_zone).date()
    weddings = list(
        owned_by(vendor, Wedding)
        .filter(status=Wedding.Status.PLANNED, date__range=(today, today + WEEK))
        .select_related("client")
    )
    numbers = [wedding.pk for wedding in weddings]
    tickets: dict[int, int] = {}
    for wedding_id in (
        owned_by(vendor, TicketLine)
        .filter(status=TicketLine.Status.OPEN, instance__wedding_id__in=numbers)
        .values_list("instance__wedding_id", flat=True)
    ):
        tickets[wedding_id] = tickets.get(wedding_id, 0) + 1
    due = dict(
        _rows(
            """SELECT i.wedding_id, count(*) FROM engine_schedule s JOIN engine_instance i ON i.id = s.instance_id
               WHERE i.wedding_id = ANY(%(weddings)s) AND i.status = 'active' AND s.state <> 'parked'
                 AND s.due_at < %(now)s + interval '1 day' GROUP BY 1""",
            weddings=numbers,
            now=now,
        )
    )
    near = [
        NearWedding(
            wedding=wedding,
            name=wedding.client.display_name,
            client_id=wedding.client.public_id,
            day=wedding.date,
            begins_at=local_instant(wedding.date, wedding.time or time(), wedding.time_zone),
            tickets=tickets.get(wedding.pk, 0),
            due=due.get(wedding.pk, 0),
        )
        for wedding in weddings
        if wedding.date is not None
    ]
    return sorted(near, key=lambda one: one.begins_at)


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the overview shows."""

    now: datetime
    standing: Standing
    active: list[int]
    today: Steps
    last_week: Steps
    last_day: Steps
    completed_today: list[int]
    failed_hours: list[int]
    rate_hours: list[float]
    done: list[int]
    failed: list[int]
    planned: list[int]
    last_week_line: list[int]
    queues: list[QueueStanding]
    weddings: list[NearWedding]
    #: Causes, and the steps that they have stopped.
    tickets_open: int
    steps_stopped: int
    tickets_near: int
    running: bool
    live_instances: int
    chart_since: datetime = field(repr=False)
    #: Length of one point of the chart.
    bin: timedelta = BIN


def overview(*, vendor: Vendor, now: datetime) -> Overview:
    """Read the whole overview of one vendor; a dozen small queries, none over more than a day of history."""
    began = midnight(vendor, now=now)
    last_began = midnight(vendor, now=now - WEEK)
    since = now - BACK
    last_day = steps(vendor=vendor, since=since, until=now + BIN)
    width = BIN if last_day.completed >= BUSY else WIDE_BIN
    done, failed = steps_by_bin(vendor=vendor, since=since, until=now, width=width)
    done_hours, failed_hours = steps_by_bin(vendor=vendor, since=since, until=now, width=HOUR)
    today_bins, _ = steps_by_bin(vendor=vendor, since=began, until=now, width=timedelta(minutes=30))
    earlier, _ = steps_by_bin(vendor=vendor, since=since - WEEK, until=now - WEEK + AHEAD, width=width)
    weddings = near_weddings(vendor=vendor, now=now)
    open_tickets = owned_by(vendor, InterventionTicket).filter(status=InterventionTicket.Status.OPEN)
    stopped = owned_by(vendor, TicketLine).filter(status=TicketLine.Status.OPEN)
    control = QueueControl.objects.filter(id=1).first()
    return Overview(
        now=now,
        standing=standing(vendor=vendor, now=now),
        active=active_by_day(vendor=vendor, now=now),
        today=steps(vendor=vendor, since=began, until=now + BIN),
        last_week=steps(vendor=vendor, since=last_began, until=now - WEEK),
        last_day=last_day,
        completed_today=[sum(today_bins[: at + 1]) for at in range(len(today_bins))],
        failed_hours=failed_hours,
        rate_hours=_rates(done_hours, failed_hours),
        done=done,
        failed=failed,
        planned=planned_by_bin(vendor=vendor, since=now, until=now + AHEAD, width=width),
        last_week_line=earlier,
        queues=queues(vendor=vendor, now=now),
        weddings=weddings,
        tickets_open=open_tickets.count(),
        steps_stopped=stopped.count(),
        tickets_near=sum(one.tickets for one in weddings),
        running=control.running if control else True,
        live_instances=owned_by(vendor, Instance).filter(status__in=Instance.LIVE).count(),
        chart_since=since,
        bin=width,
    )


def _rates(done: list[int], failed: list[int]) -> list[float]:
    """Give the success rate hour by hour; an hour without work keeps the rate before it."""
    rates: list[float] = []
    for good, bad in zip(done, failed, strict=True):
        rates.append(100 * good / (good + bad) if good + bad else (rates[-1] if rates else 100.0))
    return rates
