"""Say what the days ahead bring: each version is read once, each way through it walked once for all who share it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.db import connection

from engine.services.date_search import vendors_of
from engine.services.priorities import band_for
from journeys.calendars import calendar_from
from journeys.errors import Invalid
from journeys.language.zones import local_instant, local_time
from journeys.models import Vendor, Version
from monitoring.forecast import figures, gathering, history
from monitoring.forecast.course import Course
from monitoring.forecast.figures import Forecast
from monitoring.forecast.gathering import Signature
from monitoring.forecast.walking import Kind, Steps, Token, Walker
from monitoring.health import HEART_STOPPED

FEWEST_DAYS, USUAL_DAYS, MOST_DAYS = 1, 60, 400
_A_DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_WEDDINGS = """
SELECT date, count(*) FROM journeys_wedding
WHERE status = 'planned' AND date BETWEEN %(first)s AND %(last)s
    AND vendor_id = ANY(%(vendors)s)
GROUP BY 1
"""
_WORKERS = """
SELECT detail FROM engine_heartbeat WHERE name LIKE 'worker:%%' AND detail ? 'queues'
    AND beat_at > clock_timestamp() - make_interval(secs => %(silent)s)
"""


def forecast(*, vendor: Vendor | None, days: int = USUAL_DAYS, now: datetime) -> Forecast:
    """Say how many steps each of the next days brings to each queue, today the first; None speaks of all vendors.

    Days are the vendor's, or those of UTC. Nothing is written. The questions are asked one after the other, so what
    moves meanwhile may be counted with or without its move.

    Raises:
        Invalid: code `bad_days`.
    """
    if not FEWEST_DAYS <= days <= MOST_DAYS:
        raise Invalid(f"Look {FEWEST_DAYS} to {MOST_DAYS} days ahead.", code="bad_days")
    zone = vendor.time_zone if vendor else "UTC"
    first = local_time(now, zone).date()
    until = local_instant(first + timedelta(days=days), time(), zone)
    past = history.lately(vendor, now=now)
    counting = _Counting(vendor, past, zone=zone, now=now, until=until)
    counting.count()
    found, mean = figures.days_of(counting.tally, first=first, number=days, weddings=counting.weddings)
    return Forecast(
        made_at=now,
        time_zone=zone,
        days=found,
        mean=mean,
        peaks=figures.peaks_of(found),
        queues=figures.needs_of(counting.tally, past, there=processes_there(), epoch=EPOCH),
        history=past,
        left_out=counting.left_out,
        unreadable=len(counting.unreadable),
    )


class _Counting:
    """One forecast while it is made."""

    def __init__(
        self, vendor: Vendor | None, past: history.History, *, zone: str, now: datetime, until: datetime
    ) -> None:
        self.vendor, self.past, self.zone, self.now, self.until = vendor, past, zone, now, until
        self.tally: dict[tuple[date, int, str, str, Kind], float] = defaultdict(float)
        self.unreadable: set[int] = set()
        self.left_out = gathering.LeftOut(0, 0, 0)
        self.weddings: dict[date, int] = defaultdict(int)
        self._vendors: dict[int, Vendor] = {vendor.pk: vendor} if vendor else {}
        self._courses: dict[int, Course | None] = {}
        self._walkers: dict[tuple[int, Signature], Walker | None] = {}
        self._days: dict[datetime, date] = {}

    def count(self) -> None:
        """Go through everybody who is under way, and everybody who will be."""
        for vendor_ids in gathering.parts(self.vendor):
            self._count_standing(vendor_ids)
            self.left_out += gathering.left_out(vendor_ids)
            for day, number in _weddings(vendor_ids, now=self.now, until=self.until):
                self.weddings[day] += number
            self._forget()
        for begun in gathering.starting(self.vendor, now=self.now, until=self.until):
            self._vendors.setdefault(begun.vendor.pk, begun.vendor)
            if begun.version_id not in self._courses:
                self._forget()
                self._courses_of([begun.version_id])
            walker = self._walker(begun.version_id, begun.signature)
            if walker is not None:
                start = Token(walker.course.graph.start.id, "", 1, (), begun.at, "to_start")
                self._add(walker.walk([start]), begun.signature, begun.couples)

    def _count_standing(self, vendor_ids: Sequence[int]) -> None:
        versions = gathering.versions(vendor_ids)
        self._know(versions.values())
        self._courses_of(versions)
        names: set[str] = set()
        for version_id, vendor_id in versions.items():
            course = self._courses[version_id]
            if course is not None:
                names |= gathering.dates_read(course.graph, self._vendors[vendor_id])
        for alike in gathering.standing(vendor_ids, names=names, now=self.now, until=self.until):
            walker = self._walker(alike.version_id, alike.signature)
            if walker is not None:
                tokens = gathering.tokens_of(alike.written, calendar=walker.calendar, now=self.now)
                self._add(walker.walk(tokens), alike.signature, alike.couples)

    def _forget(self) -> None:
        """Let go of what was read of versions and weddings that are over and done with: a whole system has very many."""
        self._courses.clear()
        self._walkers.clear()

    def _know(self, vendor_ids: Iterable[int]) -> None:
        """Read the vendors that are not known yet."""
        self._vendors |= vendors_of(set(vendor_ids) - self._vendors.keys())

    def _courses_of(self, version_ids: Collection[int]) -> None:
        """Read versions, with how their journeys went until now."""
        journeys = dict(Version.objects.filter(id__in=version_ids).values_list("id", "journey_id"))
        for version_id in version_ids:
            graph = gathering.graph_or_none(version_id)
            if graph is None:
                self.unreadable.add(version_id)
            taken = self.past.taken.get(journeys.get(version_id, 0), {})
            self._courses[version_id] = Course(graph, taken) if graph is not None else None

    def _walker(self, version_id: int, signature: Signature) -> Walker | None:
        """Give who walks through this version with these dates; None where it can not be read."""
        key = (version_id, signature)
        if key not in self._walkers:
            course = self._courses.get(version_id)
            calendar = calendar_from(signature.state(), self._vendors[signature.vendor_id])
            self._walkers[key] = Walker(course, calendar, until=self.until) if course is not None else None
        return self._walkers[key]

    def _add(self, steps: Steps, signature: Signature, couples: int) -> None:
        """Count what so many couples come to."""
        wedding_at = (
            local_instant(signature.date, time(), signature.time_zone)
            if signature.date is not None and signature.time_zone is not None
            else None
        )
        for (at, node_type, kind), share in steps.items():
            # What is due since before today is carried out today.
            day = self._days.get(at) or self._days.setdefault(at, local_time(at, self.zone).date())
            hour = (at - EPOCH) // timedelta(hours=1)
            queue = band_for(wedding_at=wedding_at, now=at).queue
            self.tally[day, hour, queue, node_type, kind] += share * couples


def processes_there() -> dict[str, int]:
    """Give for each queue how many processes the living workers that serve it may have; as configured without any."""
    with connection.cursor() as cursor:
        cursor.execute(_WORKERS, {"silent": HEART_STOPPED.total_seconds()})
        told = [json.loads(detail) for (detail,) in cursor.fetchall()]
    if not told:
        return dict.fromkeys(settings.QUEUE_NAMES, settings.QUEUE_MAX_CONCURRENCY)
    there: dict[str, int] = defaultdict(int)
    for one in told:
        # Instant steps of a queue may go through one beside it, named after it.
        for queue in {name.partition(".")[0] for name in one["queues"]}:
            there[queue] += int(one.get("most") or one.get("processes") or 0)
    return dict(there)


def _weddings(vendor_ids: Sequence[int], *, now: datetime, until: datetime) -> list[tuple[date, int]]:
    """Count the weddings of each day, on their own calendars, which may be a day off those that are asked for."""
    given = {"vendors": vendor_ids, "first": now.date() - _A_DAY, "last": until.date() + _A_DAY}
    return [(day, number) for day, number in gathering.rows(_WEDDINGS, given)]
