"""Find the weddings whose moment has come for journeys that start by a date: two questions, however many there are.

For each journey the days are computed on which the date must be written for the moment to lie in the span; the
questions go through the indexes by these days, for all journeys at once. Days are generous by a day on both sides,
which covers every zone; what is found is judged by the clocks of its own zone, and then by the whole calendar.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import TypeVar

import structlog
from django.db import connection
from django.db.models import F
from pydantic import BaseModel

from engine.entrances import entrances_of
from journeys import selectors
from journeys.calendars import derived_dates
from journeys.language.calendar import BusinessCalendar, due_of, local_instant
from journeys.language.errors import CalendarError, OffsetError
from journeys.language.offsets import Offset, add_months
from journeys.language.settings import AnchorTiming
from journeys.models import Journey, Vendor, Wedding
from journeys.scoping import owned_by

T = TypeVar("T")

log = structlog.get_logger(__name__)

WEDDING = "wedding"
#: Weddings that are judged by their whole calendar at a time.
AT_ONCE = 500
#: Vendors that one query names: PostgreSQL takes 65,535 parameters.
MOST_NAMED = 10_000
#: No clock differs from UTC by more, so that a local day is the day of UTC, the one before or the one behind.
_A_DAY = timedelta(days=1)
#: Days of the month that shorter months do not have: a date that is counted in months may come from any of them.
_CLIPPED = timedelta(days=3)

_BY_WEDDING = """
SELECT a.number, w.id, w.date, w.time_zone
FROM unnest(%(numbers)s::int[], %(vendors)s::bigint[], %(firsts)s::date[], %(lasts)s::date[])
    AS a(number, vendor_id, first, last)
CROSS JOIN LATERAL (
    SELECT id, date, time_zone FROM journeys_wedding
    WHERE vendor_id = a.vendor_id AND date BETWEEN a.first AND a.last AND status = 'planned'
    OFFSET 0
) AS w
"""
_BY_ANCHOR = """
SELECT a.number, w.id, x.date, w.time_zone
FROM unnest(%(numbers)s::int[], %(vendors)s::bigint[], %(names)s::text[], %(firsts)s::date[], %(lasts)s::date[])
    AS a(number, vendor_id, name, first, last)
CROSS JOIN LATERAL (
    SELECT wedding_id, date FROM journeys_weddinganchor
    WHERE vendor_id = a.vendor_id AND name = a.name AND date BETWEEN a.first AND a.last
    OFFSET 0
) AS x
JOIN journeys_wedding w ON w.id = x.wedding_id AND w.status = 'planned'
"""


@dataclass(frozen=True, slots=True)
class Started:
    """A journey that starts by a date, and from when on that counts for it."""

    journey: Journey
    timing: AnchorTiming
    #: Moments up to this one count no more: they were looked at, or lie before the publishing.
    since: datetime


@dataclass(frozen=True, slots=True)
class _Ask:
    """One way from a date that is written down to the moment of a journey."""

    started: Started
    #: Name of the date that is written down.
    origin: str
    #: How the journey's day follows from it: one offset after the other.
    way: tuple[Offset, ...]
    first: date
    last: date


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Give the items in lists of so many, as far as they are asked for."""
    left = iter(items)
    while some := list(islice(left, size)):
        yield some


@lru_cache(maxsize=4096)
def timing_of(wanted: BaseModel) -> AnchorTiming:
    """Read the trigger's settings as a step's timing, which says the same."""
    return AnchorTiming.model_validate(wanted.model_dump())


def started_by_date(journeys: Iterable[Journey], *, since: datetime) -> list[Started]:
    """Say of published journeys how they start; versions are read once."""
    known = list(journeys)
    entrances = entrances_of(one.current_version_id for one in known if one.current_version_id)
    return [
        Started(
            one,
            timing_of(entrances[one.current_version_id].wanted),
            max(since, one.current_version.published_at),
        )
        for one in known
        if one.current_version_id and one.current_version
    ]


def moments(journeys: Sequence[Started], *, until: datetime) -> Iterator[tuple[Journey, Wedding, datetime]]:
    """Give the weddings whose moment lies behind `since` and not behind `until`, in the order of the journeys."""
    for one, near in weddings_near(journeys, until=until):
        for wedding_ids in batches(near, AT_ONCE):
            yield from _judged(one, wedding_ids, until=until)


def weddings_near(journeys: Sequence[Started], *, until: datetime) -> Iterator[tuple[Started, list[int]]]:
    """Give the weddings whose moment may lie there, by journey: each is still to be judged by its whole calendar."""
    asks = [ask for one in journeys if one.since < until for ask in _asks(one, until=until)]
    found: dict[int, set[int]] = defaultdict(set)
    for number, wedding_id in _written_near(asks, until=until):
        found[asks[number].started.journey.id].add(wedding_id)
    for one in journeys:
        if one.journey.id in found:
            yield one, sorted(found[one.journey.id])


def _asks(started: Started, *, until: datetime) -> Iterator[_Ask]:
    """Name the dates that the journey's date may be, or follow from; one that can not be counted gives none."""
    vendor, timing = started.journey.vendor, started.timing
    try:
        offset = Offset.parse(timing.offset)
        span = _days(started.since, until, minutes=offset.minutes)
        derived = derived_dates(vendor)
        name = timing.anchor
        way: tuple[Offset, ...] = (offset,)
        while True:
            span = days_before(way[0], span, region=vendor.region)
            yield _Ask(started, name, way, *span)
            if name not in derived:
                return
            name, way = derived[name].origin, (derived[name].offset, *way)
    except (CalendarError, OffsetError):
        log.warning("journey_by_date_unreadable", journey=started.journey.public_id)


