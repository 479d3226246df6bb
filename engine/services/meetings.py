"""Book, move and cancel meetings: the time, the wedding's date that follows it, the letters, the steps that wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from engine.models import Ask, Meeting, MeetingNotice, MeetingType
from engine.services import notices, triggering, waking
from engine.services.free_times import is_free
from journeys.errors import Conflict, Invalid
from journeys.language.errors import LanguageError
from journeys.language.offsets import Offset
from journeys.language.zones import local_instant, local_time
from journeys.models import Client, Wedding
from journeys.selectors import main_wedding
from journeys.services import audit
from journeys.services.vendors import check_zone
from journeys.services.weddings import anchor_set

log = structlog.get_logger(__name__)

Status = Meeting.Status
Kind = MeetingNotice.Kind

#: Space of advisory locks in which bookings of one vendor wait for each other.
LOCK_SPACE = 77_301
LONGEST_MESSAGE = 2000
#: No meeting is so far away, in either direction.
FARTHEST = timedelta(days=3660)
TAKEN = "This time has just been taken: choose another one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What goes along with a booking, beside its time."""

    #: Roles that hear of it, beside the vendor.
    roles: tuple[str, ...] = ("couple",)
    #: By which channel reminders go.
    channel: str = "email"
    #: Offsets before the start.
    reminders: tuple[str, ...] = ("1d",)
    #: Date of the wedding that follows the meeting; "" for none.
    anchor: str = ""
    #: The zone in which the couple reads its time; "" finds one.
    time_zone: str = ""
    #: What the couple wants to say.
    message: str = ""
    #: A person of the vendor's chose the time: their own hours, notice and horizon do not bind them.
    any_hour: bool = False


@transaction.atomic
def meeting_book(
    *,
    meeting_type: MeetingType,
    client: Client,
    starts_at: datetime,
    wishes: Wishes,
    ask: Ask | None = None,
    wedding: Wedding | None = None,
    now: datetime,
    actor: str,
) -> Meeting:
    """Book a meeting: time, date of the wedding, letters, event and wake in one transaction.

    The same asking at the same time a second time gives the first meeting back. The database refuses two meetings
    of one vendor at one time, whoever books them.

    Raises:
        Conflict: code `slot_taken`, `already_booked` (the asking has another meeting), `not_offered` or
            `wedding_cancelled`.
        Invalid: a wish can not be used; the code names which.
    """
    wedding = _held(wedding or (ask.wedding if ask else None) or main_wedding(client))
    _one_at_a_time(meeting_type)
    _check(wishes)
    if wedding is not None and wedding.status == Wedding.Status.CANCELLED:
        raise Conflict(
            "This wedding is cancelled, so there is nothing to meet for.", code="wedding_cancelled"
        )
    known = _live_of(ask)
    if known is not None:
        if known.starts_at == starts_at:
            return known
        raise Conflict("There is a meeting already: move that one instead.", code="already_booked")
    if not meeting_type.is_active:
        raise Conflict("This meeting is not offered any more: write to us instead.", code="not_offered")
    _must_be_free(meeting_type, starts_at, now=now, any_hour=wishes.any_hour)
    meeting = Meeting(
        vendor_id=client.vendor_id,
        client=client,
        wedding=wedding,
        meeting_type=meeting_type,
        ask=ask,
        title=meeting_type.title,
        where=meeting_type.where,
        roles=list(wishes.roles),
        reminders=list(wishes.reminders),
        channel=wishes.channel,
        anchor=wishes.anchor if wedding is not None else "",
        time_zone=wishes.time_zone or zone_for(client, wedding),
        message=wishes.message.strip()[:LONGEST_MESSAGE],
        created_at=now,
    )
    _place(meeting, starts_at, now=now)
    audit.record(
        client.vendor,
        actor,
        "meeting.booked",
        meeting,
        now,
        client=client.public_id,
        at=starts_at.isoformat(),
    )
    _follow(meeting, Kind.INVITATION, now=now, actor=actor)
    _tell(meeting, "meeting_booked", now=now, actor=actor)
    return meeting


@transaction.atomic
def meeting_move(
    *, meeting: Meeting, starts_at: datetime, now: datetime, actor: str, any_hour: bool = False
) -> Meeting:
    """Move a booked meeting to another time; everything that follows it moves along. Twice changes nothing.

    Raises:
        Conflict: code `slot_taken`, `not_booked` (it is cancelled, missed or over).
        Invalid: code `too_far` or `in_the_past`.
    """
    _held(meeting.wedding)
    _one_at_a_time(meeting.meeting_type)
    meeting = _locked(meeting)
    _must_be_ahead(meeting, now=now)
    if meeting.starts_at == starts_at:
        return meeting
    _must_be_free(meeting.meeting_type, starts_at, now=now, any_hour=any_hour, besides=meeting)
    was = meeting.starts_at
    meeting.sequence += 1
    _place(meeting, starts_at, now=now)
    audit.record(
        meeting.vendor,
        actor,
        "meeting.moved",
        meeting,
        now,
        was=was.isoformat(),
        at=starts_at.isoformat(),
    )
    _follow(meeting, Kind.MOVED, now=now, actor=actor)
    waking.wake(client_id=meeting.client_id, topics=["meeting"], now=now)
    return meeting


