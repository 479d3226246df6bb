"""Who is told when something happened that a step may wait for: one receiver for each topic.

Events wake by themselves (`engine.services.triggering`). Each receiver runs in the transaction that did it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.dispatch import receiver

from channels.models import Message
from channels.signals import message_reported, message_settled
from engine.models import Instance
from engine.services import sub_journeys
from engine.services.waking import wake, wake_all
from engine.signals import instance_changed
from journeys.models import Client, Wedding
from journeys.signals import client_changed, task_finished, wedding_moved


@receiver([message_reported, message_settled])
def wake_for_message(*, message: Message, now: datetime, **_kwargs: Any) -> None:
    """Wake what waits for a message that is delivered, opened, clicked, answered or comes back."""
    wake(client_id=message.client_id, topics=["message"], now=now)


@receiver(client_changed)
def wake_for_clients(*, clients: Sequence[Client], now: datetime, **_kwargs: Any) -> None:
    """Wake what waits for a status, a field or a tag."""
    wake_all(client_ids=[client.id for client in clients], topics=["client"], now=now)


@receiver(wedding_moved)
def wake_for_wedding(*, wedding: Wedding, now: datetime, **_kwargs: Any) -> None:
    """Wake what waits for a date."""
    wake(client_id=wedding.client_id, topics=["wedding"], now=now)


@receiver(task_finished)
def wake_for_task(*, client: Client, now: datetime, **_kwargs: Any) -> None:
    """Wake the step that waits for a task, and whatever looks at it."""
    wake(client_id=client.id, topics=["task"], now=now)


@receiver(instance_changed)
def follow_ended_journeys(
    *, instances: Sequence[Instance], now: datetime, actor: str, **_kwargs: Any
) -> None:
    """End what the ended passages waited for, and wake what waited for them."""
    ended = [one for one in instances if one.status not in Instance.LIVE]
    sub_journeys.end_with_parents(parents=ended, now=now, actor=actor)
    for instance in ended:
        if instance.started_by:
            wake(client_id=instance.client_id, topics=["journey"], now=now)
