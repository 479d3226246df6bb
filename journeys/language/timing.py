"""When a step is due, recomputed at any time from what was meant, and what being late means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from pydantic import TypeAdapter

from .business import BusinessCalendar
from .errors import CalendarError
from .offsets import Offset
from .settings import DEFAULT_LATE_HOURS, AnchorTiming, DateTiming, DurationTiming, LateRule, Timing
from .zones import local_instant, local_time

#: Where neither the step nor the date itself gives a time of the day.
DEFAULT_TIME = time(9)
#: Less than this is the queue's own delay, not lateness.
ON_TIME = timedelta(minutes=15)

Verdict = Literal["on_time", "late_send", "skip", "ask"]

_TIMING: TypeAdapter[DurationTiming | DateTiming | AnchorTiming] = TypeAdapter(Timing)


@dataclass(frozen=True, slots=True)
class AnchorMoment:
    """Hold one of the couple's dates as it was written down: day, time of the day if known, zone."""

    day: date
    at: time | None
    zone: str

    @property
    def instant(self) -> datetime:
        """Return the instant (UTC); a date without a time counts from 09:00."""
        return local_instant(self.day, self.at or DEFAULT_TIME, self.zone)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Hold everything about one couple that decides when their steps are due."""

    #: Dates by name; a name that is missing here has no date.
    anchors: Mapping[str, AnchorMoment]
    wedding_zone: str
    vendor_zone: str
    business: BusinessCalendar = field(default_factory=BusinessCalendar)

    def zone(self, choice: str) -> str:
        """Return the zone's name for "wedding" or "vendor"."""
        return self.vendor_zone if choice == "vendor" else self.wedding_zone


@dataclass(frozen=True, slots=True)
class Due:
    """Say when a step is due."""

    #: UTC; None when the date it hangs on is missing: then nothing is ever sent.
    instant: datetime | None
    #: JSON-able, kept beside the instant so that it can be computed anew; None for a step without timing.
    meant: dict[str, Any] | None
    #: Why there is no instant, as a sentence: "Waits until the wedding has a date."
    missing: str | None


def due_of(
    timing: DurationTiming | DateTiming | AnchorTiming | None, *, calendar: Calendar, reached: datetime
) -> Due:
    """Compute when a step with this timing is due; without timing that is the moment it is reached."""
    if timing is None:
        return Due(reached.astimezone(UTC), None, None)
    meant = timing.model_dump(mode="json", by_alias=True)
    if isinstance(timing, DurationTiming):
        meant["reached"] = reached.astimezone(UTC).isoformat()
    instant, missing = _instant(timing, calendar=calendar, reached=reached)
    return Due(instant, meant, missing)


def due_from_meant(meant: Mapping[str, Any], *, calendar: Calendar) -> Due:
    """Compute the instant anew from what was stored, for dates and zones as they are today."""
    timing, reached = _read(meant)
    instant, missing = _instant(timing, calendar=calendar, reached=reached)
    return Due(instant, dict(meant), missing)


def anchor_of(meant: Mapping[str, Any] | None) -> str | None:
    """Return the name of the date a stored due hangs on, None when it hangs on none."""
    return str(meant["anchor"]) if meant and meant.get("kind") == "anchor" else None


def lateness(
    late: LateRule | None,
    meant: Mapping[str, Any] | None,
    *,
    instant: datetime,
    now: datetime,
    calendar: Calendar,
) -> Verdict:
    """Judge a step at the moment it is about to run.

    Durations and untimed steps are never late. Dated and anchored ones follow their rule, by default
    "within 48 hours". What was meant for before its date is not sent after it, unless the rule is "send".
    """
    if meant is None or meant.get("kind") == "duration" or now - instant <= ON_TIME:
        return "on_time"
    rule = late or LateRule()
    if rule.rule == "send":
        return "late_send"
    if rule.rule == "ask":
        return "ask"
    if rule.rule == "skip" or _has_passed(meant, instant=instant, now=now, calendar=calendar):
        return "skip"
    return "late_send" if now - instant <= timedelta(hours=rule.hours or DEFAULT_LATE_HOURS) else "skip"


