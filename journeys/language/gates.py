"""Whether something may go out now, and if not, when: every rule in one place, for the engine and the simulator.

Each gate answers with the first moment, not before a given one, at which it lets the message through. Going from gate
to gate until none objects gives the earliest moment that suits them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from .contact_rules import ContactRules, QuietHours
from .errors import CalendarError
from .outcomes import Channel, Purpose
from .sending_hours import WEEKDAYS, SendingHours
from .zones import local_instant, local_time

#: How long before the wedding day a transactional message is held by the clock alone.
CRITICAL = timedelta(hours=48)
#: Rounds through the gates; rules that find no moment in so many contradict one another.
MOST_ROUNDS = 200
#: Days in a row that may be closed.
MOST_DAYS = 800
#: Within so many days a weekday says which day is meant.
_NEAR = 6

_DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

GateName = Literal["sending_hours", "blackout", "wedding_day", "quiet_hours", "cap", "spacing", "late"]


class NeverOpens(CalendarError):
    """The rules leave no moment at which the message may go out."""


def _nobody(_: date) -> bool:
    return False


def _no_name(_: date) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Be somebody who is to get a copy."""

    channel: Channel
    #: Whatever this person is known by in the history: role, address.
    keys: frozenset[str]
    #: One of the couple; the cap and the wedding day are theirs.
    couple: bool = True
    #: The vendor itself: nothing but the sending hours holds what it is told.
    vendor: bool = False
    #: IANA name of the zone this person lives by.
    zone: str = "UTC"
    #: None: as the vendor says for the channel. False: never quiet.
    quiet: QuietHours | Literal[False] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Be what is about to go out."""

    purpose: Purpose
    people: tuple[Person, ...]
    #: Said by the step: True goes out on the wedding day, False never does, None leaves it to the rules.
    on_the_day: bool | None = None
    #: The step's own date is the wedding day.
    meant_for_the_day: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Be something that went out before, in whatever journey: one for each step, however many copies."""

    at: datetime
    purpose: Purpose
    #: Keys of everybody who got a copy.
    people: frozenset[str]
    couple: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Hold what the rules are judged by, apart from the message itself."""

    wedding_day: date | None
    wedding_zone: str
    vendor_zone: str
    history: Sequence[Sent] = ()
    #: What is late keeps its distance from what the passage sent before; None where it is not late, or nothing went out.
    late_after: datetime | None = None
    #: Tells whether a wedding of the vendor takes place on a day.
    is_shooting: Callable[[date], bool] = _nobody
    #: Names the public holiday of a day in the vendor's region.
    holiday_name: Callable[[date], str | None] = _no_name


@dataclass(frozen=True, slots=True)
class Gate:
    """Say until when something is held, and by what."""

    #: UTC; the earliest moment at which no rule objects.
    opens: datetime
    #: "Put off until Monday 09:00: Sunday is outside your sending hours."
    reason: str
    held_by: tuple[GateName, ...]
    #: The part of the reason behind the colon, without a full stop.
    because: str


@dataclass(frozen=True, slots=True)
class _Objection:
    gate: GateName
    opens: datetime
    because: str


@dataclass(frozen=True, slots=True)
class _Case:
    """One message before the gates."""

    send: Send
    hours: SendingHours
    rules: ContactRules
    situation: Situation
    #: The wedding day from midnight to midnight; None without a date.
    day: tuple[datetime, datetime] | None = field(default=None)

    @property
    def to_couple(self) -> bool:
        return any(person.couple and not person.vendor for person in self.send.people)

    @property
    def to_others(self) -> bool:
        return any(not person.vendor for person in self.send.people)

    @property
    def privileged(self) -> tuple[datetime, datetime] | None:
        """Return when the step's own word beats every rule but quiet hours."""
        return self.day if self.send.on_the_day else None

    @property
    def critical(self) -> tuple[datetime, datetime] | None:
        """Return when the wedding is so near that only the clock holds a transactional message."""
        if self.day is None:
            return None
        if self.send.purpose == "transactional":
            return self.day[0] - CRITICAL, self.day[1]
        return self.privileged


def gate_for(
    send: Send, *, now: datetime, hours: SendingHours, rules: ContactRules, situation: Situation
) -> Gate | None:
    """Return when and why a message has to wait; None when it may go out now.

    Raises NeverOpens when the rules leave no moment for it.
    """
    day = situation.wedding_day
    case = _Case(send, hours, rules, situation, None if day is None else span_of(day, situation.wedding_zone))
    moment = now = now.astimezone(UTC)
    reasons: dict[str, GateName] = {}
    for _ in range(MOST_ROUNDS):
        objections = list(_objections(case, moment))
        if not objections:
            return _gate(moment, reasons, now=now, zone=situation.wedding_zone) if reasons else None
        for objection in objections:
            if objection.gate not in reasons.values():
                reasons[objection.because] = objection.gate
        moment = max(objection.opens for objection in objections)
    raise NeverOpens(f"The rules leave no moment for this message: {'; '.join(reasons)}.")


def _gate(opens: datetime, reasons: dict[str, GateName], *, now: datetime, zone: str) -> Gate:
    because = "; ".join(reasons)
    return Gate(
        opens,
        f"Put off until {spoken(opens, now=now, zone=zone)}: {because}.",
        tuple(reasons.values()),
        because,
    )


