"""Start journeys whose trigger is a date, when the date's moment comes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from engine.graphs import graph_of, trigger_of
from engine.models import Watermark
from engine.services.triggering import event_receive
from journeys import selectors
from journeys.calendars import derived_dates
from journeys.language.calendar import Calendar, due_of, local_time
from journeys.language.offsets import Offset
from journeys.language.registry import trigger_types
from journeys.language.settings import AnchorTiming
from journeys.models import Journey, Vendor, Wedding
from journeys.scoping import owned_by

WATERMARK = "date_triggers"
#: A day more on both sides than any zone or wall-clock time can shift a date by.
MARGIN = timedelta(days=3)
DATE_BASED = "date_based"


def follow_dates(*, now: datetime) -> int:
    """Make the events of all moments since the last call, and return how many were new.

    One transaction for each event, the watermark last: a crash repeats some events, whose ids are taken already. Two
    calls at once do the same work once. The first call ever only sets the watermark.
    """
    mark, created = Watermark.objects.get_or_create(name=WATERMARK, defaults={"at": now})
    if created or mark.at >= now:
        return 0
    made = 0
    for journey in journeys_by_date():
        for wedding, moment in _moments(journey, since=mark.at, until=now):
            made += _receive(journey, wedding, moment, now=now)
    with transaction.atomic():
        Watermark.objects.filter(name=WATERMARK, at__lt=now).update(at=now)
    return made


def journeys_by_date(vendor: Vendor | None = None) -> QuerySet[Journey]:
    """Give the published journeys that start by a date, of one vendor or of all."""
    rows = owned_by(vendor, Journey) if vendor is not None else Journey.objects.all()
    return (
        rows.filter(status=Journey.Status.ACTIVE, current_version__trigger_type=DATE_BASED)
        .select_related("vendor", "current_version")
        .order_by("id")
    )


def moment(journey: Journey, calendar: Calendar, *, now: datetime) -> datetime | None:
    """Give the moment at which a journey starts by itself for a wedding with this calendar; None without a date."""
    return due_of(_timing(journey), calendar=calendar, reached=now).instant


def _timing(journey: Journey) -> AnchorTiming:
    version = journey.current_version
    if version is None:
        message = "A journey without a version has no trigger."
        raise ValueError(message)
    settings = trigger_types.get(DATE_BASED).settings_model.model_validate(
        trigger_of(version.id).settings, context={"parameters": graph_of(version.id).parameters}
    )
    return AnchorTiming.model_validate(settings.model_dump())


def _moments(journey: Journey, *, since: datetime, until: datetime) -> Iterator[tuple[Wedding, datetime]]:
    """Give the weddings whose moment lies in (since, until]; published or added later means not before."""
    timing = _timing(journey)
    version = journey.current_version
    since = max(since, version.published_at) if version else since
    weddings = _near(journey, timing, since=since.date() - MARGIN, until=until.date() + MARGIN)
    calendars = selectors.calendars_of(weddings=weddings, vendor=journey.vendor)
    for wedding in weddings:
        calendar = calendars[wedding.id]
        moment = due_of(timing, calendar=calendar, reached=until).instant
        if moment and since < moment <= until:
            yield wedding, moment


def _near(journey: Journey, timing: AnchorTiming, *, since: date, until: date) -> list[Wedding]:
    """Narrow down by the anchor's own day, generously: months and business days stretch."""
    weddings = (
        owned_by(journey.vendor, Wedding)
        .filter(status=Wedding.Status.PLANNED, client__vendor=journey.vendor)
        .select_related("client")
    )
    derived = derived_dates(journey.vendor)
    reach = _reach(timing.offset)
    near = _written_near(timing.anchor, since=since, until=until, reach=reach)
    name = timing.anchor
    # A date that follows from another one is near when that one is, with both distances.
    while name in derived:
        reach += _reach(str(derived[name].offset))
        name = derived[name].origin
        near |= _written_near(name, since=since, until=until, reach=reach)
    return list(weddings.filter(near).distinct())


def _reach(offset: str) -> timedelta:
    return abs(Offset.parse(offset).total) * 2 + timedelta(days=31)


def _written_near(anchor: str, *, since: date, until: date, reach: timedelta) -> Q:
    """Match weddings whose date of this name lies within reach of the span."""
    span = (_earlier(since, reach), _later(until, reach))
    if anchor == "wedding":
        return Q(date__range=span)
    return Q(anchors__name=anchor, anchors__date__range=span)


def _earlier(day: date, by: timedelta) -> date:
    return day - min(by, day - date.min)


def _later(day: date, by: timedelta) -> date:
    return day + min(by, date.max - day)


def _receive(journey: Journey, wedding: Wedding, moment: datetime, *, now: datetime) -> int:
    """Make one event; its id names journey, wedding and the day there, so that it is made once."""
    day = local_time(moment, wedding.time_zone).date()
    event = event_receive(
        vendor=journey.vendor,
        type=DATE_BASED,
        event_id=f"date:{journey.public_id}:{wedding.public_id}:{day.isoformat()}",
        client=wedding.client,
        topic="",
        payload={"journey_id": journey.public_id, "moment": moment.isoformat()},
        now=now,
        actor="engine",
        occurred_at=moment,
    )
    return int(event.received_at == now)