@transaction.atomic
def meeting_cancel(*, meeting: Meeting, now: datetime, actor: str) -> Meeting:
    """Cancel a booked meeting and free its time; a second call changes nothing.

    The asking it came from is open again: another time can be chosen by the same link.

    Raises:
        Conflict: code `not_booked` (it was missed, or is over).
    """
    _held(meeting.wedding)
    _one_at_a_time(meeting.meeting_type)
    meeting = _locked(meeting)
    if meeting.status == Status.CANCELLED:
        return meeting
    _must_be_ahead(meeting, now=now)
    meeting.status, meeting.changed_at = Status.CANCELLED, now
    meeting.sequence += 1
    meeting.save(update_fields=["status", "changed_at", "sequence"])
    audit.record(meeting.vendor, actor, "meeting.cancelled", meeting, now)
    notices.follow(meeting=meeting, kind=Kind.CANCELLATION, now=now)
    _set_anchor(meeting, at=None, now=now, actor=actor)
    _tell(meeting, "meeting_cancelled", now=now, actor=actor)
    return meeting


@transaction.atomic
def meeting_missed(*, meeting: Meeting, now: datetime, actor: str) -> Meeting:
    """Write down that nobody came to a meeting; a second call changes nothing.

    Raises:
        Conflict: code `not_booked` (it is cancelled) or `not_begun`.
    """
    meeting = _locked(meeting)
    if meeting.status == Status.MISSED:
        return meeting
    if meeting.status != Status.BOOKED:
        raise Conflict("This meeting is cancelled, so nobody could come.", code="not_booked")
    if meeting.starts_at > now:
        raise Conflict("This meeting has not begun yet: cancel it instead.", code="not_begun")
    meeting.status, meeting.changed_at = Status.MISSED, now
    meeting.save(update_fields=["status", "changed_at"])
    audit.record(meeting.vendor, actor, "meeting.missed", meeting, now)
    waking.wake(client_id=meeting.client_id, topics=["meeting"], now=now)
    return meeting


def cancel_of_wedding(*, wedding: Wedding, now: datetime, actor: str) -> int:
    """Cancel what is still ahead of a wedding that will not take place, inside the caller's transaction."""
    ahead = Meeting.objects.filter(wedding=wedding, status=Status.BOOKED, ends_at__gt=now)
    meetings = list(ahead.select_related("meeting_type__vendor", "vendor").order_by("id"))
    for meeting in meetings:
        meeting_cancel(meeting=meeting, now=now, actor=actor)
    return len(meetings)


def zone_for(client: Client, wedding: Wedding | None) -> str:
    """Give the zone in which a couple most likely reads the clock: their own, the wedding's, the vendor's."""
    return client.time_zone or (wedding.time_zone if wedding else "") or client.vendor.time_zone


def _check(wishes: Wishes) -> None:
    if wishes.time_zone:
        check_zone(wishes.time_zone)
    for offset in wishes.reminders:
        try:
            good = Offset.parse(offset).shortest > timedelta(0)
        except LanguageError as error:
            raise Invalid(str(error), code="bad_reminder") from error
        if not good:
            raise Invalid(
                'A reminder comes before the meeting: write how long, such as "1d".', code="bad_reminder"
            )


def _held(wedding: Wedding | None) -> Wedding | None:
    """Read a wedding anew and let nobody move it until the transaction ends; always before anything else."""
    if wedding is None:
        return None
    return Wedding.objects.select_for_update(no_key=True).get(pk=wedding.pk)


