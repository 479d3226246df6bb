"""Take a couple through a net, and look at where it stands and what was done."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from engine.models import Instance, NodeExecution, Schedule
from engine.services.instances import instance_start
from engine.services.replaying import differences
from engine.services.triggering import event_receive
from journeys.models import Client
from journeys.services.tasks import task_finish
from tests.builders import ACTOR, JourneyBuilder
from tests.drive import run_until_idle

#: The kinds of steps whose order tells how a passage went.
ACTIVITIES = frozenset({"action", "task"})


def begin(net: JourneyBuilder, couple: Client, *, now: datetime, **variables: Any) -> Instance:
    """Publish a net and let a couple in."""
    journey = net.publish(couple.vendor, now=now, re_entry="always")
    instance = instance_start(
        vendor=couple.vendor, journey=journey, client=couple, variables=variables, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return instance


def done(instance: Instance) -> list[str]:
    """Name the activities that were done, in their order."""
    rows = NodeExecution.objects.filter(instance=instance, status="succeeded", node_type__in=ACTIVITIES)
    return list(rows.order_by("id").values_list("node_id", flat=True))


def withdrawn(instance: Instance) -> list[str]:
    """Name the steps that were taken away from a couple before they were done."""
    rows = NodeExecution.objects.filter(instance=instance, status="cancelled")
    return sorted(rows.values_list("node_id", flat=True))


def standing(instance: Instance) -> list[str]:
    """Name the steps where the couple stands."""
    return sorted(Schedule.objects.filter(instance=instance).values_list("node_id", flat=True))


def is_over(instance: Instance) -> bool:
    """Tell whether the passage is complete, with nothing left over and a history that says the same."""
    instance.refresh_from_db()
    assert differences([instance]) == {}
    return instance.status == Instance.Status.COMPLETED and not standing(instance)


def arrives(type_: str, couple: Client, *, now: datetime, topic: str = "") -> None:
    """Let an event arrive and the engine come to rest."""
    event_receive(
        vendor=couple.vendor,
        type=type_,
        event_id=f"{type_}-{now.isoformat()}",
        client=couple,
        topic=topic,
        payload={},
        now=now,
        actor=ACTOR,
    )
    run_until_idle(now)


def finish(tasks: Iterable[Any], *, now: datetime, choice: str = "") -> None:
    """Do tasks and let the engine come to rest."""
    for task in tasks:
        task_finish(task=task, choice=choice, now=now, actor=ACTOR)
    run_until_idle(now)