def _has_passed(meant: Mapping[str, Any], *, instant: datetime, now: datetime, calendar: Calendar) -> bool:
    """Tell whether a step meant for before its date would come after it."""
    name = anchor_of(meant)
    if name is None:
        return False
    anchor = calendar.anchors.get(name)
    if anchor is None:
        return True
    if anchor.at is None and local_time(instant, anchor.zone).date() >= anchor.day:
        return False
    return instant < anchor.instant <= now


def _read(meant: Mapping[str, Any]) -> tuple[DurationTiming | DateTiming | AnchorTiming, datetime]:
    """Read what was stored; raise CalendarError when it is not what `due_of` writes."""
    plain = dict(meant)
    reached = plain.pop("reached", None)
    try:
        timing = _TIMING.validate_python(plain)
        moment = datetime.fromisoformat(reached) if reached else datetime.min.replace(tzinfo=UTC)
    except ValueError:
        raise CalendarError("What this step's moment was computed from cannot be read.") from None
    if isinstance(timing, DurationTiming) and not reached:
        raise CalendarError("A stored wait does not say when it began.")
    return timing, moment


def _instant(
    timing: DurationTiming | DateTiming | AnchorTiming, *, calendar: Calendar, reached: datetime
) -> tuple[datetime | None, str | None]:
    """Return the instant, or why there is none."""
    if isinstance(timing, DurationTiming):
        return _after(timing, calendar=calendar, reached=reached.astimezone(UTC)), None
    if isinstance(timing, DateTiming):
        return local_instant(timing.date, time.fromisoformat(timing.at), calendar.zone(timing.zone)), None
    anchor = calendar.anchors.get(timing.anchor)
    if anchor is None:
        return None, _waits_for(timing.anchor)
    return _around(timing, anchor, calendar=calendar), None


def _after(timing: DurationTiming, *, calendar: Calendar, reached: datetime) -> datetime:
    """Count from the moment the step was reached: whole days keep the wall clock, hours are elapsed time."""
    offset = Offset.parse(timing.for_)
    zone = calendar.zone("wedding")
    moment = reached
    if offset.has_date_part:
        wall = local_time(reached, zone)
        moment = local_instant(offset.add_to_date(wall.date(), business=calendar.business), wall.time(), zone)
    moment = _plus(moment, offset.minutes)
    if timing.at is None:
        return max(moment, reached)
    at = time.fromisoformat(timing.at)
    day = local_time(moment, zone).date()
    chosen = local_instant(day, at, zone)
    return chosen if chosen > reached else local_instant(day + timedelta(days=1), at, zone)


def _waits_for(anchor: str) -> str:
    """Say that a date is missing."""
    if anchor == "wedding":
        return "Waits until the wedding has a date."
    return f"Waits until the date of the {anchor.replace('_', ' ')} is known."


def _around(timing: AnchorTiming, anchor: AnchorMoment, *, calendar: Calendar) -> datetime:
    """Count from one of the couple's dates."""
    offset = Offset.parse(timing.offset)
    day = offset.add_to_date(anchor.day, business=calendar.business)
    if timing.at is not None:
        start = local_instant(day, time.fromisoformat(timing.at), calendar.zone(timing.zone))
    elif anchor.at is not None:
        start = local_instant(day, anchor.at, anchor.zone)
    else:
        start = local_instant(day, DEFAULT_TIME, calendar.zone(timing.zone))
    return _plus(start, offset.minutes)


def _plus(moment: datetime, minutes: int) -> datetime:
    try:
        return moment + timedelta(minutes=minutes)
    except OverflowError:
        raise CalendarError(f"{minutes} minutes from {moment.isoformat()} leave the calendar.") from None
