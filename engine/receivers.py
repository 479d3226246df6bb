"""What the layers below tell: clients that were added, weddings that moved, messages that were settled."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from channels.models import Message
from channels.signals import message_settled
from engine.models import Schedule
from engine.places import Place
from engine.services import dispatch, interventions, rescheduling, triggering
from journeys.models import Client, Wedding
from journeys.signals import client_added, wedding_moved


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
def follow_wedding(*, wedding: Wedding, now: datetime, **_kwargs: Any) -> list[rescheduling.Moved]:
    """Move what hangs on the wedding's dates, in the transaction that moved them."""
    return rescheduling.follow_wedding(wedding=wedding, now=now)


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
