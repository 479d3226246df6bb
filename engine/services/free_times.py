"""When a vendor is free for a meeting: open hours, less other meetings, weddings, holidays and days kept free."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from engine.models import Meeting, MeetingType
from journeys.language.business import BusinessCalendar
from journeys.language.contact_rules import ContactRules
from journeys.language.sending_hours import SendingHours
from journeys.language.slots import Availability, Span, day_span
from journeys.language.zones import local_time
from journeys.models import Wedding
from journeys.scoping import owned_by

#: More than any zone can shift a day by.
MARGIN = timedelta(days=2)


def availability_of(meeting_type: MeetingType, *, now: datetime) -> Availability:
    """Give the rules of a kind of meeting, with the days of its zone that are closed."""
    length = timedelta(minutes=meeting_type.minutes)
    rules = Availability(
        hours=SendingHours.from_setting(meeting_type.hours),
        zone=meeting_type.zone,
        length=length,
        every=timedelta(minutes=meeting_type.every_minutes) or length,
        buffer=timedelta(minutes=meeting_type.buffer_minutes),
        notice=timedelta(hours=meeting_type.notice_hours),
        horizon_days=meeting_type.horizon_days,
        closed_days=frozenset(date.fromisoformat(day) for day in meeting_type.closed_days),
    )
    if not meeting_type.blocks_holidays:
        return rules
    calendar = BusinessCalendar(meeting_type.vendor.region)
    today = local_time(now, rules.zone).date()
    ahead = (today + timedelta(days=number) for number in range(rules.horizon_days))
    holidays = {day for day in ahead if calendar.holiday_name(day)}
    return replace(rules, closed_days=rules.closed_days | holidays)


def busy_spans(
    meeting_type: MeetingType, *, since: datetime, until: datetime, besides: Meeting | None = None
) -> list[Span]:
    """Give what takes the vendor's time between two instants, in two queries.

    Args:
        meeting_type: Whose vendor, and whether weddings keep their day free.
        since: Aware.
        until: Aware.
        besides: A meeting that is being moved does not stand in its own way.
    """
    vendor = meeting_type.vendor
    meetings = owned_by(vendor, Meeting).filter(
        status=Meeting.Status.BOOKED, starts_at__lt=until + MARGIN, ends_at__gt=since - MARGIN
    )
    if besides is not None:
        meetings = meetings.exclude(pk=besides.pk)
    spans = [Span(taken.lower, taken.upper) for taken in meetings.values_list("blocks", flat=True)]
    for free in ContactRules.from_setting(vendor.contact_rules).blackout.days:
        begins, ends = (day_span(day, vendor.time_zone) for day in (free.from_, free.until))
        spans.append(Span(begins.start, ends.end))
    if meeting_type.blocks_weddings:
        days = owned_by(vendor, Wedding).filter(
            status=Wedding.Status.PLANNED, date__range=((since - MARGIN).date(), (until + MARGIN).date())
        )
        spans += [day_span(day, zone) for day, zone in days.values_list("date", "time_zone") if day]
    return spans


def free_times(
    meeting_type: MeetingType,
    *,
    now: datetime,
    since: date | None = None,
    until: date | None = None,
    besides: Meeting | None = None,
) -> list[datetime]:
    """List the starts (UTC) that can be booked now, between two days of the meeting's zone."""
    rules = availability_of(meeting_type, now=now)
    busy = busy_spans(
        meeting_type, since=now, until=now + timedelta(days=rules.horizon_days), besides=besides
    )
    return rules.free(now=now, busy=busy, since=since, until=until)


def is_free(
    meeting_type: MeetingType, start: datetime, *, now: datetime, besides: Meeting | None = None
) -> bool:
    """Tell whether a meeting of this kind can begin at exactly this instant, by the vendor's own rules."""
    rules = availability_of(meeting_type, now=now)
    busy = busy_spans(meeting_type, since=start, until=start + rules.length + rules.buffer, besides=besides)
    return rules.is_free(start, now=now, busy=busy)