def _one_at_a_time(meeting_type: MeetingType) -> None:
    """Let bookings of one vendor wait for each other until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_SPACE, meeting_type.vendor_id % 2**31])


def _locked(meeting: Meeting) -> Meeting:
    rows = Meeting.objects.select_for_update(of=("self",)).select_related(
        "vendor", "client__vendor", "wedding", "meeting_type__vendor"
    )
    return rows.get(pk=meeting.pk)


def _live_of(ask: Ask | None) -> Meeting | None:
    if ask is None:
        return None
    rows = Meeting.objects.select_related("vendor", "client__vendor", "wedding", "meeting_type__vendor")
    return rows.filter(ask=ask, status=Status.BOOKED).first()


def _must_be_ahead(meeting: Meeting, *, now: datetime) -> None:
    if meeting.status != Status.BOOKED or meeting.ends_at <= now:
        said = "over" if meeting.status == Status.BOOKED else meeting.get_status_display().lower()
        raise Conflict(f"This meeting is {said}: book a new one instead.", code="not_booked")


def _must_be_free(
    meeting_type: MeetingType,
    starts_at: datetime,
    *,
    now: datetime,
    any_hour: bool,
    besides: Meeting | None = None,
) -> None:
    if not now - FARTHEST < starts_at < now + FARTHEST:
        raise Invalid("This time is too far away: choose another one.", code="too_far")
    if any_hour:
        if starts_at <= now:
            raise Invalid("This time has passed: choose one that is ahead.", code="in_the_past")
    elif not is_free(meeting_type, starts_at, now=now, besides=besides):
        raise Conflict(TAKEN, code="slot_taken")


def _place(meeting: Meeting, starts_at: datetime, *, now: datetime) -> None:
    """Write the meeting at its time; the database says no where another one stands.

    Raises:
        Conflict: code `slot_taken` or `already_booked`.
    """
    kind = meeting.meeting_type
    meeting.starts_at = starts_at
    meeting.ends_at = starts_at + timedelta(minutes=kind.minutes)
    meeting.meant = meant_by(starts_at, zone=kind.zone)
    blocked_until = meeting.ends_at + timedelta(minutes=kind.buffer_minutes)
    meeting.blocks = DateTimeTZRange(starts_at, blocked_until, "[)")
    meeting.changed_at = now
    try:
        with transaction.atomic():
            meeting.save()
    except IntegrityError as error:
        if "meeting_one_of_ask" in str(error):
            raise Conflict("There is a meeting already: move that one.", code="already_booked") from error
        raise Conflict(TAKEN, code="slot_taken") from error


def meant_by(starts_at: datetime, *, zone: str) -> str:
    """Write what the vendor's clock shows at an instant; "" where that would be read as another instant."""
    wall = local_time(starts_at, zone).replace(tzinfo=None)
    if local_instant(wall.date(), wall.time(), zone) != starts_at:
        return ""
    return f"{wall.isoformat(timespec='minutes')} {zone}"


@transaction.atomic
def follow_zone_data(*, now: datetime) -> int:
    """Keep the clock time of meetings ahead when a zone's rules change; everybody is told. Twice changes nothing.

    Meetings that would collide with another one by that stay where they are, and are logged.
    """
    moved = 0
    ahead = Meeting.objects.filter(status=Status.BOOKED, starts_at__gt=now).exclude(meant="")
    for meeting in ahead.select_related("vendor", "meeting_type__vendor", "wedding").order_by("starts_at"):
        wall, _, zone = meeting.meant.partition(" ")
        agreed = datetime.fromisoformat(wall)
        instant = local_instant(agreed.date(), agreed.time(), zone)
        if instant == meeting.starts_at:
            continue
        was, meeting.sequence = meeting.starts_at, meeting.sequence + 1
        try:
            _place(meeting, instant, now=now)
        except Conflict:
            log.warning("meeting_not_moved", meeting=meeting.public_id)
            continue
        detail = {"was": was.isoformat(), "at": instant.isoformat()}
        audit.record(meeting.vendor, "engine", "meeting.moved", meeting, now, **detail)
        _follow(meeting, Kind.MOVED, now=now, actor="engine")
        waking.wake(client_id=meeting.client_id, topics=["meeting"], now=now)
        moved += 1
    return moved


def _follow(meeting: Meeting, kind: MeetingNotice.Kind, *, now: datetime, actor: str) -> None:
    notices.follow(meeting=meeting, kind=kind, now=now)
    _set_anchor(meeting, at=meeting.starts_at, now=now, actor=actor)


def _set_anchor(meeting: Meeting, *, at: datetime | None, now: datetime, actor: str) -> None:
    """Let the wedding's date follow the meeting: day and time where the wedding is."""
    if not meeting.anchor or meeting.wedding is None:
        return
    zone = meeting.wedding.time_zone
    wall = local_time(at, zone) if at else None
    anchor_set(
        wedding=meeting.wedding,
        name=meeting.anchor,
        date=wall.date() if wall else None,
        time=wall.time() if wall else None,
        time_zone=zone if wall else "",
        now=now,
        actor=actor,
    )


def _tell(meeting: Meeting, type_: str, *, now: datetime, actor: str) -> None:
    """Make the event that journeys may start with, and wake what waits."""
    triggering.event_receive(
        vendor=meeting.vendor,
        type=type_,
        event_id=f"{type_}:{meeting.public_id}",
        client=meeting.client,
        topic=meeting.meeting_type.key,
        payload={
            "meeting": meeting.public_id,
            "starts_at": meeting.starts_at.isoformat(),
            "ends_at": meeting.ends_at.isoformat(),
            "title": meeting.title,
        },
        now=now,
        actor=actor,
    )
    waking.wake(client_id=meeting.client_id, topics=["meeting"], now=now)


def roles_of(given: Sequence[str]) -> tuple[str, ...]:
    """Give roles without repetitions; the vendor always hears of its own meetings and needs no mention."""
    return tuple(dict.fromkeys(role for role in given if role != "vendor")) or ("couple",)
