"""Open alerts while something is wrong, and resolve them by themselves when it is mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction

from journeys.errors import Conflict
from journeys.services import audit
from monitoring.models import Alert

log = structlog.get_logger(__name__)

Level = Alert.Level
Status = Alert.Status


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong now."""

    #: The same trouble has the same key; one alert is open for it.
    key: str
    level: Alert.Level
    title: str
    #: Without personal data.
    detail: str
    #: Whose it is; None for the whole system.
    vendor_id: int | None = None
    #: Nobody is told before it was seen a second time, at least so long after the first.
    patience: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Reported:
    """What one look changed."""

    opened: int = 0
    resolved: int = 0
    #: Seen for the first time and to be looked at again soon.
    suspected: int = 0


def alone(name: str) -> bool:
    """Tell whether the caller is the only one doing `name` until its transaction ends; nobody waits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"monitoring:{name}"])
        return bool(cursor.fetchone()[0])


def report(*, source: str, troubles: Sequence[Trouble], now: datetime) -> Reported:
    """Write down everything that a source sees wrong now; what it no longer sees is mended.

    Inside the caller's transaction, alone with its source (`alone`). A second call counts one more look.
    """
    known = {
        alert.key: alert
        for alert in Alert.objects.select_for_update().filter(source=source, status__in=Alert.LIVE)
    }
    opened = suspected = 0
    for trouble in {one.key: one for one in troubles}.values():
        alert = known.pop(trouble.key, None)
        was_open = alert is not None and alert.status == Status.OPEN
        alert = _seen_again(alert, trouble, now=now) if alert else _first_seen(source, trouble, now=now)
        if alert.status == Status.SUSPECTED:
            suspected += 1
        elif not was_open:
            opened += 1
            log.warning("alert_opened", alert=alert.public_id, key=alert.key, level=alert.level)
    resolved = [alert for alert in known.values() if alert.status == Status.OPEN]
    Alert.objects.filter(pk__in=[alert.pk for alert in resolved]).update(
        status=Status.RESOLVED, resolved_at=now
    )
    # What was gone at the second look was no trouble.
    Alert.objects.filter(pk__in=[one.pk for one in known.values() if one not in resolved]).delete()
    for alert in resolved:
        log.info("alert_resolved", alert=alert.public_id, key=alert.key)
    return Reported(opened, len(resolved), suspected)


def _first_seen(source: str, trouble: Trouble, *, now: datetime) -> Alert:
    return Alert.objects.create(
        vendor_id=trouble.vendor_id,
        source=source[:120],
        key=trouble.key[:200],
        level=trouble.level,
        status=Status.SUSPECTED if trouble.patience else Status.OPEN,
        title=trouble.title[:200],
        detail=trouble.detail[:1000],
        opened_at=now,
        seen_at=now,
    )


def _seen_again(alert: Alert, trouble: Trouble, *, now: datetime) -> Alert:
    alert.level, alert.title, alert.detail = trouble.level, trouble.title[:200], trouble.detail[:1000]
    alert.seen_at = max(alert.seen_at, now)
    alert.times += 1
    if alert.status == Status.SUSPECTED and now - alert.opened_at >= trouble.patience:
        alert.status = Status.OPEN
    alert.save(update_fields=["level", "title", "detail", "seen_at", "times", "status"])
    return alert


def forget_unseen(*, prefix: str, before: datetime, now: datetime) -> int:
    """Resolve what the sources with this prefix have not seen since `before`, and return how many.

    For sources that may go away together with what they watch, such as a host that was switched off.
    """
    gone = Alert.objects.filter(source__startswith=prefix, status__in=Alert.LIVE, seen_at__lt=before)
    return gone.update(status=Status.RESOLVED, resolved_at=now)


def alert_acknowledge(*, alert: Alert, now: datetime, actor: str) -> Alert:
    """Write down that a person has taken an alert up; no letter about it goes out any more. Twice changes nothing.

    Raises:
        Conflict: it is mended already (`resolved`).
    """
    with transaction.atomic():
        alert = Alert.objects.select_for_update().get(pk=alert.pk)
        if alert.status == Status.RESOLVED:
            raise Conflict("This is mended already: there is nothing to take up.", code="resolved")
        if alert.acknowledged_at is None:
            alert.acknowledged_at, alert.acknowledged_by = now, actor[:100]
            alert.save(update_fields=["acknowledged_at", "acknowledged_by"])
            audit.record(
                vendor=alert.vendor,
                actor=actor,
                action="alert.acknowledged",
                obj=alert,
                now=now,
                key=alert.key,
            )
    return alert
