"""Two at once: real threads with connections of their own, and the moment in between held open on purpose."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Self

from django.db import connection, connections

#: How long anybody waits for anybody, on a slow machine that does other things too.
WAIT_SECONDS = 20.0


def together(
    *calls: Callable[[], Any], refusals: type[Exception] | tuple[type[Exception], ...] = ()
) -> list[Any]:
    """Start all at the same moment, each with a connection of its own; give what each answered, in their order.

    An error of the kinds in `refusals` is an answer. Any other is raised, when all have ended.
    """
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        connection.ensure_connection()
        barrier.wait(WAIT_SECONDS)
        try:
            return call()
        except refusals as refused:
            return refused

    with Threads(len(calls)) as threads:
        begun = [threads.begin(partial(run, call)) for call in calls]
    return [one.result(WAIT_SECONDS) for one in begun]


class Threads:
    """Begin calls in threads that give their connection back: not more at once than the pool has connections."""

    def __init__(self, number: int = 8) -> None:
        self._pool = ThreadPoolExecutor(number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for all of them."""
        self._pool.shutdown()

    def begin(self, call: Callable[[], Any]) -> Future[Any]:
        """Begin a call; its result, or the error it raises, is the future's."""

        def run() -> Any:
            try:
                return call()
            finally:
                connections.close_all()

        return self._pool.submit(run)

    def overlap(self, gate: Gate, first: Callable[[], Any], second: Callable[[], Any]) -> None:
        """Begin the second call while the first stands at the gate, which opens when the second waits for its locks."""
        begun = self.begin(first)
        gate.reached()
        waits = self.begin(second)
        until(somebody_waits_for_a_lock)
        gate.go_on.set()
        begun.result(WAIT_SECONDS)
        waits.result(WAIT_SECONDS)


class Gate:
    """Hold a call open in the middle: `reached` waits until it is there, and it goes on after `go_on`."""

    def __init__(self) -> None:
        self.entered, self.go_on = threading.Event(), threading.Event()

    def before(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Stop whoever makes this call, before it."""

        def held(*args: Any, **kwargs: Any) -> Any:
            self._stop()
            return call(*args, **kwargs)

        return held

    def after(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Stop whoever makes this call, behind it."""

        def held(*args: Any, **kwargs: Any) -> Any:
            result = call(*args, **kwargs)
            self._stop()
            return result

        return held

    def reached(self) -> None:
        """Wait until somebody stands there."""
        assert self.entered.wait(WAIT_SECONDS), "Nobody came to the gate."

    def _stop(self) -> None:
        self.entered.set()
        assert self.go_on.wait(WAIT_SECONDS), "Nobody opened the gate."


def somebody_waits_for_a_lock() -> bool:
    """Tell whether a connection of this database stands before a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])


def blocked_or_done(*calls: Future[Any]) -> None:
    """Wait until one of the calls has ended or stands before a lock."""
    until(lambda: any(call.done() for call in calls) or somebody_waits_for_a_lock())


def until(condition: Callable[[], bool]) -> None:
    """Ask again and again until it is so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "What was waited for did not come about."
        time.sleep(0.01)
