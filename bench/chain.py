"""Plain Celery to compare with: its own defaults, and tasks that do nothing but send the next one."""

from __future__ import annotations

import os
import time

import redis
from celery import Celery

#: Where the ends of chains are counted; one command for each chain, not for each task.
COUNTER = "bench:ended"
READY = "bench:ready"
#: How late tasks with a time of their own were, in seconds.
LATE = "bench:late"

# Without fix-ups nothing of Django runs in these workers, which is faster than with it.
app = Celery("bench", broker=os.environ["REDIS_URL"], fixups=[], set_as_current=False)

_clients: dict[int, redis.Redis] = {}


def counter() -> redis.Redis:
    """Give this process's own connection."""
    return _clients.setdefault(os.getpid(), redis.Redis.from_url(os.environ["REDIS_URL"]))


@app.task(name="bench.step")
def step(left: int) -> None:
    """Send the next task of the chain, or count its end."""
    if left > 1:
        step.delay(left - 1)
    else:
        counter().incr(COUNTER)


@app.task(name="bench.timed")
def timed(due: float) -> None:
    """Write down how long after its time it was begun, in seconds by this machine's clock."""
    counter().rpush(LATE, max(0.0, time.time() - due))


@app.task(name="bench.ready")
def ready() -> None:
    """Show that a worker answers."""
    counter().incr(READY)
