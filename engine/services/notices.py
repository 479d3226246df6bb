"""The outbox of letters about meetings: written with the change, sent right after it, and never twice.

A letter is a row. Whoever changes a meeting writes the rows in the same transaction; the tick and the commit ring for
what is due; a worker leases a row, and hands the letter over through the same ledger as every other message. What is
covered: a process that dies at any point (the lease ends, the ledger knows what was begun). Sending hours do not hold
an answer to what somebody has just done; a reminder waits for them where it can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.db.utils import InterfaceError
from django.db.utils import OperationalError as DatabaseUnavailable
from redis.exceptions import RedisError

from channels.models import Message
from channels.services import admission, sending
from channels.services.admission import Permit
from channels.services.circuits import Barred
from channels.services.sending import MessageSpec, StaleFence
from engine.models import Meeting, MeetingNotice
from engine.posting import post
from engine.services import dead_letters
from engine.services.meeting_letters import channel_of, recipient_of, spec_of
from journeys.language.calendar import BusinessCalendar, Offset, SendingHours, local_instant, local_time
from journeys.language.contact_rules import ContactRules
from journeys.language.errors import TextError
from journeys.language.outcomes import DoubtPolicy
from journeys.language.retries import RetryPolicy
from journeys.recipients import VENDOR, Recipient, recipients
from journeys.services.tasks import task_add

log = structlog.get_logger(__name__)

Kind = MeetingNotice.Kind
State = MeetingNotice.State

#: Name of the task that sends letters about meetings.
SEND = "engine.notices"
QUEUE = "high"
#: Letters rung for at a time; the next look takes the rest.
ROOM = 100
#: Rounds through the hours of vendor and person; hours that find no moment in so many have none in common.
ROUNDS = 20
#: How often a letter in doubt is looked into again.
DOUBT_EVERY = timedelta(seconds=30)
RETRIES = RetryPolicy(max_attempts=6, base_seconds=30, cap_seconds=1800)

_TAKE = """
WITH due AS MATERIALIZED (
    SELECT id FROM engine_meetingnotice
    WHERE (state = 'waiting' AND due_at <= %(now)s)
       OR (state IN ('queued', 'sending') AND lease_until < clock_timestamp())
    ORDER BY due_at, id LIMIT %(room)s FOR UPDATE SKIP LOCKED
)
UPDATE engine_meetingnotice n
SET state = 'queued', fence = n.fence + 1, lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
FROM due WHERE n.id = due.id
RETURNING n.id, n.fence
"""
_CLAIM = """
UPDATE engine_meetingnotice
SET state = 'sending', fence = fence + 1, attempt = attempt + 1,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id = %(id)s AND fence = %(fence)s AND state = 'queued'
RETURNING fence, attempt
"""


@dataclass(slots=True)
class _Held:
    """A letter that is leased."""

    notice_id: int
    fence: int
    attempt: int
    permit: Permit = field(default_factory=Permit)


def follow(*, meeting: Meeting, kind: MeetingNotice.Kind, now: datetime) -> None:
    """Write the letters that a change of a meeting asks for, and drop those that it overtakes.

    Inside the caller's transaction; they are rung for when it commits. A second call for the same state of the
    meeting writes nothing more.
    """
    overtaken = MeetingNotice.objects.filter(meeting=meeting, state=State.WAITING, due_at__gt=now)
    overtaken.update(state=State.DROPPED, reason="The meeting has changed since.")
    people = recipients(meeting.wedding, meeting.client, tuple(meeting.roles), channel="email")
    roles = [person.role for person in people]
    letters = [_letter(meeting, kind, role, due_at=now) for role in [*roles, VENDOR]]
    if kind != Kind.CANCELLATION:
        letters += [
            _letter(meeting, Kind.REMINDER, role, due_at=due_at, offset=offset)
            for offset in meeting.reminders
            if (due_at := _reminder_at(meeting, offset)) > now
            for role in roles
        ]
    MeetingNotice.objects.bulk_create(letters, ignore_conflicts=True)
    transaction.on_commit(lambda: dispatch(now=now), robust=True)


def dispatch(*, now: datetime) -> list[tuple[int, int]]:
    """Ring for letters that are due or whose lease has ended, and return (id, fence) of each.

    Two at once take different rows. A lost bell costs the lease's length.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TAKE, {"now": now, "room": ROOM, "lease": settings.QUEUE_BELL_LEASE_SECONDS})
        places = [(int(row[0]), int(row[1])) for row in cursor.fetchall()]
        if places:
            transaction.on_commit(lambda: _ring(places), robust=True)
    return places


