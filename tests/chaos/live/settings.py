"""Settings of the processes that live chaos runs: short leases, and what one process alone is to suffer from."""

from __future__ import annotations

import os

from tests.settings import *

# A task's limit stays below the lease, as the environment demands of a real system; both are short here.
QUEUE_LEASE_SECONDS = 12
CELERY_TASK_TIME_LIMIT = QUEUE_LEASE_SECONDS - 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 3

if _shift := float(os.environ.get("CHAOS_CLOCK_SHIFT", "0")):
    from tests.chaos.live.suffering import shift_clock

    shift_clock(_shift)

if _poison := os.environ.get("CHAOS_POISON", ""):
    from tests.chaos.live.suffering import poison

    poison(_poison)
