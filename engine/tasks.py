"""Celery's shells around the services: read the clock, make one call."""

from __future__ import annotations

import gc
import os
import socket
import time
from typing import Any

from celery import Task, shared_task
from celery.signals import (
    worker_before_create_process,
    worker_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
)
from django.db import close_old_connections, connection

from engine import plans, resizing
from engine.bells import EXECUTE
from engine.broker_queues import STEP_QUEUES
from engine.services import (
    changeovers,
    dates,
    dispatch,
    escalating,
    heartbeats,
    late_plans,
    notices,
    pools,
    recovery,
    runner,
    waking,
    workers,
    zones,
)
from engine.services.enrolling import carrying_out
from engine.services.priorities import QUEUES
from engine.ticking import Tick, asked_again
from journeys import clock, partitions
from journeys.api import idempotency

#: Queues of the broker whose workers carry out steps.
STEPS_OF = frozenset((*QUEUES, *STEP_QUEUES))
#: Name of the tick that rings for what is due.
DISPATCH = "engine.tick.dispatch"
#: How long a dispatch tick keeps looking for more before it leaves it to the next one, in seconds.
DISPATCH_FOR = 0.9
#: Pause between two looks while there is work, in seconds; and how many times the look's own length at least, so that
#: looking takes no more than a fifth of a processor from those who work.
DISPATCH_PAUSE, DISPATCH_SPARES = 0.02, 4.0
#: Pause between two looks while there is none, in seconds.
DISPATCH_IDLE = 0.15
#: How long a tick goes on with what dates start before it leaves the rest to the next one, in seconds: nearly all of its
#: period, for most journeys start at the same hour of the day.
FOLLOW_DATES_FOR = 9.0
#: How long an enrollment tick goes on before it leaves the rest to the next one, in seconds.
ENROLL_FOR = 1.8


@shared_task(name=EXECUTE, bind=True)
def execute(
    self: Task[..., None], *, places: list[tuple[int, int]], alone: bool = False, **_kwargs: Any
) -> None:
    """Carry out the steps a bell names; one that comes back from a worker that died of it is leased, and counted."""
    runner.run(
        places=[(int(schedule), int(fence)) for schedule, fence in places],
        now=None,
        alone=alone,
        again=bool((self.request.delivery_info or {}).get("redelivered")),
    )


@shared_task(name=DISPATCH, base=Tick)
def tick_dispatch(**_kwargs: Any) -> None:
    """Ring for what is due, again and again until the next tick's turn.

    A step so starts well within the second in which it becomes due, and a backlog is fed to the queues as fast as
    the workers empty them. Where its last look took so long that the next tick was left out, it takes that one's turn.
    """
    _keep_looking()
    while asked_again(DISPATCH):
        _keep_looking()


def _keep_looking() -> None:
    heartbeats.beat(heartbeats.TICKS)
    until = time.monotonic() + DISPATCH_FOR
    while time.monotonic() < until:
        begun, now = time.monotonic(), clock.now()
        rung = waking.process(now=now) + dispatch.dispatch(now=now)
        ended = time.monotonic()
        pause = max(DISPATCH_PAUSE, DISPATCH_SPARES * (ended - begun)) if rung else DISPATCH_IDLE
        # Not a moment longer than it has: a tick that comes while this one is at it is left out.
        time.sleep(max(0.0, min(pause, DISPATCH_IDLE, until - ended)))


@shared_task(name=notices.SEND)
def send_notices(*, places: list[tuple[int, int]], **_kwargs: Any) -> None:
    """Send the letters about meetings that a bell names."""
    notices.carry_out(places=[(int(notice), int(fence)) for notice, fence in places], now=clock.now())


@shared_task(name="engine.tick.notices", base=Tick)
def tick_notices(**_kwargs: Any) -> None:
    """Ring for letters about meetings that are due, and for those that were lost."""
    notices.dispatch(now=clock.now())


