"""The Celery application: tasks are found in the apps, and give their database connection back."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, task_postrun

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("wedsync")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_kwargs: Any) -> None:
    """Leave logging as Django's settings made it; a receiver is all that Celery asks for."""


@task_postrun.connect
def give_back_connections(**_kwargs: Any) -> None:
    """Return the task's connection to the pool of its process; a broken one is thrown away there.

    What a parent process had open, Celery itself closes in each new child.
    """
    from django.db import close_old_connections  # noqa: PLC0415 settings are not there when this module is read

    close_old_connections()
