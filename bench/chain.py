"""Raw Celery to compare with: tasks that do nothing but send the next one. The same broker and settings."""

from __future__ import annotations

import os
from typing import Any

import redis
from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

#: Where the ends of chains are counted; one command for each chain, not for each task.
COUNTER = "bench:ended"
READY = "bench:ready"

# Without fix-ups nothing of Django runs in these workers.
app = Celery("bench", fixups=[])
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_routes = None

_clients: dict[int, redis.Redis] = {}


def counter() -> redis.Redis:
    """Give this process's own connection."""
    return _clients.setdefault(os.getpid(), redis.Redis.from_url(app.conf.broker_url))


@app.task(name="bench.step", ignore_result=True)
def step(*, left: int, queue: str, **_kwargs: Any) -> None:
    """Send the next task of the chain, or count its end."""
    if left > 1:
        app.send_task(
            "bench.step", kwargs={"left": left - 1, "queue": queue}, queue=queue, ignore_result=True
        )
    else:
        counter().incr(COUNTER)


@app.task(name="bench.ready", ignore_result=True)
def ready(**_kwargs: Any) -> None:
    """Show that a worker answers."""
    counter().incr(READY)
