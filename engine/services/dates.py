"""Start journeys whose trigger is a date, when the date's moment comes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.db.utils import InterfaceError, OperationalError

from engine.entrances import entrances_of
from engine.models import TriggerEvent, Watermark
from engine.services import date_search, dead_letters
from engine.services.triggering import event_receive
from journeys.errors import Conflict
from journeys.language.calendar import Calendar, due_of, local_time
from journeys.models import Journey, Vendor, Wedding
from journeys.scoping import owned_by

log = structlog.get_logger(__name__)

WATERMARK = "date_triggers"
DATE_BASED = "date_based"
#: Events that are looked for at a time.
AT_ONCE = 500


def follow_dates(*, now: datetime, seconds: float | None = None) -> int:
    """Make the events of all moments since the last call, and return how many were new.

    One transaction for each event, the watermark last: after a crash, or where `seconds` were not enough, the next
    call goes on, for the ids of what was made are taken. Two calls at once do the same work once. The first call ever
    only sets the watermark. An event that breaks is kept as a dead letter and holds nobody up.
    """
    until = None if seconds is None else time.monotonic() + seconds
    mark, created = Watermark.objects.get_or_create(name=WATERMARK, defaults={"at": now})
    if created or mark.at >= now:
        return 0
    made = 0
    found = date_search.moments(all_started(since=mark.at), until=now)
    for some in date_search.batches(found, AT_ONCE):
        known = _made_before(some)
        for journey, wedding, moment in some:
            if until is not None and time.monotonic() > until:
                return made
            if _event_id(journey, wedding, moment) not in known:
                made += _receive_or_keep(journey, wedding, moment, now=now)
    with transaction.atomic():
        Watermark.objects.filter(name=WATERMARK, at__lt=now).update(at=now)
    return made


def followed_until(*, now: datetime) -> datetime:
    """Give the moment up to which dates were looked at; `now` where nobody has looked yet."""
    mark = Watermark.objects.filter(name=WATERMARK, at__lt=now).first()
    return mark.at if mark else now


def all_started(*, since: datetime, vendor: Vendor | None = None) -> list[date_search.Started]:
    """Read the journeys that start by a date, of one vendor or of all, and no more of them than that takes."""
    rows = owned_by(vendor, Journey) if vendor is not None else Journey.objects.all()
    journeys = list(
        rows.filter(status=Journey.Status.ACTIVE, current_version__trigger_type=DATE_BASED)
        .select_related("current_version")
        .only("id", "public_id", "vendor_id", "re_entry", "re_entry_days", "current_version__published_at")
        .order_by("id")
    )
    vendors = date_search.vendors_of(one.vendor_id for one in journeys)
    for journey in journeys:
        journey.vendor = vendors[journey.vendor_id]
    return date_search.started_by_date(journeys, since=since)


def _made_before(moments: Sequence[tuple[Journey, Wedding, datetime]]) -> set[str]:
    """Name the events that an earlier call has made, which did not come to its end."""
    wanted: dict[int, list[str]] = defaultdict(list)
    for journey, wedding, moment in moments:
        wanted[journey.vendor_id].append(_event_id(journey, wedding, moment))
    return {
        name
        for vendor_id, names in wanted.items()
        for name in TriggerEvent.objects.filter(vendor_id=vendor_id, event_id__in=names).values_list(
            "event_id", flat=True
        )
    }


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
    if journey.current_version_id is None:
        message = "A journey without a version has no trigger."
        raise ValueError(message)
    entrance = entrances_of([journey.current_version_id])[journey.current_version_id]
    return due_of(date_search.timing_of(entrance.wanted), calendar=calendar, reached=now).instant


def _event_id(journey: Journey, wedding: Wedding, moment: datetime) -> str:
    """Name journey, wedding and the day there, so that the event is made once."""
    day = local_time(moment, wedding.time_zone).date()
    return f"date:{journey.public_id}:{wedding.public_id}:{day.isoformat()}"


def _receive_or_keep(journey: Journey, wedding: Wedding, moment: datetime, *, now: datetime) -> int:
    """Make one event, or keep what is needed to make it later; 1 when it is new."""
    try:
        return _receive(journey, wedding, moment, now=now)
    except (InterfaceError, OperationalError):
        raise
    except Exception as error:
        log.exception("date_event_broke", journey=journey.public_id, wedding=wedding.public_id)
        dead_letters.keep(
            kind="date",
            key=_event_id(journey, wedding, moment),
            vendor_id=journey.vendor_id,
            payload={
                "journey": journey.public_id,
                "wedding": wedding.public_id,
                "moment": moment.isoformat(),
            },
            error=error,
            now=now,
        )
        return 0


def receive_again(payload: Mapping[str, str], *, now: datetime) -> None:
    """Make an event that broke, for the moment it was meant for; one that was made in the meantime changes nothing.

    Raises:
        Conflict: the journey or the wedding is no longer there (`moved_on`).
    """
    journey = Journey.objects.select_related("vendor").filter(public_id=payload["journey"]).first()
    weddings = Wedding.objects.select_related("client").filter(public_id=payload["wedding"])
    wedding = weddings.filter(vendor_id=journey.vendor_id).first() if journey else None
    if journey is None or wedding is None:
        raise Conflict("The journey or the wedding is no longer there: discard it.", code="moved_on")
    _receive(journey, wedding, datetime.fromisoformat(payload["moment"]), now=now)


def _receive(journey: Journey, wedding: Wedding, moment: datetime, *, now: datetime) -> int:
    event = event_receive(
        vendor=journey.vendor,
        type=DATE_BASED,
        event_id=_event_id(journey, wedding, moment),
        client=wedding.client,
        topic="",
        payload={"journey_id": journey.public_id, "moment": moment.isoformat()},
        now=now,
        actor="engine",
        occurred_at=moment,
    )
    return int(event.received_at == now)
