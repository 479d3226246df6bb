"""How much processor time a run costs, and how much memory a process holds, as the system counts it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg
import redis

#: What is added up for a step; the driver of the bench is not part of the price.
PARTS = ("workers", "database", "redis")


class NotHere(Exception):
    """The database or Redis runs on another machine, where its processor time can not be read."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Processor seconds since each process began, by part."""

    seconds: Mapping[str, float]

    def since(self, earlier: Reading) -> dict[str, float]:
        """Give what each part has used since an earlier reading; a process that vanished counts as nothing."""
        return {part: max(0.0, self.seconds[part] - earlier.seconds.get(part, 0.0)) for part in self.seconds}


@dataclass(frozen=True, slots=True)
class Meter:
    """Reads the processor time of workers, of the whole PostgreSQL server and of Redis."""

    database: int
    redis: int
    workers: tuple[int, ...] = ()

    def read(self) -> Reading:
        """Read it now."""
        children = _children()
        return Reading(
            {
                "workers": sum(_seconds_of(pid, children) for pid in self.workers),
                "database": _seconds_of(self.database, children),
                "redis": _seconds_of(self.redis, children),
            }
        )


def meter(*, database: str, broker: str, workers: Iterable[int] = ()) -> Meter:
    """Find the processes of the two servers.

    Raises:
        NotHere: one of them is not on this machine.
    """
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        with contextlib.suppress(psutil.Error):
            backend = psutil.Process(row[0] if row else 0)
            if "postgres" in backend.name():
                return Meter(backend.ppid(), _redis_process(broker), tuple(workers))
    raise NotHere


def _redis_process(broker: str) -> int:
    with redis.Redis.from_url(broker) as client:
        info: Any = client.info("server")
    pid = int(info["process_id"])
    with contextlib.suppress(psutil.Error):
        name = psutil.Process(pid).name()
        if "valkey" in name or "redis" in name:
            return pid
    raise NotHere


def _children() -> dict[int, list[int]]:
    """Give the children of every process, by one look at all of them."""
    found: dict[int, list[int]] = {}
    for process in psutil.process_iter(["ppid"]):
        found.setdefault(process.info["ppid"] or 0, []).append(process.pid)
    return found


def _seconds_of(pid: int, children: Mapping[int, list[int]]) -> float:
    """Give the processor seconds of a process, of its living children and of those it has buried."""
    total = sum(_seconds_of(child, children) for child in children.get(pid, ()))
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        times = psutil.Process(pid).cpu_times()
        total += times.user + times.system
        total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def memory_of(pid: int) -> float:
    """Give the memory that a process holds (its resident set), in MB."""
    return float(psutil.Process(pid).memory_info().rss) / 1e6
