"""Settings of worker processes in which one action is poison, with the lease of production."""

from __future__ import annotations

from tests.chaos.settings import *  # noqa: F403 settings are what they are

CELERY_IMPORTS = ("tests.chaos.poison",)
