"""Start real workers and a real beat against the test database, and surely end them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote, urlsplit

import psutil
import redis
from django.conf import settings
from django.db import connection

from engine import broker_queues
from engine.models import Heartbeat
from engine.services import priorities
from tests.nursing import Forked, nursery_for

ROOT = Path(__file__).parents[1]
STEP_QUEUES = ",".join(broker_queues.STEP_QUEUES)
#: What travels alone, and instant steps: for a worker that carries out everything.
QUEUES = ",".join((*priorities.QUEUES, *broker_queues.STEP_QUEUES))
#: For a machine of two slow cores on which others work too.
START_SECONDS = 40.0
POLL_SECONDS = 0.05

Found = TypeVar("Found")


class NeverCame(AssertionError):
    """What was waited for did not come about in time."""


def wait_for(condition: Callable[[], Found], *, seconds: float, what: str) -> Found:
    """Ask again and again until the answer is true, and give it back; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            message = f"Within {seconds:.0f} s it did not come about that {what}."
            raise NeverCame(message)
        time.sleep(POLL_SECONDS)


def broker() -> redis.Redis:
    """Connect to the database of Redis that bells of this test run go through."""
    return redis.Redis.from_url(settings.CELERY_BROKER_URL)


def empty_broker() -> None:
    """Lose everything that Redis holds for this test run."""
    with contextlib.closing(broker()) as client:
        client.flushdb()


def database_url() -> str:
    """Name the test database as DATABASE_URL does, with the settings of the one it stands in for."""
    given = urlsplit(os.environ["DATABASE_URL"])
    return given._replace(path="/" + quote(str(connection.settings_dict["NAME"]))).geturl()


@dataclass
class Running:
    """One process of ours with everything it started."""

    name: str
    process: Forked
    log: Path
    #: Seconds of the monotonic clock at which it was started.
    begun: float = field(default_factory=time.monotonic)

    def family(self) -> list[psutil.Process]:
        """Give the process and its descendants, as far as they live."""
        with contextlib.suppress(psutil.NoSuchProcess):
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        return []

    def speaks_to(self, port: int) -> bool:
        """Tell whether one of its processes has a connection open to a local port."""
        for one in self.family():
            with contextlib.suppress(psutil.Error):
                if any(link.raddr and link.raddr.port == port for link in one.net_connections("tcp")):
                    return True
        return False

    def kill(self) -> None:
        """End the whole process group at once, as power loss would; a dead one stays dead."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the whole process group."""
        os.killpg(self.process.pid, number)

    def tail(self) -> str:
        """Give the end of what it printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:] if self.log.exists() else ""


class Processes:
    """Workers and beat of one test: `with Processes(folder=tmp_path) as system: system.start("one", "ticks")`."""

    def __init__(self, *, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.running: list[Running] = []
        self.env = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "REDIS_URL": settings.CELERY_BROKER_URL,
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "QUEUE_BELL_LEASE_SECONDS": "2",
            "PROVIDER_TIMEOUT_SECONDS": "3",
            "DATABASE_POOL_SIZE": "3",
            **(env or {}),
        }

    def __enter__(self) -> Self:
        empty_broker()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self.running:
            one.kill()
        empty_broker()
        if error is not None:
            for one in self.running:
                print(f"--- {one.name} ---\n{one.tail()}")  # noqa: T201 shown by pytest beside the failure

    def worker(self, name: str, *, queues: str = QUEUES, concurrency: int = 1) -> Running:
        """Start a prefork worker; `wait_until_ready` waits for it."""
        return self._celery(name, "worker", "-n", f"{name}@test", "-Q", queues, "-c", str(concurrency))

    def solo_worker(self, name: str, *, queues: str = STEP_QUEUES) -> Running:
        """Start a worker without a pool, of instant steps."""
        return self._celery(name, "worker", "-n", f"{name}@test", "-Q", queues, "-P", "solo")

    def ticks(self) -> Running:
        """Start the worker of the ticks with the beat inside."""
        return self._celery("ticks", "worker", "-n", "ticks@test", "-Q", "ticks", "-c", "2", "-B")

    def wait_until_ready(self, *, seconds: float = START_SECONDS) -> None:
        """Wait until every living process has shown life in the database, and the beat has ticked."""
        wanted = {f"worker:{one.name}@test" for one in self.running if one.process.poll() is None}
        if "worker:ticks@test" in wanted:
            wanted.add("beat")

        def ready() -> bool:
            dead = [one for one in self.running if one.process.poll() not in {None, -signal.SIGKILL}]
            if dead:
                message = f"{dead[0].name} ended by itself:\n{dead[0].tail()}"
                raise NeverCame(message)
            return wanted <= set(Heartbeat.objects.values_list("name", flat=True))

        wait_for(ready, seconds=seconds, what=f"{', '.join(sorted(wanted))} showed life")

    def wait_for_ticks(self, times: int) -> None:
        """Wait until the dispatcher has begun to look so many times more."""
        for _ in range(times):
            before = Heartbeat.objects.get(name="beat").beat_at
            wait_for(
                lambda: Heartbeat.objects.get(name="beat").beat_at > before,  # noqa: B023 used at once
                seconds=START_SECONDS,
                what="the dispatcher looked again",
            )

    def start(self, *workers: str) -> list[Running]:
        """Start workers of one process each, and the ticks; return the workers when all are ready."""
        started = [self.worker(name) for name in workers]
        self.ticks()
        self.wait_until_ready()
        return started

    def _celery(self, name: str, *words: str) -> Running:
        log = self.folder / f"{name}.log"
        if "-B" in words:
            words = (*words, "-s", str(self.folder / "beat"), "--pidfile", str(self.folder / f"{name}.pid"))
        command = (
            "celery",
            "-q",
            "-A",
            "config",
            *words,
            "--without-gossip",
            "--without-mingle",
            "-l",
            "WARNING",
        )
        process = nursery_for(self.env).fork(command, log=log)
        one = Running(name, process, log)
        self.running.append(one)
        return one


@contextlib.contextmanager
def processes(folder: Path, *workers: str, **env: str) -> Iterator[Processes]:
    """Give a running system of these workers and the ticks, with more environment for them."""
    with Processes(folder=folder, env=env) as system:
        system.start(*workers)
        yield system