def _days(since: datetime, until: datetime, *, minutes: int) -> tuple[date, date]:
    """Give the days on which any clock of the world may stand in the span."""
    try:
        length = timedelta(minutes=minutes)
        return (since - length - _A_DAY).date(), (until - length + _A_DAY).date()
    except OverflowError:
        raise CalendarError(f"{minutes} minutes leave the calendar.") from None


@lru_cache(maxsize=65_536)
def _day_behind(day: date, way: tuple[Offset, ...], region: str) -> date:
    """Follow a way from a date that is written down; the same days are asked for again and again."""
    business = BusinessCalendar(region)
    for offset in way:
        day = offset.add_to_date(day, business=business)
    return day


@lru_cache(maxsize=4096)
def days_before(offset: Offset, span: tuple[date, date], *, region: str) -> tuple[date, date]:
    """Give days between which every day lies that the offset's date part brings into the span; some more may.

    Raises:
        CalendarError, OffsetError: they leave the calendar.
    """
    first, last = span
    business = BusinessCalendar(region)
    try:
        if offset.business_days > 0:
            first = business.add_business_days(first, -offset.business_days)
            last = business.add_business_days(last + _A_DAY, -offset.business_days) - _A_DAY
        elif offset.business_days < 0:
            first = business.add_business_days(first - _A_DAY, -offset.business_days) + _A_DAY
            last = business.add_business_days(last, -offset.business_days)
        first, last = first - timedelta(days=offset.days), last - timedelta(days=offset.days)
        if offset.months:
            first = add_months(first, -offset.months) - _CLIPPED
            last = add_months(last, -offset.months) + _CLIPPED
    except OverflowError:
        raise CalendarError(f"{offset} leaves the calendar.") from None
    return first, last


def _written_near(asks: Sequence[_Ask], *, until: datetime) -> Iterator[tuple[int, int]]:
    """Give (number of the ask, wedding) where the moment lies in the span by the clocks of the wedding's zone."""
    numbered = list(enumerate(asks))
    by_wedding = [one for one in numbered if one[1].origin == WEDDING]
    by_anchor = [one for one in numbered if one[1].origin != WEDDING]
    seen: dict[tuple[int, date, str], bool] = {}
    for question, some in ((_BY_WEDDING, by_wedding), (_BY_ANCHOR, by_anchor)):
        if not some:
            continue
        with connection.cursor() as cursor:
            cursor.execute(
                question,
                {
                    "numbers": [number for number, _ in some],
                    "vendors": [ask.started.journey.vendor_id for _, ask in some],
                    "names": [ask.origin for _, ask in some],
                    "firsts": [ask.first for _, ask in some],
                    "lasts": [ask.last for _, ask in some],
                },
            )
            rows = cursor.fetchall()
        for number, wedding_id, day, zone in rows:
            key = (number, day, zone)
            if key not in seen:
                seen[key] = _comes_now(asks[number], day, zone, until=until)
            if seen[key]:
                yield number, wedding_id


def _comes_now(ask: _Ask, day: date, zone: str, *, until: datetime) -> bool:
    """Tell whether the moment lies in the span when the date is this day and the wedding in this zone."""
    timing, vendor = ask.started.timing, ask.started.journey.vendor
    if timing.at is None:
        # The date's own time counts, which only the whole calendar knows.
        return True
    try:
        start = local_instant(
            _day_behind(day, ask.way, vendor.region),
            time.fromisoformat(timing.at),
            vendor.time_zone if timing.zone == "vendor" else zone,
        )
        moment = start + timedelta(minutes=ask.way[-1].minutes)
    except (CalendarError, OffsetError, OverflowError):
        return False
    return ask.started.since < moment <= until


def _judged(
    started: Started, wedding_ids: Sequence[int], *, until: datetime
) -> Iterator[tuple[Journey, Wedding, datetime]]:
    """Compute the moments of a few weddings from all of their dates."""
    vendor = started.journey.vendor
    weddings = list(
        owned_by(vendor, Wedding)
        .filter(id__in=wedding_ids, status=Wedding.Status.PLANNED, client__vendor_id=F("vendor_id"))
        .select_related("client")
        .order_by("id")
    )
    calendars = selectors.calendars_of(weddings=weddings, vendor=vendor)
    for wedding in weddings:
        try:
            moment = due_of(started.timing, calendar=calendars[wedding.id], reached=until).instant
        except (CalendarError, OffsetError):
            continue
        if moment and started.since < moment <= until:
            yield started.journey, wedding, moment


def vendors_of(vendor_ids: Iterable[int]) -> dict[int, Vendor]:
    """Read what decides about dates of many vendors; nothing of it is personal."""
    rows = Vendor.objects.only("id", "public_id", "region", "time_zone", "settings", "sending_hours")
    found: dict[int, Vendor] = {}
    for some in batches(sorted(set(vendor_ids)), MOST_NAMED):
        found |= rows.in_bulk(some)
    return found
