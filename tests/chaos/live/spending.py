"""What the stack takes for itself, before the first fault and after the last: it must come back to it (I10).

Read from PostgreSQL's and Redis' own views and from the kernel.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import redis
from django.conf import settings

from engine.broker_queues import STEP_QUEUES
from engine.services import priorities
from tests.chaos.live.checker import Evidence, judge
from tests.chaos.live.stack import NeverCame, Stack, wait_for

FILE = "spending.json"
QUEUES = (*priorities.QUEUES, *STEP_QUEUES)
#: What a pool may have opened in a fault and not closed yet: so many connections for each process of the engine.
PROCESSES, POOL = 10, 4
OLDEST_TRANSACTION_SECONDS = 60.0
MOST_REDIS_MEMORY, REDIS_ROOM = 2.0, 2**20
MOST_MEMORY, MEMORY_ROOM = 1.5, 30 * 2**20

_DATABASE = """
SELECT count(*), coalesce(EXTRACT(EPOCH FROM max(clock_timestamp() - xact_start)), 0)::float,
       (SELECT count(*) FROM pg_prepared_xacts)
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def sample(stack: Stack) -> dict[str, Any]:
    """Look once."""
    connections, oldest, prepared = stack.ask(_DATABASE)[0]
    with stack.broker() as client:
        memory = int(client.info("memory")["used_memory"])  # type: ignore[index]
        left = bells_left(client)
    return {
        "connections": connections,
        "oldest transaction": oldest,
        "prepared transactions": prepared,
        "Redis": memory,
        "bells left": left,
        "memory": {name: _resident(one.child.pid) for name, one in stack.processes.items() if one.child},
    }


def bells_left(client: redis.Redis) -> int:
    """Count what waits in the queues of steps, and what somebody took from them and never acknowledged."""
    waiting: list[Any] = [client.llen(queue) for queue in QUEUES]
    taken: list[Any] = client.hvals("unacked")  # type: ignore[assignment]
    return sum(waiting) + sum(json.loads(one)[2] != settings.TICK_QUEUE for one in taken)


def compare(stack: Stack, before: dict[str, Any]) -> None:
    """Look again when nothing is left to be done, and write both down for the judge."""

    def is_quiet() -> bool:
        with stack.broker() as client:
            return not bells_left(client)

    with contextlib.suppress(NeverCame):
        wait_for(is_quiet, seconds=60, what="no bell was left", every=0.5)
    (stack.folder / FILE).write_text(json.dumps({"before": before, "after": sample(stack)}, indent=1))


def _resident(pid: int) -> int:
    """Give the memory of the largest of a process and its children, in bytes."""
    largest = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(pid)
        for one in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                largest = max(largest, one.memory_info().rss)
    return largest


@judge("I10", "connections, transactions, Redis and memory are back to what they were")
def bounded(found: Evidence) -> Iterator[str]:
    file: Path = found.folder / FILE
    if not file.exists():
        yield "nobody looked what the stack takes for itself"
        return
    told = json.loads(file.read_text())
    before, after = told["before"], told["after"]
    if after["connections"] > before["connections"] + PROCESSES * POOL:
        yield f"{after['connections']} connections, {before['connections']} before"
    if after["oldest transaction"] > OLDEST_TRANSACTION_SECONDS:
        yield f"a transaction is open for {after['oldest transaction']:.0f} s"
    if after["prepared transactions"]:
        yield f"{after['prepared transactions']} prepared transactions are left"
    if after["bells left"]:
        yield f"{after['bells left']} bells are left in Redis, and nothing is left to be done"
    if after["Redis"] > before["Redis"] * MOST_REDIS_MEMORY + REDIS_ROOM:
        yield f"Redis holds {after['Redis']} bytes, {before['Redis']} before"
    for name, memory in after["memory"].items():
        if memory > before["memory"].get(name, memory) * MOST_MEMORY + MEMORY_ROOM:
            yield f"{name} has {memory >> 20} MB, {before['memory'][name] >> 20} before"
