"""What the layers below tell: clients that were added, weddings that moved, messages that were settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.dispatch import receiver

from channels.models import Circuit, Message
from channels.signals import circuit_changed, message_settled
from engine.models import Instance, Schedule
from engine.places import Place
from engine.services import (
    approvals,
    dispatch,
    interventions,
    late_plans,
    meetings,
    recomputing,
    rescheduling,
    triggering,
)
from engine.services.delivering import barring
from engine.signals import instance_changed, instance_started, zone_data_changed
from journeys.calendars import WeddingState
from journeys.models import Client, Vendor, Wedding
from journeys.signals import client_added, vendor_dates_changed, wedding_moved


@receiver(client_added)
def start_on_client_added(*, client: Client, now: datetime, actor: str, **_kwargs: Any) -> None:
    """Make the event of a new client, in the transaction that added it."""
    triggering.event_receive(
        vendor=client.vendor,
        type="client_added",
        event_id=f"client_added:{client.public_id}",
        client=client,
        topic=client.status[:60],
        payload={"status": client.status},
        now=now,
        actor=actor,
    )


@receiver(wedding_moved)
def follow_wedding(
    *, wedding: Wedding, before: WeddingState, correction: bool, now: datetime, actor: str, **_kwargs: Any
) -> None:
    """Move what hangs on the wedding's dates, in the transaction that moved them."""
    rescheduling.follow_wedding(wedding=wedding, before=before, correction=correction, now=now, actor=actor)


@receiver(vendor_dates_changed)
def follow_vendor(*, vendor: Vendor, now: datetime, **_kwargs: Any) -> None:
    """Move what the vendor's settings move, in the transaction that changed them."""
    recomputing.follow_vendor(vendor=vendor, now=now)


@receiver(instance_started)
def hold_if_late(*, instance: Instance, now: datetime, actor: str, **_kwargs: Any) -> None:
    """Hold a passage that begins late where its journey asks for it, in the transaction that began it."""
    late_plans.hold_if_late(instance=instance, now=now, actor=actor)


@receiver(instance_changed)
def close_late_plans(
    *, instances: Sequence[Instance], now: datetime, actor: str, action: str = "", **_kwargs: Any
) -> None:
    """Close the plans of passages that were resumed by hand or have ended; one that just began has none yet."""
    if action != "instance.started":
        late_plans.follow_status(instances=instances, now=now, actor=actor)


@receiver(wedding_moved)
def ask_anew(*, wedding: Wedding, before: WeddingState, now: datetime, **_kwargs: Any) -> None:
    """Take back approvals of words that may name the old day, in the transaction that moved it."""
    was = (before.status, before.date, before.time, before.time_zone)
    if was != (wedding.status, wedding.date, wedding.time, wedding.time_zone):
        approvals.withdraw_for_wedding(wedding=wedding, now=now)


@receiver(message_settled)
def go_on_after_message(*, message: Message, now: datetime, **_kwargs: Any) -> None:
    """Let a step whose message was in doubt go on at once, in the transaction that settled it."""
    place = Place.of_key(message.key)
    if place is None:
        return
    interventions.settled_by_report(instance_ref=place.instance, node_id=place.node_id, now=now)
    if Message.objects.filter(key__startswith=f"{place}:", status=Message.Status.RETRY).exists():
        return  # another person of the same step is being retried, at a pace of its own
    # A schedule that is locked is being worked on and will find the message settled.
    held = Schedule.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        instance__public_id=place.instance,
        node_id=place.node_id,
        branch=place.branch,
        visit=place.visit,
        state=Schedule.State.WAITING,
        due_at__gt=now,
    )
    ids = list(held.values_list("id", flat=True))
    Schedule.objects.filter(id__in=ids).update(due_at=now)
    dispatch.offer_on_commit(ids, now=now)


@receiver(wedding_moved)
def cancel_meetings(*, wedding: Wedding, now: datetime, actor: str, **_kwargs: Any) -> None:
    """Cancel the meetings that are ahead of a wedding that will not take place, in the transaction that cancels it."""
    if wedding.status == Wedding.Status.CANCELLED:
        meetings.cancel_of_wedding(wedding=wedding, now=now, actor=actor)


@receiver(zone_data_changed)
def follow_zone_data(*, now: datetime, **_kwargs: Any) -> None:
    """Let meetings keep the time on the clock, in the transaction that writes the new version down."""
    meetings.follow_zone_data(now=now)


@receiver(circuit_changed)
def go_on_after_circuit(
    *, circuit: Circuit, let_through: bool, now: datetime, actor: str, **_kwargs: Any
) -> None:
    """Let what waits for an account or a service come back when somebody has set it to go through.

    What closes by itself needs nobody: its steps come back by themselves, spread.
    """
    if circuit.lets_through and not let_through and actor != "engine":
        barring.wake_held(circuit, now=now)