def open_at(now: datetime) -> bool:
    """Tell whether a letter is due or being sent."""
    due = Q(state=State.WAITING, due_at__lte=now) | Q(state__in=[State.QUEUED, State.SENDING])
    return MeetingNotice.objects.filter(due).exists()


def _ring(places: Sequence[tuple[int, int]]) -> None:
    try:
        post(SEND, [(QUEUE, {"places": [list(place)]}) for place in places])
    except (RedisError, OSError) as error:
        log.warning("notice_bell_not_rung", places=len(places), error=type(error).__name__)


def carry_out(*, places: Sequence[tuple[int, int]], now: datetime) -> int:
    """Send the letters (id, fence) of one bell, outside any transaction, and return how many came to a result.

    A second call with the same places does nothing.
    """
    done = 0
    for notice_id, fence in places:
        held = _claim(notice_id, fence)
        if held is None:
            continue
        if held.attempt > RETRIES.max_attempts:
            _quarantine(held, now=now)
            continue
        try:
            _send(held, now=now)
            done += 1
        except StaleFence:
            log.info("notice_lease_lost", notice=notice_id)
        except (InterfaceError, DatabaseUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 a fault of ours must not come back for ever without anybody knowing
            _break(held, error, now=now)
    return done


def _break(held: _Held, error: Exception, *, now: datetime) -> None:
    """Write an unexpected fault down: tried again a bounded number of times, then a person tells the couple."""
    log.error("notice_broke", notice=held.notice_id, error=type(error).__name__, exc_info=error)
    with transaction.atomic():
        notice = _locked(held)
        if notice is None:
            return
        reason = f"An error in the system itself ({type(error).__name__})."
        if RETRIES.allows(notice.attempt):
            until = now + RETRIES.ceiling(notice.attempt, seconds_to_wedding=None)
            _wait(notice, until=until, reason=reason, was_a_try=True)
        else:
            _give_up(notice, reason, error, now=now)


def _quarantine(held: _Held, *, now: datetime) -> None:
    """Give up on a letter that was begun so often and never came to a result: it may stop its workers."""
    with transaction.atomic():
        notice = _locked(held)
        if notice is not None:
            said = f"It was begun {held.attempt - 1} times and never came to a result."
            _give_up(notice, said, None, now=now)


def _give_up(notice: MeetingNotice, reason: str, error: Exception | None, *, now: datetime) -> None:
    """Have a person tell the couple, and keep the letter so that it can be sent when the fault is mended."""
    _fail(notice, reason, now=now)
    dead_letters.keep(
        kind="notice",
        key=str(notice.pk),
        vendor_id=notice.vendor_id,
        payload={"notice_id": notice.pk},
        error=error,
        said="" if error else reason,
        now=now,
    )


def _claim(notice_id: int, fence: int) -> _Held | None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"id": notice_id, "fence": fence, "lease": settings.QUEUE_LEASE_SECONDS})
        row = cursor.fetchone()
    return _Held(notice_id, int(row[0]), int(row[1])) if row else None


def _send(held: _Held, *, now: datetime) -> None:
    """Ledger first, call outside any transaction, result after it; the ledger's rules are in `sending`."""
    with transaction.atomic():
        notice = _locked(held)
        message = _prepared(notice, held, now=now) if notice else None
    if notice is None or message is None:
        return
    if message.status == Message.Status.SENDING:
        result = sending.hand_over(message)
        with transaction.atomic():
            notice = _locked(held)
            message = sending.record(message_id=message.id, fence=held.fence, result=result, now=now)
            admission.heard(message, result, permit=held.permit, now=now)
            _settle(notice, message, now=now, after=result.retry_after)
        return
    if message.status == Message.Status.IN_DOUBT:
        message = sending.settle_in_doubt(message=message, now=now)
    with transaction.atomic():
        notice = _locked(held)
        if notice is None:
            # Somebody newer owns the letter, and settles it.
            return
        if sending.doubt_expired(message=message, now=now):
            # The same invitation twice is one entry in a calendar; none at all is a missed meeting. A reminder is
            # not worth a second one.
            policy: DoubtPolicy = "assume_sent" if notice.kind == Kind.REMINDER else "resend"
            message = sending.settle_by_policy(message_id=message.id, policy=policy, now=now)
        _settle(notice, message, now=now, after=None)


