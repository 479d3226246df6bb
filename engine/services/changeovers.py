"""Carry out what a publishing decided for those inside, in batches that can be stopped and taken up again."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.db.utils import InterfaceError, OperationalError

from engine.graphs import graph_of
from engine.models import Changeover, ChangeoverEntry, Instance
from engine.services import dead_letters
from engine.services.claims import lock_instances
from engine.services.landing import judge, set_down
from journeys.models import Journey, Version
from journeys.services import audit

log = structlog.get_logger(__name__)

Inside = Changeover.Inside
Outcome = ChangeoverEntry.Outcome

#: Instances of one transaction.
BATCH = 100
#: Kind of the dead letters of changeovers that broke.
DEAD = "changeover"


def inside(journey: Journey, *, other_than: Version | None = None) -> QuerySet[Instance]:
    """Give the live instances of a journey, with everything that judging them reads."""
    rows = Instance.objects.filter(journey=journey, status__in=Instance.LIVE)
    if other_than is not None:
        rows = rows.exclude(version=other_than)
    return (
        rows.select_related("vendor", "journey", "version", "wedding", "client")
        .prefetch_related("wedding__anchors")
        .order_by("id")
    )


def open_changeovers() -> list[Changeover]:
    """Give what is still to be carried out: the oldest of each journey, for they build on one another."""
    waiting = Changeover.objects.filter(finished_at__isnull=True) | Changeover.objects.filter(
        undone_at__isnull=False, undo_finished_at__isnull=True
    )
    oldest: dict[int, Changeover] = {}
    for changeover in waiting.order_by("id").select_related("journey", "version"):
        oldest.setdefault(changeover.journey_id, changeover)
    return list(oldest.values())


def carry_on_all(*, now: datetime, batches: int = 5) -> int:
    """Carry out what is open, so many batches of each journey at most; return how many instances were decided.

    What breaks for one does not hold the others up: it is kept for a person to see, and tried again by the next call.
    """
    decided = 0
    for one in open_changeovers():
        try:
            decided += carry_on(changeover=one, now=now, batches=batches)
        except (InterfaceError, OperationalError):
            raise
        except Exception as error:
            log.exception("changeover_broke", changeover=one.public_id)
            dead_letters.keep(
                kind=DEAD,
                key=one.public_id,
                vendor_id=one.vendor_id,
                payload={"changeover": one.public_id},
                error=error,
                now=now,
            )
    return decided


def carry_on(*, changeover: Changeover, now: datetime, batches: int | None = None) -> int:
    """Decide about the next instances of a changeover, each batch in a transaction of its own.

    Outside of a transaction it can be stopped at any moment and called again; two at once take turns. What is being
    carried out by a worker is left for the next call. Returns how many instances were decided.
    """
    decided = 0
    while batches is None or batches > 0:
        with transaction.atomic():
            locked = (
                Changeover.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("journey", "version", "vendor")
                .filter(pk=changeover.pk)
                .first()
            )
            count = _batch(locked, now=now) if locked is not None else 0
        if not count:
            break
        decided += count
        batches = None if batches is None else batches - 1
    changeover.refresh_from_db()
    return decided


def _batch(changeover: Changeover, *, now: datetime) -> int:
    if changeover.undone_at is not None:
        return _undo_batch(changeover, now=now) if changeover.undo_finished_at is None else 0
    if changeover.finished_at is not None:
        return 0
    fresh = list(
        inside(changeover.journey)
        .filter(id__gt=changeover.cursor, id__lte=changeover.last, pinned=False)
        .values_list("id", flat=True)[:BATCH]
    )
    busy = (
        []
        if fresh
        else list(_entries(changeover, Outcome.BUSY).values_list("instance_id", flat=True)[:BATCH])
    )
    lock_instances(fresh or busy)
    instances = list(inside(changeover.journey).filter(id__in=fresh or busy))
    if changeover.inside == Inside.ONLY_NEW:
        _pin_those(changeover, instances, now=now)
        left = 0
    else:
        left = _move_those(changeover, instances, now=now)
    if fresh:
        changeover.cursor = fresh[-1]
        changeover.save(update_fields=["cursor"])
        return len(fresh)
    _entries(changeover, Outcome.BUSY).filter(instance_id__in=busy).exclude(
        instance__status__in=Instance.LIVE
    ).delete()
    if not _entries(changeover, Outcome.BUSY).exists():
        changeover.finished_at = now
        changeover.save(update_fields=["finished_at"])
        dead_letters.close_open(kind=DEAD, key=changeover.public_id, now=now, actor="engine", done=True)
    return len(busy) - left


def _entries(changeover: Changeover, *outcomes: str) -> QuerySet[ChangeoverEntry]:
    return ChangeoverEntry.objects.filter(changeover=changeover, outcome__in=outcomes).order_by("id")


def _pin_those(changeover: Changeover, instances: list[Instance], *, now: datetime) -> None:
    for instance in instances:
        set_pin(instance, pinned=True, now=now, actor=changeover.made_by)
        _write(changeover, instance, source_id=instance.version_id, outcome=Outcome.PINNED)


def _move_those(changeover: Changeover, instances: list[Instance], *, now: datetime) -> int:
    """Move who can be moved; return how many are busy and so left for later."""
    target, left = graph_of(changeover.version_id), 0
    others = [one for one in instances if one.version_id != changeover.version_id]
    for judged in judge(others, target=target, now=now):
        source_id, places = judged.instance.version_id, judged.places()
        if judged.busy:
            left += 1
            _write(changeover, judged.instance, source_id=source_id, outcome=Outcome.BUSY)
        elif judged.stuck is not None:
            _write(
                changeover,
                judged.instance,
                source_id=source_id,
                outcome=Outcome.KEPT,
                code=judged.stuck.code,
                reason=judged.stuck.reason,
                places=places,
            )
        else:
            set_down(judged, version=changeover.version, target=target, now=now, actor=changeover.made_by)
            _write(changeover, judged.instance, source_id=source_id, outcome=Outcome.MOVED, places=places)
    return left


def _write(
    changeover: Changeover,
    instance: Instance,
    *,
    source_id: int,
    outcome: str,
    code: str = "",
    reason: str = "",
    places: list[dict[str, object]] | None = None,
) -> None:
    ChangeoverEntry.objects.update_or_create(
        changeover=changeover,
        instance=instance,
        defaults={
            "vendor_id": changeover.vendor_id,
            "source_id": source_id,
            "outcome": outcome,
            "code": code,
            "reason": reason[:300],
            "places": places or [],
        },
    )


def _undo_batch(changeover: Changeover, *, now: datetime) -> int:
    """Put the next ones back where they came from, those that were busy the last time at the end."""
    waiting = _entries(changeover, Outcome.MOVED, Outcome.PINNED).filter(undone="")
    entries = list(waiting.filter(undo_code="").select_related("source")[:BATCH])
    entries = entries or list(waiting.select_related("source")[:BATCH])
    lock_instances([entry.instance_id for entry in entries])
    instances = Instance.objects.select_related("vendor", "journey", "version", "wedding", "client")
    found = instances.prefetch_related("wedding__anchors").in_bulk([entry.instance_id for entry in entries])
    for entry in entries:
        _put_back(changeover, entry, found[entry.instance_id], now=now)
    if not waiting.exists():
        changeover.undo_finished_at = now
        changeover.save(update_fields=["undo_finished_at"])
        dead_letters.close_open(kind=DEAD, key=changeover.public_id, now=now, actor="engine", done=True)
    return sum(1 for entry in entries if entry.undone)


def _put_back(changeover: Changeover, entry: ChangeoverEntry, instance: Instance, *, now: datetime) -> None:
    """Move one instance back, or take its pin out, or say why not."""
    entry.undone, entry.undo_code, entry.undo_reason = "kept", "", ""
    if instance.status not in Instance.LIVE:
        entry.undo_code, entry.undo_reason = "ended", "Its journey has ended in the meantime."
    elif entry.outcome == Outcome.PINNED:
        entry.undone = "unpinned"
        if instance.pinned:
            set_pin(instance, pinned=False, now=now, actor=changeover.undone_by)
    elif instance.version_id != changeover.version_id:
        entry.undo_code, entry.undo_reason = (
            "moved_on",
            "It was moved to yet another version in the meantime.",
        )
    elif instance.pinned:
        entry.undo_code, entry.undo_reason = "pinned", "It is pinned to its version: take the pin out first."
    else:
        _move_back(changeover, entry, instance, now=now)
    entry.undo_reason = entry.undo_reason[:300]
    entry.save(update_fields=["undone", "undo_code", "undo_reason"])


def _move_back(changeover: Changeover, entry: ChangeoverEntry, instance: Instance, *, now: datetime) -> None:
    target = graph_of(entry.source_id)
    (judged,) = judge([instance], target=target, now=now)
    if judged.busy:
        entry.undone, entry.undo_code, entry.undo_reason = "", "busy", "A step of it is being carried out."
    elif judged.stuck is not None:
        entry.undo_code, entry.undo_reason = judged.stuck.code, judged.stuck.reason
    else:
        set_down(judged, version=entry.source, target=target, now=now, actor=changeover.undone_by)
        entry.undone = "moved_back"


def set_pin(instance: Instance, *, pinned: bool, now: datetime, actor: str) -> None:
    """Put a pin in or take it out, inside the transaction that holds the instance's lock."""
    instance.pinned = pinned
    instance.save(update_fields=["pinned"])
    audit.record(instance.vendor, actor, "instance.pinned" if pinned else "instance.unpinned", instance, now)
