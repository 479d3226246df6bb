"""The kinds of meetings that a vendor offers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db import transaction

from engine.models import Meeting, MeetingType
from journeys.errors import Conflict, Invalid
from journeys.language.errors import LanguageError
from journeys.language.sending_hours import SendingHours
from journeys.models import Vendor
from journeys.scoping import owned_by
from journeys.services import audit
from journeys.services.vendors import check_zone

#: Monday to Friday, as most people expect.
OFFICE_HOURS: Mapping[str, Any] = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
#: (least, most) of every number.
BOUNDS: Mapping[str, tuple[int, int]] = {
    "minutes": (5, 600),
    "every_minutes": (0, 600),
    "buffer_minutes": (0, 600),
    "notice_hours": (0, 24 * 60),
    "horizon_days": (1, 400),
}
MOST_CLOSED_DAYS = 1000
CHANGEABLE = (
    "title",
    "where",
    "note",
    "hours",
    "time_zone",
    "blocks_weddings",
    "blocks_holidays",
    "closed_days",
    "is_active",
    *BOUNDS,
)


@transaction.atomic
def meeting_type_add(
    *, vendor: Vendor, key: str, title: str, now: datetime, actor: str, **given: Any
) -> MeetingType:
    """Offer a new kind of meeting; `given` holds other fields of it. A second call is refused.

    Raises:
        Conflict: code `duplicate_key`.
        Invalid: a value can not be used; the details name it.
    """
    if owned_by(vendor, MeetingType).filter(key=key).exists():
        raise Conflict(f"There is already a meeting {key!r}: change that one instead.", code="duplicate_key")
    kind = MeetingType(vendor=vendor, key=key, title=title, hours=dict(OFFICE_HOURS), created_at=now)
    _fill(kind, given)
    kind.save()
    audit.record(vendor, actor, "meeting_type.added", kind, now, key=key)
    return kind


@transaction.atomic
def meeting_type_change(*, meeting_type: MeetingType, now: datetime, actor: str, **given: Any) -> MeetingType:
    """Change what is given and leave the rest; booked meetings stay as they are. Twice changes nothing.

    Raises:
        Invalid: a value can not be used; the details name it.
    """
    meeting_type.refresh_from_db(from_queryset=MeetingType.objects.select_for_update())
    before = {name: getattr(meeting_type, name) for name in CHANGEABLE}
    _fill(meeting_type, given)
    changed = [name for name in CHANGEABLE if before[name] != getattr(meeting_type, name)]
    if changed:
        meeting_type.save(update_fields=changed)
        audit.record(meeting_type.vendor, actor, "meeting_type.changed", meeting_type, now, fields=changed)
    return meeting_type


@transaction.atomic
def meeting_type_remove(*, meeting_type: MeetingType, now: datetime, actor: str) -> None:
    """Take a kind of meeting away that nobody has ever booked.

    Raises:
        Conflict: code `in_use`; switch it off instead.
    """
    if Meeting.objects.filter(meeting_type=meeting_type).exists():
        raise Conflict("Meetings of this kind have been booked: switch it off instead.", code="in_use")
    audit.record(meeting_type.vendor, actor, "meeting_type.removed", meeting_type, now, key=meeting_type.key)
    meeting_type.delete()


def _fill(kind: MeetingType, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name not in CHANGEABLE:
            message = f"{name} is no field of a meeting that can be set."
            raise TypeError(message)
        setattr(kind, name, value)
    kind.title = kind.title.strip()
    if not kind.title:
        raise Invalid("Give the meeting a title.", code="bad_title", details={"title": "Write one."})
    for name, (least, most) in BOUNDS.items():
        if not least <= getattr(kind, name) <= most:
            message = f"Write a whole number from {least} to {most}."
            raise Invalid(f"The field {name} can not be used. {message}", details={name: message})
    if kind.time_zone:
        check_zone(kind.time_zone)
    kind.hours = _hours(kind.hours)
    kind.closed_days = _days(kind.closed_days)


def _hours(given: Any) -> dict[str, Any]:
    try:
        if not given:
            raise Invalid("Give the hours in which there is time for it.", code="bad_hours")
        return SendingHours.from_setting(given).as_setting()
    except LanguageError as error:
        raise Invalid(str(error), code="bad_hours", details={"hours": str(error)}) from error


def _days(given: Any) -> list[str]:
    if not isinstance(given, list | tuple) or len(given) > MOST_CLOSED_DAYS:
        raise Invalid(
            f"Write the closed days as a list of dates, at most {MOST_CLOSED_DAYS}.", code="bad_closed_days"
        )
    try:
        days = {day if isinstance(day, date) else date.fromisoformat(str(day)) for day in given}
    except ValueError as error:
        raise Invalid(
            'A closed day can not be read. Write it as "2027-08-14".', code="bad_closed_days"
        ) from error
    return sorted(day.isoformat() for day in days)
