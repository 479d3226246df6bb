"""Follow the time-zone database: when its rules change, every stored moment is computed anew from what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction

from engine import signals
from engine.models import Instance, Watermark, ZoneUpdate
from engine.services.dates import WATERMARK
from engine.services.recomputing import Recomputed, recompute
from journeys.language.zones import database_version

log = structlog.get_logger(__name__)

#: Instances of one transaction.
CHUNK = 200
#: Moved steps that are kept in the report.
MOST_REPORTED = 1_000
#: No zone has ever moved by more: journeys that start by a date look back so far for what would be missed.
LONGEST_SHIFT = timedelta(hours=26)
#: Name of the lock that lets one process apply a new database at a time.
_LOCK = 7_260_411


@dataclass(frozen=True, slots=True)
class ZoneReport:
    """What another time-zone database does to the stored moments."""

    version: str
    #: What they were computed with so far; "" when nobody knows.
    was: str
    examined: int
    moved: tuple[Recomputed, ...]


def in_force() -> str:
    """Give the version of the database that stored moments were computed with; "" before the first look."""
    return ZoneUpdate.objects.order_by("-id").values_list("version", flat=True).first() or ""


def rehearse(*, now: datetime) -> ZoneReport:
    """Tell what `apply` would do; nothing is kept. Outside any transaction of the caller's."""
    moved: list[Recomputed] = []
    examined = 0
    for ids in _chunks():
        with transaction.atomic():
            moved += recompute(instance_ids=ids, now=now)
            transaction.set_rollback(True)
        examined += len(ids)
    return ZoneReport(database_version(), in_force(), examined, tuple(moved))


def apply(*, now: datetime) -> ZoneReport | None:
    """Compute every stored moment anew and write down the version and what moved.

    One transaction for each part of the couples, the version last: a crash repeats the rest, and steps that stand
    right already are not touched. None when another process is at it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return None
        try:
            return _apply(now=now)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def catch_up(*, now: datetime) -> ZoneReport | None:
    """Apply the database in use if the stored moments were computed with another one; None when nothing had to be."""
    return None if in_force() == database_version() else apply(now=now)


def _apply(*, now: datetime) -> ZoneReport:
    version, was = database_version(), in_force()
    moved: list[Recomputed] = []
    examined = 0
    for ids in _chunks():
        with transaction.atomic():
            moved += recompute(instance_ids=ids, now=now)
        examined += len(ids)
    with transaction.atomic():
        signals.zone_data_changed.send(sender=ZoneUpdate, version=version, was=was, now=now, moved=moved)
        if was:
            mark = Watermark.objects.select_for_update().filter(name=WATERMARK).first()
            if mark is not None:
                # A moment that comes earlier now may lie behind the mark; events that were made are not made twice.
                mark.at -= LONGEST_SHIFT
                mark.save(update_fields=["at"])
        ZoneUpdate.objects.create(
            version=version,
            was=was,
            applied_at=now,
            examined=examined,
            moved=len(moved),
            report=[_line(one) for one in moved[:MOST_REPORTED]],
        )
    log.info("zone_data_applied", version=version, was=was, examined=examined, moved=len(moved))
    return ZoneReport(version, was, examined, tuple(moved))


def _chunks() -> Iterator[list[int]]:
    """Give the live instances in parts, by number."""
    last = 0
    while True:
        rows = Instance.objects.filter(id__gt=last, status__in=Instance.LIVE).order_by("id")
        ids = list(rows.values_list("id", flat=True)[:CHUNK])
        if not ids:
            return
        yield ids
        last = ids[-1]


def _line(one: Recomputed) -> dict[str, str | None]:
    return {
        "vendor": one.vendor,
        "instance": one.instance,
        "step": one.step,
        "zone": one.zone,
        "before": one.before.isoformat() if one.before else None,
        "after": one.after.isoformat() if one.after else None,
    }
