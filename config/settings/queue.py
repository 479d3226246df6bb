"""Celery as a doorbell: every wait and retry is a row in PostgreSQL, so a lost message costs a second."""

from __future__ import annotations

from kombu import Queue

from config.env import TASK_TIME_LIMIT_SECONDS, env

QUEUE_MAX_CONCURRENCY = env.queue_max_concurrency
#: Who sets only the upper bound, and lower than this one's default, means both.
QUEUE_MIN_CONCURRENCY = min(env.queue_min_concurrency, env.queue_max_concurrency)
#: None: a worker that is not told its size by `-c` either grows and shrinks between the two (engine.resizing).
WORKER_CONCURRENCY = env.worker_concurrency
QUEUE_BATCH_SIZE = env.queue_batch_size
QUEUE_MAX_RETRIES = env.queue_max_retries
QUEUE_LEASE_SECONDS = env.queue_lease_seconds
QUEUE_BELL_LEASE_SECONDS = env.queue_bell_lease_seconds
QUEUE_DEPTH_PER_SLOT = env.queue_depth_per_slot
SWEEP_SECONDS = env.sweep_seconds
TICKET_ESCALATE_HOURS = env.ticket_escalate_hours

#: Business queues, most urgent first; a worker that serves several empties them in this order.
QUEUE_NAMES = ("critical", "high", "medium", "low")
#: The broker's queues of instant steps; what travels alone has those with the bare names (engine.broker_queues).
STEP_QUEUE_NAMES = tuple(f"{name}.steps" for name in QUEUE_NAMES)
#: The beat's ticks have a queue and a worker of their own, so that no backlog delays them.
TICK_QUEUE = "ticks"

DATES_SECONDS = 60
STARTS_SECONDS = 10
TICKETS_SECONDS = 60
CHANGEOVER_SECONDS = 5
ENROLLMENT_SECONDS = 2
NOTICES_SECONDS = 5
POOLS_SECONDS = 2
MEASURE_SECONDS = 10
#: Between two slices of the doctor's round, and between two looks of the watchman.
EXAMINE_SECONDS = 10
WATCH_SECONDS = 10

CELERY_BROKER_URL = env.redis_url
CELERY_BROKER_TRANSPORT = "config.broker:Transport"
CELERY_TASK_QUEUES = tuple(
    Queue(name, routing_key=name) for name in (*QUEUE_NAMES, *STEP_QUEUE_NAMES, TICK_QUEUE)
)
CELERY_TASK_DEFAULT_QUEUE = "medium"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_ROUTES = {
    "engine.tick.*": {"queue": TICK_QUEUE},
    "monitoring.tick.*": {"queue": TICK_QUEUE},
}

CELERY_ENABLE_UTC = True
CELERY_TIMEZONE = "UTC"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_PROTOCOL = 2
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
# Nothing is kept, so nothing has to be cleaned up at night.
CELERY_RESULT_EXPIRES = None

# A task that dies with its worker comes back; the claim's fence and attempt counter bound how often.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT = True
# Hard limit only: a soft limit may raise inside a commit. It is shorter than the lease (see config.env).
CELERY_TASK_TIME_LIMIT = TASK_TIME_LIMIT_SECONDS

CELERY_WORKER_CONCURRENCY = WORKER_CONCURRENCY or QUEUE_MIN_CONCURRENCY
CELERY_WORKER_CONSUMER = "config.consuming:Consumer"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 20_000
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 400_000
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = TASK_TIME_LIMIT_SECONDS + 1
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
# Flower asks for events while it watches; nobody else pays for them.
CELERY_WORKER_SEND_TASK_EVENTS = False
# Celery would close a child's whole pool before and after each task; config.celery gives the connection back instead.
CELERY_DB_REUSE_MAX = 10**15

CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_POOL_ACQUIRE_TIMEOUT = 5
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.2,
}
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Longer than a task may run and be missed: a live task is never delivered a second time.
    "visibility_timeout": 60,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 30,
    # Longer than a worker's look into its queues (1 s); whoever rings waits no longer for a Redis that is silent.
    "socket_timeout": 5,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "queue_order_strategy": "priority",
    # No message is more urgent than others of its queue: each queue is one list, not four.
    "priority_steps": [0],
    "max_retries": 3,
}

CELERY_BEAT_SCHEDULER = "config.scheduling:TickScheduler"
# Last runs are written down after so many ticks, a few seconds: only a beat that starts and its health check read them.
CELERY_BEAT_SYNC_EVERY = 10
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
DJANGO_CELERY_BEAT_TZ_AWARE = True


def _tick(task: str, seconds: int) -> dict[str, object]:
    """Describe a tick. It does not expire: Celery would compare a moment of the beat's clock with the worker's.

    Ticks that nobody takes do not pile up, because the beat leaves them out (config.scheduling).
    """
    return {"task": task, "schedule": seconds, "options": {"queue": TICK_QUEUE}}


CELERY_BEAT_SCHEDULE = {
    "dispatch due work": _tick("engine.tick.dispatch", SWEEP_SECONDS),
    "sweep lost work": _tick("engine.tick.sweep", SWEEP_SECONDS),
    "change over": _tick("engine.tick.changeovers", CHANGEOVER_SECONDS),
    "enroll": _tick("engine.tick.enrollments", ENROLLMENT_SECONDS),
    "follow dates": _tick("engine.tick.dates", DATES_SECONDS),
    "start by dates": _tick("engine.tick.starts", STARTS_SECONDS),
    "raise tickets": _tick("engine.tick.tickets", TICKETS_SECONDS),
    "send letters about meetings": _tick("engine.tick.notices", NOTICES_SECONDS),
    "size pools": _tick("engine.tick.pools", POOLS_SECONDS),
    "measure": _tick("monitoring.tick.measure", MEASURE_SECONDS),
    "examine": _tick("monitoring.tick.doctor", EXAMINE_SECONDS),
}
