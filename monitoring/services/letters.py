"""Write to people about open alerts: as rows, outside any transaction, never twice within an hour about one thing.

A letter whose fate is unknown (the process died, the answer did not come) is tried again an hour after it was begun;
one that surely did not go out, soon.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connection, transaction
from django.db.models import QuerySet

from channels import webhooks
from channels.transport import AnswerTooLarge, NoAnswer, NotSent
from channels.webhooks import AddressRefused
from monitoring.models import Alert, AlertLetter
from monitoring.services.alerts import alone

log = structlog.get_logger(__name__)

Way = AlertLetter.Way
State = AlertLetter.State

#: Between two letters about one key by one way.
QUIET = timedelta(hours=1)
#: Letters sent in one go; the next look sends the rest.
MOST_AT_ONCE = 10
#: Attempts before a letter is given up; the alert stays open on the monitor.
MOST_ATTEMPTS = 12
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
#: Longer than a letter takes on its way.
LEASE_SECONDS = 60
USER_AGENT = "WedSync-Journeys/1"

_UNTOLD = """
SELECT a.id, a.key FROM monitoring_alert a
WHERE a.status = 'open' AND a.acknowledged_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM monitoring_alertletter l
    WHERE l.way = %(way)s AND l.key = a.key AND l.state <> 'dropped'
      AND (l.alert_id = a.id OR COALESCE(l.begun_at, l.created_at) > %(now)s - make_interval(secs => %(quiet)s)))
ORDER BY a.id
"""
#: Whoever took these died on the way, or will never say: they may have gone out.
_LAPSED = """
UPDATE monitoring_alertletter
SET state = 'waiting', lease_until = NULL, due_at = begun_at + make_interval(secs => %(quiet)s),
    reason = 'It may have gone out: nobody knows, so it is tried again an hour later.'
