"""Settings of the worker processes that tests start: those of the tests, with leases that end within a test."""

from __future__ import annotations

import os

from tests.settings import *

# The environment refuses a lease shorter than a task's hard limit (15 s). Here both are short, in the same order.
QUEUE_LEASE_SECONDS = int(os.environ.get("TEST_LEASE_SECONDS", "4"))
CELERY_TASK_TIME_LIMIT = QUEUE_LEASE_SECONDS - 1
# A worker that stops must not keep the test waiting.
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 0
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = False
# Kilobytes after which a process makes way.
if "TEST_MOST_MEMORY" in os.environ:
    CELERY_WORKER_MAX_MEMORY_PER_CHILD = int(os.environ["TEST_MOST_MEMORY"])