@shared_task(name="engine.tick.sweep", base=Tick)
def tick_sweep(**_kwargs: Any) -> None:
    """Put back what was lost."""
    recovery.sweep()


@shared_task(name="engine.tick.pools", base=Tick)
def tick_pools(**_kwargs: Any) -> None:
    """Have the workers' pools follow the depth of their queues."""
    resizing.ask(pools.look())


@shared_task(name="engine.tick.changeovers", base=Tick)
def tick_changeovers(**_kwargs: Any) -> None:
    """Carry on with those inside whose journey was published with a choice for them."""
    changeovers.carry_on_all(now=clock.now())


@shared_task(name="engine.tick.enrollments", base=Tick)
def tick_enrollments(**_kwargs: Any) -> None:
    """Carry on with those who were asked to enter a journey together."""
    carrying_out.carry_on_all(now=clock.now(), seconds=ENROLL_FOR)


@shared_task(name="engine.tick.dates", base=Tick)
def tick_dates(**_kwargs: Any) -> None:
    """Follow dates: a new zone database, late journeys that waited enough.

    Also keep history's partitions ready, and forget old answers.
    """
    now = clock.now()
    partitions.ensure(now=now)
    zones.catch_up(now=now)
    late_plans.go_ahead(now=now)
    idempotency.forget_old(now=now)
    workers.forget_dead()


@shared_task(name="engine.tick.starts", base=Tick)
def tick_starts(**_kwargs: Any) -> None:
    """Start the journeys whose day has come."""
    dates.follow_dates(now=clock.now(), seconds=FOLLOW_DATES_FOR)


@shared_task(name="engine.tick.tickets", base=Tick)
def tick_tickets(**_kwargs: Any) -> None:
    """Raise tickets that wait too long or whose wedding comes near."""
    escalating.tick(now=clock.now())


def stand_in_for_ticks() -> None:
    """Put back what was lost and ring for what is due, while nobody carries out the ticks; slower than they do."""
    now = clock.now()
    recovery.sweep()
    waking.process(now=now)
    dispatch.dispatch(now=now)
    notices.dispatch(now=now)


@worker_init.connect
def enlist(sender: Any = None, **_kwargs: Any) -> None:
    """Have every process of a worker claim under a number of its own, so that its death is noticed at once.

    Those that carry out steps ask PostgreSQL for nothing but what they know the number of.
    """
    workers.enlist(name=getattr(sender, "hostname", None) or socket.gethostname())
    if STEPS_OF & set(sender.app.amqp.queues.consume_from):
        plans.prefer_indexes()


@worker_before_create_process.connect
def share_memory(**_kwargs: Any) -> None:
    """Leave what was loaded before the first fork to all children together.

    Celery collects garbage before each fork, and collecting writes into every object: each child would then hold a copy
    of all that was loaded, and each fork take a fifth of a second. What is frozen is not looked at any more.
    """
    if not gc.get_freeze_count():
        gc.collect()
        gc.freeze()


@worker_process_shutdown.connect
@worker_shutdown.connect
def say_farewell(**_kwargs: Any) -> None:
    """Take leave when a process that claimed ends in good order, so that it is not looked for among the dead."""
    workers.take_leave()


@worker_ready.connect
def show_life(sender: Any = None, **_kwargs: Any) -> None:
    """Beat once when a worker is ready; it goes on beating by itself. Stored moments follow a new zone database."""
    name = getattr(sender, "hostname", None) or f"{socket.gethostname()}-{os.getpid()}"
    resizing.take_orders(sender)
    heart = heartbeats.keep_beating(
        f"worker:{name}", detail=lambda: resizing.standing(sender), stand_in=stand_in_for_ticks
    )
    resizing.when_resized(heart.beat_now)
    if resizing.has_no_pool(sender):
        # Known from its first step on: what it holds without a claim is suspected of its death.
        workers.own_number()
    zones.catch_up(now=clock.now())
    close_old_connections()
    connection.close()