def _objections(case: _Case, moment: datetime) -> Iterator[_Objection]:
    """Ask every gate about one moment, in the order in which people think of them."""
    if not case.hours.is_open(moment, case.situation.wedding_zone):
        opens = case.hours.next_open(moment, case.situation.wedding_zone)
        yield from _unless(case.privileged, moment, opens, "sending_hours", _hours_because(case, moment))
    if not case.to_others:
        return
    yield from _blackout(case, moment)
    yield from _wedding_day(case, moment)
    yield from _quiet(case, moment)
    if case.rules.counts:
        yield from _cap(case, moment)
        yield from _spacing(case, moment)
    if case.situation.late_after is not None and moment < case.situation.late_after:
        because = "it makes up for a date that is past, and a message went out a short while ago"
        yield from _unless(case.critical, moment, case.situation.late_after, "late", because)


def _unless(
    exempt: tuple[datetime, datetime] | None, moment: datetime, opens: datetime, gate: GateName, because: str
) -> Iterator[_Objection]:
    """Object, unless the moment is exempt; what is exempt sooner than the gate opens goes then."""
    if exempt is not None:
        begins, ends = exempt
        if begins <= moment < ends:
            return
        if moment < begins:
            opens = min(opens, begins)
    yield _Objection(gate, opens, because)


def _hours_because(case: _Case, moment: datetime) -> str:
    wall = local_time(moment, case.situation.wedding_zone)
    closed = not case.hours.as_setting()[WEEKDAYS[wall.weekday()]]
    return f"{_DAY_NAMES[wall.weekday()] if closed else f'{wall:%H:%M}'} is outside your sending hours"


def _blackout(case: _Case, moment: datetime) -> Iterator[_Objection]:
    if case.send.purpose == "transactional" and not case.rules.blackout.transactional:
        return
    zone = case.situation.vendor_zone
    day = local_time(moment, zone).date()
    because = _closed_because(case, day)
    if because is None:
        return
    after = day
    for _ in range(MOST_DAYS):
        after += timedelta(days=1)
        if _closed_because(case, after) is None:
            yield from _unless(case.critical, moment, midnight(after, zone), "blackout", because)
            return
    raise NeverOpens(f"The rules leave no moment for this message: {because}, and so are all days after it.")


def _closed_because(case: _Case, day: date) -> str | None:
    rules, spoken_day = case.rules.blackout, f"{_DAY_NAMES[day.weekday()]} {day.day} {day:%B}"
    if (free := rules.free(day)) is not None:
        return f"{spoken_day} is a day you keep free" + (f" ({free.name})" if free.name else "")
    if rules.own_weddings and case.situation.is_shooting(day):
        return f"{spoken_day} is one of your wedding days"
    if rules.holidays and (name := case.situation.holiday_name(day)):
        return f"{spoken_day} is a holiday ({name})"
    return None


def _wedding_day(case: _Case, moment: datetime) -> Iterator[_Objection]:
    if case.day is None or not case.to_couple or not case.day[0] <= moment < case.day[1]:
        return
    send, rule = case.send, case.rules.wedding_day
    if send.on_the_day is None:
        held = not send.meant_for_the_day and (
            rule == "all" or (rule == "marketing" and send.purpose == "marketing")
        )
    else:
        held = not send.on_the_day
    if held:
        yield _Objection("wedding_day", case.day[1], "it is their wedding day")


def _quiet(case: _Case, moment: datetime) -> Iterator[_Objection]:
    for person in case.send.people:
        if person.vendor or person.quiet is False:
            continue
        quiet = person.quiet or getattr(case.rules.quiet_hours, person.channel)
        if quiet is not None and not quiet.open.is_open(moment, person.zone):
            opens = quiet.open.next_open(moment, person.zone)
            yield _Objection("quiet_hours", opens, f"quiet hours are {quiet}")


def _cap(case: _Case, moment: datetime) -> Iterator[_Objection]:
    cap = getattr(case.rules.cap, case.send.purpose)
    if cap is None or not case.to_couple:
        return
    times = sorted(
        (sent.at for sent in case.situation.history if sent.couple and sent.purpose == case.send.purpose),
        reverse=True,
    )
    if len(times) < cap.count or (opens := times[cap.count - 1] + cap.span) <= moment:
        return
    messages = "message" if cap.count == 1 else "messages"
    because = f"they have had {cap.count} {case.send.purpose} {messages} within {_days(cap.days)}"
    yield from _unless(case.critical, moment, opens, "cap", because)


def _spacing(case: _Case, moment: datetime) -> Iterator[_Objection]:
    spacing = case.rules.spacing
    if not spacing.hours or (case.send.purpose == "transactional" and not spacing.transactional):
        return
    keys = frozenset[str]().union(*(person.keys for person in case.send.people if not person.vendor))
    last = max((sent.at for sent in case.situation.history if sent.people & keys), default=None)
    if last is None or (opens := last + timedelta(hours=spacing.hours)) <= moment:
        return
    at = local_time(last, case.situation.wedding_zone)
    because = f"a message went out at {at:%H:%M}, and {spacing.hours} h lie between two"
    yield from _unless(case.critical, moment, opens, "spacing", because)


def spoken(moment: datetime, *, now: datetime, zone: str) -> str:
    """Write a moment the way people say it, by the clocks of a zone."""
    then, today = local_time(moment, zone), local_time(now, zone).date()
    days = (then.date() - today).days
    if days == 0:
        return f"{then:%H:%M} today"
    if 0 < days <= _NEAR:
        return f"{_DAY_NAMES[then.weekday()]} {then:%H:%M}"
    year = "" if then.year == today.year else f" {then.year}"
    return f"{_DAY_NAMES[then.weekday()][:3]} {then.day} {then:%b}{year}, {then:%H:%M}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def midnight(day: date, zone: str) -> datetime:
    """Return the first instant of a day by the clocks of a zone."""
    return local_instant(day, time(0), zone)


def span_of(day: date, zone: str) -> tuple[datetime, datetime]:
    """Return a day from midnight to midnight."""
    return midnight(day, zone), midnight(day + timedelta(days=1), zone)