def _locked(held: _Held) -> MeetingNotice | None:
    """Lock a letter that is still ours, meeting first; None when somebody newer owns it."""
    owner = MeetingNotice.objects.filter(pk=held.notice_id, fence=held.fence).values_list(
        "meeting_id", flat=True
    )
    meeting_id = owner.first()
    if meeting_id is None:
        return None
    rows = Meeting.objects.select_related("vendor", "client__vendor", "wedding", "ask")
    meeting = rows.select_for_update(of=("self",)).get(pk=meeting_id)
    notice = MeetingNotice.objects.select_for_update().filter(pk=held.notice_id, fence=held.fence).first()
    if notice is not None:
        notice.meeting = meeting
    return notice


def _prepared(notice: MeetingNotice, held: _Held, *, now: datetime) -> Message | None:
    """Write the letter into the ledger; None when there is nothing to be sent now."""
    meeting = notice.meeting
    if _is_overtaken(notice):
        _drop(notice, "The meeting has changed since.", now=now)
        return None
    if notice.kind == Kind.REMINDER and meeting.starts_at <= now:
        _drop(notice, "The meeting has begun.", now=now)
        return None
    recipient = recipient_of(notice)
    if recipient is None:
        _drop(notice, "Nobody has this role any more.", now=now)
        return None
    opens = _opening(notice, recipient, now=now) if notice.kind == Kind.REMINDER else now
    if now < opens < meeting.starts_at:
        _wait(notice, until=opens, reason="Put off: it is outside the sending hours, or their quiet hours.")
        return None
    try:
        spec = spec_of(notice, recipient)
    except TextError as error:
        _fail(notice, str(error), now=now)
        return None
    return _written(notice, spec, held, now=now)


def _written(notice: MeetingNotice, spec: MessageSpec, held: _Held, *, now: datetime) -> Message | None:
    """Write the ledger's row, unless the letter has to wait for its provider."""
    answer = admission.ask(channel=spec.channel, key=spec.key, now=now)
    if isinstance(answer, Barred):
        _put_off(notice, answer, now=now)
        return None
    held.permit = answer
    message = sending.prepare(spec=spec, fence=held.fence, now=now)
    if message.status != Message.Status.SENDING:
        held.permit.give_back()
    notice.message_ref = message.public_id
    notice.save(update_fields=["message_ref"])
    return message


def _is_overtaken(notice: MeetingNotice) -> bool:
    """Tell whether the meeting has changed since, so that another letter tells of it better."""
    meeting = notice.meeting
    begun = Message.objects.filter(public_id=notice.message_ref) if notice.message_ref else None
    if begun is not None and begun.exclude(status=Message.Status.RETRY).exists():
        return False  # It may have gone out: what became of it must be found out.
    cancelled = meeting.status == Meeting.Status.CANCELLED
    return notice.sequence != meeting.sequence or cancelled != (notice.kind == Kind.CANCELLATION)


def _settle(
    notice: MeetingNotice | None, message: Message, *, now: datetime, after: timedelta | None
) -> None:
    """Say how a letter goes on, from what the ledger knows of its message."""
    if notice is None:
        return
    status = Message.Status
    if message.status == status.ACCEPTED:
        _close(notice, State.SENT, "")
    elif message.status == status.IN_DOUBT:
        _wait(notice, until=now + DOUBT_EVERY, reason="In doubt: nobody knows yet whether it was taken.")
    elif message.status == status.RETRY and (barred := admission.barred_now(message, now=now)):
        _put_off(notice, barred, now=now)
    elif message.status == status.RETRY and RETRIES.allows(notice.attempt):
        # No jitter: letters about one meeting are few.
        pause = RETRIES.ceiling(notice.attempt, seconds_to_wedding=None)
        until = now + max(pause, after or timedelta())
        _wait(notice, until=until, reason=message.reason, was_a_try=True)
    else:
        _fail(notice, message.reason or "It could not be sent.", now=now)


