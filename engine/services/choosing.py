"""What the page of a meeting shows, and what people may do there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from engine.links import LinkTarget, read_link
from engine.models import Ask, Instance, Meeting, MeetingType
from engine.nodes.meeting import MeetingSettings
from engine.services import asking, meetings
from engine.services.free_times import free_times
from engine.services.visiting import is_over, step_of
from journeys.errors import Conflict
from journeys.language.zones import local_time
from journeys.models import Wedding
from journeys.scoping import owned_by

#: Days with free times that the page shows at once.
DAYS_SHOWN = 5
#: Days of the calendar that are looked through at once.
LOOKED_THROUGH = 14


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at the page of a meeting."""

    target: LinkTarget
    instance: Instance
    settings: MeetingSettings
    #: None when the vendor offers it no more.
    meeting_type: MeetingType | None
    ask: Ask
    #: The meeting that is booked, or was the last to be.
    meeting: Meeting | None

    @property
    def booked(self) -> Meeting | None:
        """The meeting that stands."""
        return self.meeting if self.meeting and self.meeting.status == Meeting.Status.BOOKED else None

    @property
    def is_closed(self) -> bool:
        """Tell whether nothing can be booked here."""
        wedding = self.instance.wedding
        called_off = wedding is not None and wedding.status == Wedding.Status.CANCELLED
        offered = self.meeting_type is not None and self.meeting_type.is_active
        return called_off or is_over(self.instance) or not offered

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones in which times can be read, the likeliest first."""
        instance = self.instance
        likeliest = meetings.zone_for(instance.client, instance.wedding)
        others = [instance.wedding.time_zone] if instance.wedding else []
        return tuple(dict.fromkeys([likeliest, *others, self.vendor_zone]))

    @property
    def vendor_zone(self) -> str:
        """The zone that the vendor's hours are in."""
        return self.meeting_type.zone if self.meeting_type else self.instance.vendor.time_zone


@dataclass(frozen=True, slots=True)
class Choice:
    """Free times of a few days, by day of the chosen zone."""

    days: tuple[tuple[date, tuple[datetime, ...]], ...]
    #: The first day of what comes after; None when there is nothing more.
    later: date | None


def visit_of(*, token: str, now: datetime) -> Visit | None:
    """Read a link and everything about its meeting; None when it leads nowhere."""
    target = read_link("meeting", token)
    found = step_of(target, kind="meeting") if target else None
    if target is None or found is None:
        return None
    instance, settings = found
    ask = asking.ask_open(place=target.place, kind=Ask.Kind.MEETING, now=now)
    if ask is None or not instance.vendor.is_active:
        return None
    kinds = owned_by(instance.vendor, MeetingType).select_related("vendor")
    meeting = (
        Meeting.objects.filter(ask=ask)
        .select_related("vendor", "client__vendor", "wedding", "meeting_type__vendor", "ask")
        .order_by("id")
        .last()
    )
    return Visit(target, instance, settings, kinds.filter(key=settings.meeting).first(), ask, meeting)


def choice_of(visit: Visit, *, zone: str, since: date | None, now: datetime) -> Choice:
    """Give the next days with free times, as the chosen zone counts days."""
    kind = visit.meeting_type
    if kind is None:
        return Choice((), None)
    today = local_time(now, zone).date()
    first = max(since or today, today)
    last = local_time(now, kind.zone).date() + timedelta(days=kind.horizon_days)
    found: dict[date, list[datetime]] = {}
    start = first
    while start <= last and len(found) <= DAYS_SHOWN:
        end = start + timedelta(days=LOOKED_THROUGH - 1)
        # A day here may be two days there, so that one more is looked at on both sides.
        times = free_times(
            kind,
            now=now,
            since=start - timedelta(days=1),
            until=end + timedelta(days=1),
            besides=visit.booked,
        )
        for moment in times:
            day = local_time(moment, zone).date()
            if start <= day <= end:
                found.setdefault(day, []).append(moment)
        start = end + timedelta(days=1)
    days = [(day, tuple(moments)) for day, moments in sorted(found.items())]
    shown, rest = days[:DAYS_SHOWN], days[DAYS_SHOWN:]
    return Choice(tuple(shown), rest[0][0] if rest else None)


def choose(visit: Visit, *, starts_at: datetime, zone: str, message: str, now: datetime) -> Meeting:
    """Book the time, or move the meeting that is booked already; the same time twice changes nothing.

    Raises:
        Conflict: the time is taken, or nothing can be booked here.
        Invalid: what was chosen can not be used.
    """
    actor = f"page:{visit.target.role}"[:100]
    if visit.is_closed or visit.meeting_type is None:
        raise Conflict("Nothing can be booked here any more.", code="closed")
    if visit.booked is not None:
        return meetings.meeting_move(meeting=visit.booked, starts_at=starts_at, now=now, actor=actor)
    settings = visit.settings
    return meetings.meeting_book(
        meeting_type=visit.meeting_type,
        client=visit.instance.client,
        wedding=visit.instance.wedding,
        ask=visit.ask,
        starts_at=starts_at,
        wishes=meetings.Wishes(
            roles=meetings.roles_of([*settings.to, visit.target.role]),
            channel=settings.channel,
            reminders=settings.remind_before,
            anchor=settings.anchor,
            time_zone=zone,
            message=message,
        ),
        now=now,
        actor=actor,
    )
