"""Remember what steps have asked of people, so that a step that is woken knows how far it has come."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from engine.models import Ask, Instance
from engine.places import Place


def ask_note(*, place: Place, kind: str, reminder: int, now: datetime) -> Ask | None:
    """Write down that a place has asked (reminder 0) or reminded, inside the caller's transaction.

    A second call with the same reminder changes nothing. None when the passage is gone.
    """
    ask = ask_open(place=place, kind=kind, now=now)
    if ask is None:
        return None
    changed: list[str] = []
    if ask.asked_at is None:
        ask.asked_at = now
        changed.append("asked_at")
    if reminder > ask.reminders:
        ask.reminders, ask.reminded_at = reminder, now
        changed += ["reminders", "reminded_at"]
    if changed:
        ask.save(update_fields=changed)
    return ask


def ask_open(*, place: Place, kind: str, now: datetime) -> Ask | None:
    """Give a place's ask, made when there is none yet; None when the passage is gone."""
    key = str(place)
    found = Ask.objects.filter(place=key).first()
    if found is not None:
        return found
    instance = Instance.objects.filter(public_id=place.instance).first()
    if instance is None:
        return None
    with transaction.atomic():
        fresh = Ask(
            vendor_id=instance.vendor_id,
            client_id=instance.client_id,
            wedding_id=instance.wedding_id,
            instance=instance,
            place=key,
            kind=kind,
            node_id=place.node_id,
            visit=place.visit,
            created_at=now,
        )
        Ask.objects.bulk_create([fresh], ignore_conflicts=True)
    return Ask.objects.get(place=key)


def ask_seen(*, ask: Ask, now: datetime) -> None:
    """Write down the first time that somebody opened the page of an ask."""
    if ask.opened_at is None:
        Ask.objects.filter(pk=ask.pk, opened_at__isnull=True).update(opened_at=now)
        ask.opened_at = now
