"""The watchman: a thread that looks every few seconds, in two kinds of processes that watch each other.

The worker of the ticks notices a beat that died, the beat notices workers that died. Both look; whoever comes first
does it. Neither forks, so that a thread may speak to the network there.
"""

from __future__ import annotations

import threading
from typing import Any

import structlog
from celery.signals import beat_init, worker_ready
from django.conf import settings
from django.db import DatabaseError, connection

from journeys import clock
from monitoring.services import letters, watching

log = structlog.get_logger(__name__)


def turn() -> None:
    """Look once, and write to people about what is wrong."""
    now = clock.now()
    watching.look(now=now)
    letters.plan(now=now)
    letters.send_due(now=now)


def keep_watch() -> threading.Event:
    """Take a turn every WATCH_SECONDS from a daemon thread, until the returned event is set or the process ends."""
    stop = threading.Event()

    def go_on() -> None:
        while not stop.wait(settings.WATCH_SECONDS):
            try:
                turn()
            except DatabaseError as error:
                log.warning("watch_missed", error=type(error).__name__)
            except Exception:  # a watchman who dies of a fault is not noticed
                log.exception("watch_broke")
            finally:
                connection.close()

    threading.Thread(target=go_on, name="watchman", daemon=True).start()
    return stop


@beat_init.connect
def watch_from_the_beat(**_kwargs: Any) -> None:
    """Watch the workers from the beat's process."""
    keep_watch()


@worker_ready.connect
def watch_from_the_ticks(sender: Any = None, **_kwargs: Any) -> None:
    """Watch the beat from the worker of the ticks, unless it forks its children."""
    consumer = getattr(sender, "task_consumer", None)
    names = {getattr(queue, "name", str(queue)) for queue in getattr(consumer, "queues", None) or []}
    forks = getattr(getattr(sender, "pool", None), "uses_semaphore", False)
    if settings.TICK_QUEUE in names and not forks:
        keep_watch()
