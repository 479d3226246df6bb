"""The Celery application: tasks are found in the apps, and share a database connection as long as it works."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from celery import Celery
from celery.signals import setup_logging, task_postrun, task_prerun

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

#: A connection that was used so lately is used again without asking first, in seconds.
UNASKED_SECONDS = 1.0

app = Celery("wedsync")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# By its name: only workers load it.
app.steps["worker"].update(("config.solitary:SelfWatch", "config.solitary:Unacknowledged"))


@setup_logging.connect
def keep_our_logging(**_kwargs: Any) -> None:
    """Leave logging as Django's settings made it; a receiver is all that Celery asks for."""


class _Kept:
    """When a task of this process has last used its connection to PostgreSQL, by its monotonic clock."""

    used_at = 0.0


@task_prerun.connect
def look_after_connections(**_kwargs: Any) -> None:
    """Give a connection that nobody used for a while back to the pool, which asks whether it lives before its next use."""
    if time.monotonic() - _Kept.used_at > UNASKED_SECONDS:
        _give_back()


@task_postrun.connect
def give_back_connections(**_kwargs: Any) -> None:
    """Keep the task's connection for the next one, unless it broke; each thread of a worker with threads gives its own back.

    Between tasks that follow each other nobody asks PostgreSQL whether it is still there: one of them may so fail once
    after a restart, and its step is found by its lease. What a parent process had open, Celery closes in each new child.
    """
    from django.db import connections  # noqa: PLC0415 settings are not there when this module is read

    _Kept.used_at = time.monotonic()
    alone = threading.current_thread() is threading.main_thread()
    if not alone or any(
        one.errors_occurred or one.in_atomic_block for one in connections.all(initialized_only=True)
    ):
        _give_back()


def _give_back() -> None:
    from django.db import close_old_connections  # noqa: PLC0415 the same

    close_old_connections()
