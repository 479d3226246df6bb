"""Celery's shells around the services: read the clock, make one call."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from celery import shared_task
from celery.signals import worker_ready
from django.db import close_old_connections, connection

from engine.bells import EXECUTE
from engine.services import dates, dispatch, heartbeats, recovery, runner
from journeys import clock, partitions
from journeys.api import idempotency

#: How long a dispatch tick keeps looking for more before it leaves it to the next one, in seconds.
DISPATCH_FOR = 0.9
#: Pause between two looks while there is work, in seconds.
DISPATCH_PAUSE = 0.02
#: Pause between two looks while there is none, in seconds.
DISPATCH_IDLE = 0.15


@shared_task(name=EXECUTE)
def execute(*, places: list[tuple[int, int]], **_kwargs: Any) -> None:
    """Carry out the steps a bell names."""
    runner.run(places=[(int(schedule), int(fence)) for schedule, fence in places], now=clock.now())


@shared_task(name="engine.tick.dispatch")
def tick_dispatch(**_kwargs: Any) -> None:
    """Ring for what is due, again and again until the next tick's turn.

    A step so starts well within the second in which it becomes due, and a backlog is fed to the queues as fast as
    the workers empty them.
    """
    heartbeats.beat("beat")
    until = time.monotonic() + DISPATCH_FOR
    while time.monotonic() < until:
        rung = dispatch.dispatch(now=clock.now())
        time.sleep(DISPATCH_PAUSE if rung else DISPATCH_IDLE)


@shared_task(name="engine.tick.sweep")
def tick_sweep(**_kwargs: Any) -> None:
    """Put back what was lost."""
    recovery.sweep()


@shared_task(name="engine.tick.dates")
def tick_dates(**_kwargs: Any) -> None:
    """Start journeys whose day has come, keep history's partitions ready, and forget old answers."""
    now = clock.now()
    partitions.ensure(now=now)
    dates.follow_dates(now=now)
    idempotency.forget_old(now=now)


@worker_ready.connect
def show_life(sender: Any = None, **_kwargs: Any) -> None:
    """Beat once when a worker is ready; it goes on beating by itself."""
    name = getattr(sender, "hostname", None) or f"{socket.gethostname()}-{os.getpid()}"
    queues = sorted(getattr(getattr(sender, "task_consumer", None), "queues", None) or [], key=str)
    heartbeats.keep_beating(f"worker:{name}", queues=[getattr(queue, "name", str(queue)) for queue in queues])
    close_old_connections()
    connection.close()
