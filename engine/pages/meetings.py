"""The page behind a meeting's link: free times, and the meeting that is booked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.formats import date_format
from django.views.decorators.http import require_http_methods, require_safe

from channels.markdown import to_page
from engine.models import Meeting
from engine.pages.leaf import broken_link, is_too_often, leaf, slow_down
from engine.services import asking, meetings
from engine.services.choosing import Visit, choice_of, choose, visit_of
from engine.services.meeting_letters import calendar_entry, zone_words
from journeys import clock
from journeys.errors import ServiceError
from journeys.language.zones import local_time

#: Looks at the times of one link in one minute; each looks through weeks of a calendar.
MOST_LOOKS = 120


@dataclass(frozen=True, slots=True)
class Time:
    """A free time as the page draws it."""

    starts_at: datetime
    zone: str
    vendor_zone: str

    @property
    def value(self) -> str:
        """What the button sends."""
        return self.starts_at.astimezone(UTC).isoformat()

    @property
    def here(self) -> str:
        """What the reader's clock shows."""
        return f"{local_time(self.starts_at, self.zone):%H:%M}"

    @property
    def there(self) -> str:
        """What the vendor's clock shows, with the day where it is another one; "" where it is the same."""
        mine, theirs = local_time(self.starts_at, self.zone), local_time(self.starts_at, self.vendor_zone)
        if mine.replace(tzinfo=None) == theirs.replace(tzinfo=None):
            return ""
        return f"{theirs:%H:%M}" if mine.date() == theirs.date() else f"{_day(theirs.date())}, {theirs:%H:%M}"


@require_http_methods(["GET", "HEAD", "POST"])
def meeting_page(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows the meeting, or times to choose from; POST books, moves or cancels it."""
    now = clock.now()
    visit = visit_of(token=token, now=now)
    if visit is None:
        return broken_link(request)
    if request.method == "POST":
        if is_too_often(what="meeting", key=token, now=now):
            return slow_down(request)
        return _changed(request, visit, token=token, now=now)
    if is_too_often(what="meeting-look", key=token, now=now, most=MOST_LOOKS):
        return slow_down(request)
    if request.method == "GET":
        asking.ask_seen(ask=visit.ask, now=now)
    return _sheet(request, visit, now=now)


@require_safe
def meeting_file(request: HttpRequest, token: str) -> HttpResponse:
    """Give the booked meeting as a calendar file, for those whose mail program did not take it."""
    visit = visit_of(token=token, now=clock.now())
    if visit is None or visit.booked is None:
        return broken_link(request)
    meeting = visit.booked
    entry = calendar_entry(meeting, for_vendor=False, cancelled=False, sequence=meeting.sequence)
    response = HttpResponse(
        replace(entry, method="PUBLISH").as_file(), content_type="text/calendar; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="meeting.ics"'
    response["Cache-Control"] = "no-store"
    return response


def _changed(request: HttpRequest, visit: Visit, *, token: str, now: datetime) -> HttpResponse:
    """Carry out what was pressed; whatever can not be done is said above the times as they are now."""
    zone = _zone(request.POST.get("zone", ""), visit)
    try:
        if request.POST.get("action") == "cancel":
            if visit.booked is not None:
                meetings.meeting_cancel(
                    meeting=visit.booked, now=now, actor=f"page:{visit.target.role}"[:100]
                )
        else:
            starts_at = _moment(request.POST.get("start", ""))
            if starts_at is None:
                return _sheet(request, visit, now=now, problem="Choose one of the times.", status=400)
            choose(visit, starts_at=starts_at, zone=zone, message=request.POST.get("message", ""), now=now)
    except ServiceError as error:
        again = visit_of(token=token, now=now) or visit
        return _sheet(request, again, now=now, problem=error.message, status=error.http_status)
    response = HttpResponseRedirect(request.path)
    response.status_code = 303
    return response


def _sheet(
    request: HttpRequest, visit: Visit, *, now: datetime, problem: str = "", status: int = 200
) -> HttpResponse:
    zone = _zone(request.GET.get("zone", "") or request.POST.get("zone", ""), visit)
    meeting, kind = visit.booked, visit.meeting_type
    title = meeting.title if meeting else kind.title if kind else "Meeting"
    context: dict[str, Any] = {
        "vendor_name": visit.instance.vendor.name,
        "title": title,
        "problem": problem,
        "zone": zone,
        "zone_words": zone_words(zone),
        "vendor_zone_words": zone_words(visit.vendor_zone),
        "is_vendor_zone": zone == visit.vendor_zone,
    }
    wants_times = request.GET.get("move") == "1" or bool(problem and request.POST.get("action") == "move")
    if meeting is not None and not (wants_times and _is_ahead(meeting, now)):
        return leaf(
            request,
            "engine/meeting_booked.html",
            context | _booked(request, visit, meeting, now=now),
            status=status,
        )
    if visit.is_closed or kind is None:
        return leaf(request, "engine/meeting_closed.html", context, status=status)
    choice = choice_of(visit, zone=zone, since=_date(request.GET.get("from", "")), now=now)
    times = {
        "minutes": kind.minutes,
        "where": kind.where,
        "note": to_page(kind.note) if kind.note else "",
        "days": [
            (_day(day), [Time(moment, zone, visit.vendor_zone) for moment in moments])
            for day, moments in choice.days
        ],
        "later": choice.later.isoformat() if choice.later else "",
        "is_first": not request.GET.get("from"),
        "other_zones": [(name, zone_words(name)) for name in visit.zones if name != zone],
        "moving": meeting is not None,
        "was_cancelled": visit.meeting is not None and meeting is None,
    }
    return leaf(request, "engine/meeting.html", context | times, status=status)


def _booked(request: HttpRequest, visit: Visit, meeting: Meeting, *, now: datetime) -> dict[str, Any]:
    zone = meeting.time_zone
    starts, ends = local_time(meeting.starts_at, zone), local_time(meeting.ends_at, zone)
    time = Time(meeting.starts_at, zone, visit.vendor_zone)
    return {
        "day": _day(starts.date(), with_year=True),
        "begins": f"{starts:%H:%M}",
        "ends": f"{ends:%H:%M}",
        "zone_words": zone_words(zone),
        "there": time.there,
        "where": meeting.where,
        "is_ahead": _is_ahead(meeting, now),
        "is_address": meeting.where.startswith("https://") and " " not in meeting.where,
        "asks_to_cancel": request.GET.get("cancel") == "1",
        "can_move": not visit.is_closed,
    }


def _is_ahead(meeting: Meeting, now: datetime) -> bool:
    return meeting.starts_at > now


def _zone(wanted: str, visit: Visit) -> str:
    return wanted if wanted in visit.zones else visit.zones[0]


def _day(day: date, *, with_year: bool = False) -> str:
    return date_format(day, "l j F Y" if with_year else "l j F", use_l10n=False)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None
