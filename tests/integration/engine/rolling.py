"""Put couples into journeys, roll them back, and look at what became of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from channels.models import SinkMessage
from engine.models import Instance, NodeExecution, RollBack, Schedule
from engine.services.instances import instance_start
from engine.services.rolling_back import Wish, instance_roll_back
from journeys.models import Client
from tests.builders import ACTOR, JourneyBuilder, a_journey
from tests.drive import run_until_idle

Start = Callable[..., Instance]


def starter(couple: Client, *, now: datetime) -> Start:
    """Give what publishes a journey, starts the couple in it and carries out what is due."""

    def begin(builder: JourneyBuilder, **fields: Any) -> Instance:
        journey = builder.publish(couple.vendor, now=now, **fields)
        instance = instance_start(
            vendor=couple.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
        )
        run_until_idle(now)
        return instance

    return begin


def roll_back(instance: Instance, node_id: str, *, now: datetime, **wish: Any) -> RollBack:
    return instance_roll_back(instance=instance, wish=Wish(node_id, **wish), now=now, actor="user:7")


def history(instance: Instance) -> list[tuple[str, int, str]]:
    rows = NodeExecution.objects.filter(instance=instance).order_by("id")
    return list(rows.values_list("node_id", "visit", "status"))


def stands(instance: Instance) -> list[tuple[str, str, int]]:
    rows = Schedule.objects.filter(instance=instance).order_by("id")
    return list(rows.values_list("node_id", "branch", "visit"))


def sent() -> list[str]:
    """Name the steps whose messages went out, in their order."""
    return [key.split(":")[1] for key in SinkMessage.objects.order_by("id").values_list("key", flat=True)]


def a_letter_and_a_wait() -> JourneyBuilder:
    return a_journey().email("hello").wait("rest", for_="3d").email("more")
