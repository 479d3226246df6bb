"""Settings of the processes that live chaos runs: short leases, and what one process alone is to suffer from."""

from __future__ import annotations

import os

from tests.settings import *
from tests.settings import CELERY_BROKER_TRANSPORT_OPTIONS as _OPTIONS

# A task's limit stays below the lease, as the environment demands of a real system; both are short here.
QUEUE_LEASE_SECONDS = 12
CELERY_TASK_TIME_LIMIT = QUEUE_LEASE_SECONDS - 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 3
# What a dead worker had taken from Redis comes back sooner too; still later than any task may end.
CELERY_BROKER_TRANSPORT_OPTIONS = {**_OPTIONS, "visibility_timeout": 20}

if _clock := os.environ.get("CHAOS_CLOCK", ""):
    from pathlib import Path

    from tests.chaos.live.suffering import follow_clock

    follow_clock(Path(_clock))

if _poison := os.environ.get("CHAOS_POISON", ""):
    from tests.chaos.live.suffering import poison

    poison(_poison)