WHERE state = 'sending' AND lease_until < clock_timestamp()
"""
_TAKE = """
UPDATE monitoring_alertletter SET state = 'sending', attempts = attempts + 1, begun_at = %(now)s,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id = (
    SELECT id FROM monitoring_alertletter WHERE state = 'waiting' AND due_at <= %(now)s
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one attempt."""

    #: None when nobody knows whether it went out.
    sent: bool | None
    reason: str = ""
    #: Trying again leads nowhere.
    final: bool = False


def plan(*, now: datetime) -> int:
    """Write a letter for each open alert that nobody has been told of, and return how many.

    An alert that opens again within the hour is told of when the hour is over, if it is still open. A second call
    writes nothing more.
    """
    ways = [way for way, wanted in _wanted().items() if wanted]
    planned: list[AlertLetter] = []
    with transaction.atomic():
        if not alone("letters"):
            return 0
        with connection.cursor() as cursor:
            cursor.execute(_LAPSED, {"quiet": QUIET.total_seconds()})
            for way in ways:
                cursor.execute(_UNTOLD, {"way": way.value, "now": now, "quiet": QUIET.total_seconds()})
                planned += [
                    AlertLetter(alert_id=alert_id, key=key, way=way, due_at=now, created_at=now)
                    for alert_id, key in cursor.fetchall()
                ]
        AlertLetter.objects.bulk_create(planned, ignore_conflicts=True)
    return len(planned)


def _wanted() -> dict[AlertLetter.Way, bool]:
    return {Way.EMAIL: bool(settings.ALERT_EMAILS), Way.WEBHOOK: bool(settings.ALERT_WEBHOOK_URL)}


def send_due(*, now: datetime) -> int:
    """Send what is due, outside any transaction, and return how many letters went out.

    Two at once take different letters.
    """
    sent = 0
    for _ in range(MOST_AT_ONCE):
        letter = _take(now=now)
        if letter is None:
            break
        if letter.alert.status != Alert.Status.OPEN or letter.alert.acknowledged_at is not None:
            _close(letter, State.DROPPED, "It was mended or taken up before the letter went out.")
            continue
        fate = _by_email(letter) if letter.way == Way.EMAIL else _by_webhook(letter)
        _record(letter, fate, now=now)
        sent += fate.sent is True
    return sent


def _take(*, now: datetime) -> AlertLetter | None:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_TAKE, {"now": now, "lease": LEASE_SECONDS})
        row = cursor.fetchone()
    if row is None:
        return None
    return AlertLetter.objects.select_related("alert__vendor").get(pk=row[0])


def _record(letter: AlertLetter, fate: Fate, *, now: datetime) -> None:
    if fate.sent:
        _close(letter, State.SENT, "")
        return
    log.warning("alert_letter_not_sent", letter=letter.public_id, way=letter.way, reason=fate.reason)
    if fate.final or letter.attempts >= MOST_ATTEMPTS:
        _close(letter, State.FAILED, fate.reason)
        return
    pause = QUIET if fate.sent is None else min(FIRST_PAUSE * 2 ** (letter.attempts - 1), LONGEST_PAUSE)
    _mine(letter).update(state=State.WAITING, lease_until=None, due_at=now + pause, reason=fate.reason[:300])


def _close(letter: AlertLetter, state: AlertLetter.State, reason: str) -> None:
    _mine(letter).update(state=state, lease_until=None, reason=reason[:300])


def _mine(letter: AlertLetter) -> QuerySet[AlertLetter]:
    """Select the letter as long as nobody newer has taken it."""
    return AlertLetter.objects.filter(pk=letter.pk, state=State.SENDING, attempts=letter.attempts)


def _by_email(letter: AlertLetter) -> Fate:
    alert = letter.alert
    mail = EmailMessage(
        subject=f"[{alert.get_level_display()}] {alert.title}",
        body=f"{words_of(alert)}\n",
        to=list(settings.ALERT_EMAILS),
        headers={"Message-ID": f"<{letter.public_id}@{_domain()}>", "Auto-Submitted": "auto-generated"},
    )
    server = get_connection()
    try:
        server.open()
    except (OSError, SMTPException) as error:
        return Fate(sent=False, reason=f"The mail server could not be reached ({type(error).__name__}).")
    try:
        server.send_messages([mail])
    except (SMTPResponseException, SMTPRecipientsRefused) as error:
        return Fate(sent=False, reason=f"The mail server refused the letter ({type(error).__name__}).")
    except (OSError, SMTPException) as error:
        return Fate(
            sent=None, reason=f"The mail server did not say whether it took it ({type(error).__name__})."
        )
    finally:
        server.close()
    return Fate(sent=True)


def _domain() -> str:
    return str(settings.DEFAULT_FROM_EMAIL).rpartition("@")[2].strip(">") or "localhost"


def words_of(alert: Alert) -> str:
    """Say what is wrong, since when, and where to look."""
    whose = f"It is about {alert.vendor.name}." if alert.vendor else "It is about the whole system."
    return "\n\n".join(
        part
        for part in (
            alert.title,
            alert.detail,
            f"{whose} Seen first at {alert.opened_at:%Y-%m-%d %H:%M:%S} UTC.",
            f"{settings.PUBLIC_URL}/journey-monitor/alerts/",
        )
        if part
    )


def _by_webhook(letter: AlertLetter) -> Fate:
    alert = letter.alert
    body = {
        "id": letter.public_id,
        "type": "alert.opened",
        "text": f"{alert.get_level_display()}: {alert.title}",
        "alert": {
            "id": alert.public_id,
            "key": alert.key,
            "level": alert.level,
            "title": alert.title,
            "detail": alert.detail,
            "vendor_id": alert.vendor.public_id if alert.vendor else None,
            "opened_at": alert.opened_at.isoformat(),
            "url": f"{settings.PUBLIC_URL}/journey-monitor/alerts/",
        },
    }
    try:
        answer = webhooks.call(
            method="POST",
            url=settings.ALERT_WEBHOOK_URL,
            headers={
                "Content-Type": "application/json",
                "User-Agent": USER_AGENT,
                "Idempotency-Key": letter.public_id,
            },
            body=json.dumps(body).encode(),
            timeout=settings.PROVIDER_TIMEOUT_SECONDS,
            ports=settings.WEBHOOK_PORTS,
            allow_private=settings.WEBHOOK_ALLOW_PRIVATE,
        )
    except AddressRefused as error:
        return Fate(sent=False, reason=error.reason, final=True)
    except NotSent as error:
        return Fate(sent=False, reason=f"The address could not be reached ({error}).")
    except AnswerTooLarge:
        return Fate(sent=True)
    except NoAnswer as error:
        return Fate(sent=None, reason=f"The address was called, and no answer came ({error}).")
    return _judged(answer.status)


_OK, _REDIRECT, _SERVER, _UNAVAILABLE = 200, 300, 500, 503


def _judged(status: int) -> Fate:
    if _OK <= status < _REDIRECT:
        return Fate(sent=True)
    reason = f"The address answered {status}."
    # These two say that nothing was taken; another error of the server may come after it took the letter.
    return Fate(sent=False if status < _SERVER or status == _UNAVAILABLE else None, reason=reason)