def _put_off(notice: MeetingNotice, barred: Barred, *, now: datetime) -> None:
    """Let a letter wait for its provider's account without a try; a person hears of one that waits too long."""
    if now - barred.since >= timedelta(hours=settings.CIRCUIT_GIVE_UP_HOURS):
        _fail(notice, barred.reason, now=now)
    else:
        _wait(notice, until=barred.until, reason=barred.reason)


def _close(notice: MeetingNotice, state: MeetingNotice.State, reason: str) -> None:
    notice.state, notice.reason, notice.lease_until = state, reason[:300], None
    notice.save(update_fields=["state", "reason", "lease_until"])


def _drop(notice: MeetingNotice, reason: str, *, now: datetime) -> None:
    """Give a letter up that is no longer needed, with what may be open of it in the ledger."""
    if notice.message_ref:
        key = Message.objects.values_list("key", flat=True).get(public_id=notice.message_ref)
        sending.give_up(place=key, now=now)
    _close(notice, State.DROPPED, reason)


def _wait(notice: MeetingNotice, *, until: datetime, reason: str, was_a_try: bool = False) -> None:
    notice.state, notice.due_at = State.WAITING, until
    notice.reason, notice.lease_until = reason[:300], None
    if not was_a_try:
        notice.attempt = max(notice.attempt - 1, 0)
    notice.save(update_fields=["state", "due_at", "reason", "lease_until", "attempt"])


def _fail(notice: MeetingNotice, reason: str, *, now: datetime) -> None:
    """Give up on a letter and have a person tell the couple; a reminder that is lost needs no one."""
    _close(notice, State.FAILED, reason)
    meeting = notice.meeting
    if notice.kind == Kind.REMINDER or notice.role == VENDOR:
        return
    role = notice.role.replace("_", " ")
    task_add(
        client=meeting.client,
        title=f"Tell {role} about the meeting: {meeting.title}",
        note=f"The letter could not be sent. {reason}",
        due_on=local_time(now, meeting.vendor.time_zone).date(),
        source=f"meeting:{meeting.public_id}:{notice.sequence}:{notice.role}",
        now=now,
        actor="engine",
    )


def _letter(
    meeting: Meeting, kind: MeetingNotice.Kind, role: str, *, due_at: datetime, offset: str = ""
) -> MeetingNotice:
    return MeetingNotice(
        vendor_id=meeting.vendor_id,
        meeting=meeting,
        kind=kind,
        sequence=meeting.sequence,
        role=role,
        offset=offset,
        due_at=due_at,
    )


def _reminder_at(meeting: Meeting, offset: str) -> datetime:
    """Give the moment so long before the start: whole days by the couple's clock, hours as they pass."""
    back = -Offset.parse(offset)
    moment = meeting.starts_at
    if back.has_date_part:
        wall = local_time(moment, meeting.time_zone)
        business = BusinessCalendar(meeting.vendor.region)
        moment = local_instant(
            back.add_to_date(wall.date(), business=business), wall.time(), meeting.time_zone
        )
    return moment + timedelta(minutes=back.minutes)


def _opening(notice: MeetingNotice, recipient: Recipient, *, now: datetime) -> datetime:
    """Give the first moment that suits the vendor's sending hours and the person's quiet hours."""
    meeting = notice.meeting
    rules = ContactRules.from_setting(meeting.vendor.contact_rules).quiet_hours
    of_channel = rules.sms if channel_of(notice, recipient) == "sms" else rules.email
    quiet = of_channel if recipient.quiet is None else recipient.quiet
    hours = [SendingHours.from_setting(meeting.vendor.sending_hours), *([quiet.open] if quiet else [])]
    moment = now
    for _ in range(ROUNDS):
        before = moment
        for open_hours in hours:
            moment = open_hours.next_open(moment, meeting.time_zone)
        if moment == before:
            break
    return moment
