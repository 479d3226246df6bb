"""What a worker without a pool does for itself: it ends when a task hangs, and makes way when it has grown too large.

A pool's main process watches over its children; a worker that carries out its tasks itself has nobody. Here a thread of
its own looks every second. What hangs is ended at once and not asked: PostgreSQL then frees its locks, and its steps
are taken over as those of any process that died. Whoever started the worker starts it again.

It also leaves out what such a worker gains nothing from.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from celery import bootsteps
from celery.concurrency.solo import TaskPool
from celery.worker import state

log = structlog.get_logger(__name__)

#: Seconds between two looks.
EVERY = 1.0
#: So much longer than a task may run, nothing in this process has run at all: not even the thread that looks.
GRACE = 5.0
#: Exit code of a worker whose task hung; EX_SOFTWARE of sysexits.h.
HUNG = 70
STDERR = 2
#: Frames that are told of what hangs, innermost last.
FRAMES = 12


@dataclass(slots=True)
class Watch:
    """Knows since when the task of this process runs, and how large the process is."""

    #: Seconds that a task may run.
    limit: float
    #: Most resident memory, in kilobytes; None where it does not matter.
    most_memory: int | None = None
    end: Callable[[int], object] = os._exit
    make_way: Callable[[], object] = lambda: os.kill(os.getpid(), signal.SIGTERM)
    _task: str | None = None
    _since: float = field(default_factory=time.monotonic)
    _is_leaving: bool = False

    def look(self) -> None:
        """Look once; end the process where its task runs for too long."""
        request = _current()
        number = None if request is None else str(request.id)
        now = time.monotonic()
        if number is None or number != self._task:
            self._task, self._since = number, now
        elif now - self._since > self.limit:
            log.error(
                "task_hung",
                task=request.name,
                id=number,
                bell=request.kwargsrepr,
                seconds=round(now - self._since, 1),
                where=_where(),
            )
            self.end(HUNG)
        self._look_at_memory()

    def _look_at_memory(self) -> None:
        """Ask the worker to end when its task is done, once, where it has grown too large."""
        if self.most_memory is None or self._is_leaving:
            return
        largest = resident()
        if largest > self.most_memory:
            self._is_leaving = True
            log.warning("worker_too_large", kilobytes=largest, most=self.most_memory)
            self.make_way()


def _current() -> Any:
    """Give what Celery says is being carried out here; None when it is nothing, or changes at this moment."""
    try:
        return next(iter(state.active_requests), None)
    except RuntimeError:
        return None


def _where() -> list[str]:
    """Name the places in the code where the main thread is: no values."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001 documented, for such cases
    found: list[str] = []
    while frame is not None and len(found) < FRAMES:
        found.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return found[::-1]


def resident() -> int:
    """Give the most memory that this process ever held, in kilobytes, as billiard measures its children."""
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest // 1024 if sys.platform == "darwin" else largest


def _has_no_pool(worker: Any) -> bool:
    """Tell whether tasks are carried out in the worker's own process."""
    return isinstance(worker.pool_cls, type) and issubclass(worker.pool_cls, TaskPool)


class Unacknowledged(bootsteps.Step):
    """The part of a worker without a pool that takes bells from the broker and is done with them.

    A bell that is acknowledged costs two more round trips. Were its worker to die, the broker would give it to another
    one after a minute; the bell's lease has found its steps long before.
    """

    def include_if(self, worker: Any) -> bool:
        """Be there only where one bell at a time is in anybody's hands."""
        return _has_no_pool(worker)

    def create(self, worker: Any) -> None:
        """Tell the connection that the worker is going to take its bells through."""
        options = worker.app.conf.broker_transport_options
        worker.app.conf.broker_transport_options = {**options, "ack_emulation": False}


class SelfWatch(bootsteps.StartStopStep):
    """The part of a worker without a pool that watches over it."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._over = threading.Event()

    def include_if(self, worker: Any) -> bool:
        """Be there only where nobody else watches."""
        return _has_no_pool(worker)

    def start(self, worker: Any) -> None:
        """Begin to look."""
        if not worker.time_limit:
            return
        watch = Watch(limit=float(worker.time_limit), most_memory=worker.max_memory_per_child)
        threading.Thread(target=self._go_on, args=(watch,), name="self-watch", daemon=True).start()

    def stop(self, worker: Any) -> None:
        """Look no more: what is left to do is no task."""
        del worker
        self._over.set()

    def terminate(self, worker: Any) -> None:
        """Do the same."""
        self.stop(worker)

    def _go_on(self, watch: Watch) -> None:
        while not self._over.is_set():
            # Where code that never lets another thread run hangs, this does not come by here: then it ends the process,
            # from outside Python. So it does when a process wakes that was stopped for so long.
            faulthandler.dump_traceback_later(watch.limit + GRACE, exit=True, file=STDERR)
            watch.look()
            self._over.wait(EVERY)
        faulthandler.cancel_dump_traceback_later()
