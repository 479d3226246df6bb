"""The size of this worker's pool: told with its heartbeat, and changed on order while it runs.

Celery's own orders to grow and shrink are not used. They ask for a difference, so that an order which comes twice is
obeyed twice; a child that was handed a task a moment ago counts as idle and is killed over it; and when fewer are idle
than were to go, Celery forgets those that went. Here an order names a size, is held within the worker's own bounds, and
sends a child away through the pipe that its tasks come through: what was put there before, it still carries out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import click
import structlog
from celery import current_app
from celery.concurrency.asynpool import AsynPool
from celery.concurrency.solo import TaskPool as SoloPool
from celery.worker.control import control_command
from click.core import ParameterSource
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from engine.broker_queues import STEP_QUEUES
from engine.services.priorities import QUEUES

log = structlog.get_logger(__name__)

#: Name of the order.
RESIZE = "resize_pool"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The fewest and the most processes of a pool."""

    fewest: int
    most: int

    def hold(self, size: int) -> int:
        """Give the size within the bounds that is nearest to this one."""
        return max(self.fewest, min(self.most, size))


@dataclass(slots=True)
class _Own:
    """What this process, the main one of a worker, may make of its pool."""

    queues: list[str] = field(default_factory=list)
    bounds: Bounds | None = None
    tell: Callable[[], object] = lambda: None


_own = _Own()


def ask(sizes: Mapping[str, int]) -> None:
    """Ask the workers with these names for these sizes, and wait for no answer.

    A worker that is gone hears nothing; one that hears it twice does it once. What a broker that can not be reached
    does not deliver is asked for at the next look.
    """
    if not sizes:
        return
    try:
        # Not the connection that tasks are sent through: this one gives up at once.
        once = dict(settings.CELERY_BROKER_TRANSPORT_OPTIONS, max_retries=1, interval_start=0)
        with current_app.connection_for_write(transport_options=once) as connection:
            for name, size in sizes.items():
                current_app.control.broadcast(
                    RESIZE, arguments={"to": size}, destination=[name], connection=connection
                )
                log.info("pool_asked", worker=name, size=size)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("pool_not_asked", error=type(error).__name__)


def take_orders(consumer: Any) -> None:
    """Obey orders from now on, unless the size of this worker's pool is fixed."""
    # Looked at once: while the broker is away the consumer has none.
    _own.queues, _own.bounds = queues_of(consumer), bounds_of(consumer)


def when_resized(tell: Callable[[], object]) -> None:
    """Have `tell` called when an order was carried out; it must not wait for anything."""
    _own.tell = tell


def bounds_of(consumer: Any) -> Bounds | None:
    """Give the bounds of a worker's pool; None when its size is fixed.

    It is fixed when somebody named it, in WORKER_CONCURRENCY or behind `-c`; when Celery's autoscaler changes it; when
    the pool does not fork; and when the worker carries out anything but steps.
    """
    fewest, most = settings.QUEUE_MIN_CONCURRENCY, settings.QUEUE_MAX_CONCURRENCY
    is_named = settings.WORKER_CONCURRENCY is not None or _is_on_the_command_line("concurrency")
    if is_named or fewest == most or consumer.controller.autoscaler or _forking(consumer) is None:
        return None
    return Bounds(fewest, most) if set(queues_of(consumer)) <= {*QUEUES, *STEP_QUEUES} else None


def standing(consumer: Any) -> dict[str, Any]:
    """Describe this worker for its heartbeat: its queues, its processes, and between what bounds these change."""
    told: dict[str, Any] = {"queues": _own.queues}
    if _forking(consumer) is not None:
        told["processes"] = consumer.pool.num_processes
        if _own.bounds is not None:
            told |= {"fewest": _own.bounds.fewest, "most": _own.bounds.most}
    elif has_no_pool(consumer):
        told["processes"] = 1
    return told


def has_no_pool(consumer: Any) -> bool:
    """Tell whether a worker carries out its tasks in its own process."""
    return isinstance(getattr(consumer, "pool", None), SoloPool)


def queues_of(consumer: Any) -> list[str]:
    """Give the names of the queues that a worker takes tasks from."""
    queues = getattr(getattr(consumer, "task_consumer", None), "queues", None) or []
    return sorted(getattr(queue, "name", str(queue)) for queue in queues)


@control_command(name=RESIZE, args=[("to", int)], signature="<processes>")
def resize(state: Any, to: int, **_kwargs: Any) -> dict[str, Any]:
    """Bring this worker's pool to a size, within its bounds."""
    consumer = state.consumer
    if _own.bounds is None:
        return {"error": "The size of this pool is fixed."}
    before = consumer.pool.num_processes
    size = _own.bounds.hold(to)
    if size > before:
        _grow(consumer, size - before)
    elif size < before:
        _shrink(consumer, before - size)
    after = consumer.pool.num_processes
    if after != before:
        log.info("pool_resized", worker=consumer.hostname, before=before, after=after)
        _own.tell()
    return {"ok": after}


def _grow(consumer: Any, by: int) -> None:
    consumer.pool.grow(by)
    consumer._update_prefetch_count(by)  # noqa: SLF001 as Celery's own order does
    # Fork now: by itself the pool looks every five seconds.
    consumer.pool.maintain_pool()


def _shrink(consumer: Any, by: int) -> None:
    """Send idle children away; while all are busy, fewer than asked for."""
    pool = _forking(consumer)
    gone = sum(_send_one_away(pool) for _ in range(by)) if pool is not None else 0
    if gone:
        consumer._update_prefetch_count(-gone)  # noqa: SLF001 the same


def _send_one_away(pool: Any) -> bool:
    """Tell the youngest idle child to end after what it was handed; False when all are busy.

    Runs in the thread that also hands out tasks, so nothing comes between the look and the farewell.
    """
    for child in reversed(pool._pool):  # noqa: SLF001 billiard has no door for this
        place = child.inqW_fd
        is_up = place in pool._all_inqueues  # noqa: SLF001
        if not is_up or place in pool._busy_workers or place in pool._active_writes:  # noqa: SLF001
            continue
        # Busy from now on: it is handed nothing more. And its end is no fault.
        pool._busy_workers.add(place)  # noqa: SLF001
        child._controlled_termination = True  # noqa: SLF001
        child.inq.put(None)
        pool._processes -= 1  # noqa: SLF001
        pool._putlock.shrink()  # noqa: SLF001
        return True
    return False


def _forking(consumer: Any) -> Any:
    """Give the pool of children behind Celery's pool; None when it does not fork, or not from an event loop."""
    pool = getattr(consumer.pool, "_pool", None)
    return pool if isinstance(pool, AsynPool) else None


def _is_on_the_command_line(option: str) -> bool:
    """Tell whether whoever started this process gave an option; a worker inside another program has no options."""
    context = click.get_current_context(silent=True)
    return context is None or context.get_parameter_source(option) is not ParameterSource.DEFAULT
