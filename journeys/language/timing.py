"""When a step is due, recomputed at any time from what was meant, and what being late means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from pydantic import TypeAdapter

from .business import BusinessCalendar
from .errors import CalendarError, OffsetError
from .fact_dates import date_in, raw_value
from .offsets import Offset
from .sending_hours import SendingHours
from .settings import (
    DEFAULT_LATE_HOURS,
    AnchorTiming,
    DateTiming,
    DurationTiming,
    FactTiming,
    LateRule,
    Timing,
    WindowTiming,
)
from .zones import local_instant, local_time

#: Where neither the step nor the date itself gives a time of the day.
DEFAULT_TIME = time(9)
#: Less than this is the queue's own delay, not lateness.
ON_TIME = timedelta(minutes=15)

Verdict = Literal["on_time", "late_send", "skip", "ask"]
#: What a person may decide for one step that is late, in place of its rule.
Decision = Literal["send", "skip", "ask"]
AnyTiming = DurationTiming | DateTiming | AnchorTiming | WindowTiming | FactTiming

#: Kinds that are counted from the moment the step is reached: they are never late.
_COUNTED = frozenset({"duration", "window"})
#: A rule that no wait is too long for: it only tells whether a date has passed.
_FOR_EVER = LateRule(rule="within", hours=24 * 366 * 10)

_TIMING: TypeAdapter[AnyTiming] = TypeAdapter(Timing)


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
    #: When messages may go out, on the wedding's clock.
    sending: SendingHours = field(default_factory=SendingHours.always)
    #: The wedding will not take place: its dates count no more.
    cancelled: bool = False
    #: What dates in the couple's own data are read from; None where nobody has looked them up.
    facts: Mapping[str, Any] | None = None

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


def due_of(timing: AnyTiming | None, *, calendar: Calendar, reached: datetime) -> Due:
    """Compute when a step with this timing is due; without timing that is the moment it is reached."""
    if timing is None:
        return Due(reached.astimezone(UTC), None, None)
    meant = timing.model_dump(mode="json", by_alias=True)
    if isinstance(timing, DurationTiming | WindowTiming):
        meant["reached"] = reached.astimezone(UTC).isoformat()
    if isinstance(timing, FactTiming):
        meant["value"] = date_in(calendar.facts, timing.path)
    instant, missing = _instant(timing, calendar=calendar, reached=reached, value=meant.get("value"))
    return Due(instant, meant, missing)


def due_from_meant(meant: Mapping[str, Any], *, calendar: Calendar) -> Due:
    """Compute the instant anew from what was stored, for dates and zones as they are today.

    A date in the couple's own data is read again where the calendar holds their facts, and is otherwise the one that
    was read before.
    """
    timing, reached = _read(meant)
    kept = dict(meant)
    if isinstance(timing, FactTiming) and calendar.facts is not None:
        kept["value"] = date_in(calendar.facts, timing.path)
    instant, missing = _instant(timing, calendar=calendar, reached=reached, value=kept.get("value"))
    return Due(instant, kept, missing)


def anchor_of(meant: Mapping[str, Any] | None) -> str | None:
    """Return the name of the date a stored due hangs on, None when it hangs on none."""
    return str(meant["anchor"]) if meant and meant.get("kind") == "anchor" else None


def is_dated(meant: Mapping[str, Any] | None) -> bool:
    """Tell whether a stored due hangs on a date, so that it can be late."""
    return bool(meant) and meant is not None and meant.get("kind") not in _COUNTED


def judged(
    late: LateRule | None,
    meant: Mapping[str, Any] | None,
    *,
    instant: datetime,
    due_at: datetime,
    now: datetime,
    calendar: Calendar,
    decided: Decision | None = None,
) -> Verdict:
    """Judge a step that was to be carried out at `due_at`, which sending hours or a retry may have put off.

    What was meant for before a date is not done after it, however long it was put off. What a person has decided for
    this one step stands above its rule.
    """
    if decided is not None and is_dated(meant) and instant <= now:
        if decided == "send":
            return "on_time" if now - instant <= ON_TIME else "late_send"
        return decided
    if due_at > instant:
        passed = lateness(_FOR_EVER, meant, instant=instant, now=now, calendar=calendar)
        if passed == "skip" and (late is None or late.rule != "send"):
            return passed
    return lateness(late, meant, instant=max(due_at, instant), now=now, calendar=calendar)


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
    if meant is None or not is_dated(meant) or now - instant <= ON_TIME:
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
    if meant.get("kind") == "date":
        return False
    anchor = _anchor(meant, calendar)
    if anchor is None:
        return True
    if anchor.at is None and local_time(instant, anchor.zone).date() >= anchor.day:
        return False
    return instant < anchor.instant <= now


def _anchor(meant: Mapping[str, Any], calendar: Calendar) -> AnchorMoment | None:
    """Return the date that a stored due hangs on, as it is today."""
    name = anchor_of(meant)
    if name is not None:
        return calendar.anchors.get(name)
    timing, _ = _read(meant)
    if not isinstance(timing, FactTiming):
        return None
    value = meant.get("value") if calendar.facts is None else date_in(calendar.facts, timing.path)
    return _moment(value, zone=calendar.zone(timing.zone))


def _read(meant: Mapping[str, Any]) -> tuple[AnyTiming, datetime]:
    """Read what was stored; raise CalendarError when it is not what `due_of` writes."""
    plain = {name: value for name, value in meant.items() if name != "value"}
    reached = plain.pop("reached", None)
    try:
        timing = _TIMING.validate_python(plain)
        moment = datetime.fromisoformat(reached) if reached else datetime.min.replace(tzinfo=UTC)
    except ValueError:
        raise CalendarError("What this step's moment was computed from cannot be read.") from None
    if isinstance(timing, DurationTiming | WindowTiming) and not reached:
        raise CalendarError("A stored wait does not say when it began.")
    return timing, moment


def _instant(
    timing: AnyTiming, *, calendar: Calendar, reached: datetime, value: str | None
) -> tuple[datetime | None, str | None]:
    """Return the instant, or why there is none."""
    match timing:
        case DurationTiming():
            return _after(timing, calendar=calendar, reached=reached.astimezone(UTC)), None
        case WindowTiming():
            return calendar.sending.next_open(reached.astimezone(UTC), calendar.wedding_zone), None
        case DateTiming():
            return local_instant(timing.date, time.fromisoformat(timing.at), calendar.zone(timing.zone)), None
        case FactTiming():
            instant = _from_fact(timing, value, calendar=calendar)
            return instant, _unread(timing.path, calendar.facts) if instant is None else None
        case AnchorTiming():
            anchor = calendar.anchors.get(timing.anchor)
            if anchor is None:
                return None, _waits_for(timing.anchor, calendar)
            return _around(timing, anchor, calendar=calendar), None


def _from_fact(timing: FactTiming, value: str | None, *, calendar: Calendar) -> datetime | None:
    """Return the instant; None without a date, or with one that no calendar can count from (the year 1)."""
    try:
        moment = _moment(value, zone=calendar.zone(timing.zone))
        return None if moment is None else _around(timing, moment, calendar=calendar)
    except (CalendarError, OffsetError):
        return None


def _moment(value: str | None, *, zone: str) -> AnchorMoment | None:
    """Return the date that was read from the couple's data, on the clock of the zone."""
    if not value:
        return None
    if "T" not in value:
        return AnchorMoment(date.fromisoformat(value), None, zone)
    wall = datetime.fromisoformat(value)
    if wall.tzinfo is not None:
        wall = local_time(wall, zone)
    return AnchorMoment(wall.date(), wall.time().replace(tzinfo=None), zone)


def _unread(path: str, facts: Mapping[str, Any] | None) -> str:
    """Say that a date in the couple's data is missing, or is none."""
    if facts is not None and raw_value(facts, path) not in (None, ""):
        return f"Waits: what stands in {path} is no date. Write it as year, month and day."[:300]
    return f"Waits until the date in {path} is known."[:300]


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


def _waits_for(anchor: str, calendar: Calendar) -> str:
    """Say that a date is missing."""
    if calendar.cancelled:
        return "The wedding is cancelled, so nothing hangs on its dates any more. Skip this step, or stop the journey."
    if anchor == "wedding":
        return "Waits until the wedding has a date."
    return f"Waits until the date of the {anchor.replace('_', ' ')} is known."


def _around(timing: AnchorTiming | FactTiming, anchor: AnchorMoment, *, calendar: Calendar) -> datetime:
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
