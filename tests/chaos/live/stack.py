"""The real stack on servers of its own: each wire through a proxy, each process within reach of a signal."""

# ruff: noqa: S310, S311 - addresses are this machine's; a run can be repeated by its seed
from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg
import redis
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dev.keeping import Kept
from dev.ports import free_port
from dev.postgres import postgres
from dev.valkey import valkey
from engine.broker_queues import STEP_QUEUES
from engine.services.priorities import QUEUES
from tests.chaos.live.process import CLOCK, ROOT, Process
from tests.chaos.live.proxy import Proxy
from tests.fakes.callbacks import SendGridSigner
from tests.fakes.provider import SENDGRID_KEY, TWILIO_SID, TWILIO_TOKEN
from tests.nursing import Nursery

CELERY = ("celery", "-q", "-A", "config")
#: Workers that fork; either serves everything.
WORKERS = ("one", "two")
#: Processes of one worker.
CHILDREN = 2
#: The worker without a pool, of instant steps.
SOLO = "steps"
ALONE = ",".join(QUEUES)
READY_SECONDS = 180.0
TWILIO_FROM = "+15005550006"


#: What the engine writes when it turns away what came from somebody who is no longer in charge.
TURNED_AWAY = ('"stale_results"', '"lease_lost"')


class NeverCame(Exception):
    """What was waited for did not come about in time."""


def wait_for(condition: Any, *, seconds: float, what: str, every: float = 0.1) -> Any:
    """Ask again and again until the answer is true, and give it back."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise NeverCame(f"Within {seconds:.0f} s it did not come about that {what}.")
        time.sleep(every)


@dataclass(slots=True)
class Stack:
    """Servers, proxies and processes of one run."""

    folder: Path
    seed: int
    postgres: Kept
    redis: Kept
    #: The real addresses, for load, faults and checker.
    database_url: str
    redis_url: str
    to_postgres: Proxy
    to_redis: Proxy
    web_port: int
    provider_port: int
    processes: dict[str, Process] = field(default_factory=dict)
    #: Blows to what is no process of ours: servers, children, connections.
    other_blows: int = 0
    nursery: Nursery | None = None

    @property
    def blows(self) -> int:
        """Say how often anything was struck that may have been in the middle of something."""
        wires = sum(sum(wire.hits.values()) for wire in (self.to_postgres, self.to_redis))
        return wires + self.other_blows + sum(one.blows for one in self.processes.values())

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def provider(self) -> str:
        return f"http://127.0.0.1:{self.provider_port}"

    def add(self, name: str, *command: str, **env: str) -> Process:
        """Make a process known, without starting it."""
        process = Process(name, command, {**os.environ, **env}, self.folder / f"{name}.log", self.nursery)
        self.processes[name] = process
        return process

    def worker(
        self,
        name: str,
        *,
        queues: str = f"{ALONE},{','.join(STEP_QUEUES)}",
        pool: str = "prefork",
        **env: str,
    ) -> Process:
        """Make a worker known."""
        words = ("worker", "-n", f"{name}@chaos", "-Q", queues, "-P", pool, "-c", str(CHILDREN))
        return self.add(name, *CELERY, *words, "--without-gossip", "--without-mingle", "-l", "INFO", **env)

    def beat(self, name: str, **env: str) -> Process:
        """Make a beat known."""
        return self.add(name, *CELERY, "beat", "-l", "INFO", "--pidfile=", **env)

    def start(self, *names: str) -> None:
        """Start processes, all of them by default; those that run stay as they are."""
        for name in names or tuple(self.processes):
            self.processes[name].start()

    def look_after(self) -> list[str]:
        """Start again what has died by itself or by a fault, as a supervisor would; give their names."""
        fallen = [one for one in self.processes.values() if not one.alive and not one.away]
        for one in fallen:
            one.start()
        return [one.name for one in fallen]

    def stop(self) -> None:
        """End everything that was started."""
        for one in self.processes.values():
            one.away = True
            one.kill()
            one.sweep()

    # -- what is known from outside

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement on a connection of its own, around the proxy; again while the server is away."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                with psycopg.connect(self.database_url, autocommit=True, connect_timeout=3) as db:
                    cursor = db.execute(sql, values)
                    return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def engine_time(self) -> str:
        """Read the engine's time, as ISO text."""
        sql = """SELECT (clock_timestamp() + coalesce((SELECT shift FROM journeys_clockshift WHERE id = 1),
                 interval '0'))"""
        return str(self.ask(sql)[0][0].isoformat())

    def broker(self) -> redis.Redis:
        """Connect to Redis itself, around the proxy."""
        return redis.Redis.from_url(self.redis_url, socket_timeout=5)

    def note(self, file: str, **entry: Any) -> None:
        """Append a line to one of the run's own files."""
        with (self.folder / file).open("a") as output:
            output.write(json.dumps(entry) + "\n")

    def set_clock(self, name: str, seconds: float) -> None:
        """Set the wall clock of one process off by so many seconds, while it runs."""
        Path(self.processes[name].env[CLOCK]).write_text(str(seconds))

    def control(self, **order: Any) -> None:
        """Order faults of the providers; without an order they do everything right again."""
        method = "POST" if order else "DELETE"
        body = json.dumps(order).encode() if order else None
        request = urllib.request.Request(f"{self.provider}/_control", data=body, method=method)

        def ordered() -> bool:
            with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5):
                return True
            return False

        wait_for(ordered, seconds=20, what="the providers took an order")

    def callers_held(self) -> list[psutil.Process]:
        """Give the workers' processes whose calls the providers hold at this moment."""
        try:
            with urllib.request.urlopen(f"{self.provider}/_held", timeout=5) as answer:
                held = set(json.loads(answer.read()))
        except (OSError, ValueError):
            return []
        found = []
        for one in [child for name in WORKERS for child in self.processes[name].offspring()] if held else ():
            with contextlib.suppress(psutil.Error):
                if any(link.laddr.port in held for link in one.net_connections("tcp")):
                    found.append(one)
        return found

    def turned_away(self) -> int:
        """Count the results that came from somebody who was no longer in charge, as the logs tell it."""
        return sum(
            sum(one in line for one in TURNED_AWAY)
            for log in self.folder.glob("*.log")
            for line in log.read_text(errors="replace").splitlines()
        )

    def reports_pending(self) -> int:
        """Say how many call-backs are still to be answered."""
        try:
            with urllib.request.urlopen(f"{self.provider}/_pending", timeout=5) as answer:
                return int(json.loads(answer.read()))
        except (OSError, ValueError):
            return 1

    def wait_until_ready(self) -> None:
        """Wait until workers and ticks show life in the database and the web process answers."""
        wanted = {
            f"worker:{name}@chaos"
            for name, one in self.processes.items()
            if "worker" in one.command and not one.away
        } | {"beat"}

        def ready() -> bool:
            self.look_after()
            lively = {
                row[0]
                for row in self.ask(
                    "SELECT name FROM engine_heartbeat WHERE beat_at > clock_timestamp() - interval '12 seconds'"
                )
            }
            return wanted <= lively and self._web_answers()

        wait_for(ready, seconds=READY_SECONDS, what=f"{', '.join(sorted(wanted))} showed life", every=0.4)

    def _web_answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.web}/health/live", timeout=3).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True


def _environment(
    signer: SendGridSigner, *, database: str, broker: str, web: str, provider: str
) -> dict[str, str]:
    return {
        "DATABASE_URL": database,
        "REDIS_URL": broker,
        "DJANGO_SETTINGS_MODULE": "tests.chaos.live.settings",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "PYTHONUNBUFFERED": "1",
        "PUBLIC_URL": web,
        "LOG_LEVEL": "INFO",
        "LOG_FORMAT": "json",
        "API_RATE_PER_MINUTE": "100000",
        "DATABASE_POOL_SIZE": "4",
        "QUEUE_BELL_LEASE_SECONDS": "3",
        "PROVIDER_TIMEOUT_SECONDS": "2",
        "IN_DOUBT_GRACE_SECONDS": "30",
        "IN_DOUBT_LIMIT_SECONDS": "1800",
        "SENDGRID_API_KEY": SENDGRID_KEY,
        "SENDGRID_API_BASE": provider,
        "SENDGRID_WEBHOOK_KEY": signer.public_key,
        "TWILIO_ACCOUNT_SID": TWILIO_SID,
        "TWILIO_AUTH_TOKEN": TWILIO_TOKEN,
        "TWILIO_FROM": TWILIO_FROM,
        "TWILIO_API_BASE": provider,
        "WEBHOOK_ALLOW_PRIVATE": "true",
    }


def _port(url: str) -> int:
    return urlsplit(url).port or 0


@contextlib.contextmanager
def a_stack(folder: Path, *, seed: int) -> Iterator[Stack]:
    """Give a stack whose servers run and whose processes are known but not started; end all of it afterwards."""
    with contextlib.ExitStack() as cleanup:
        data = Path(tempfile.mkdtemp(prefix="chaos-", dir=folder))
        data.chmod(0o755)
        kept: list[Kept] = []
        database = cleanup.enter_context(postgres(data / "chaos-postgres", durable=True, kept=kept))
        with psycopg.connect(database) as db:
            place = db.execute("SHOW data_directory").fetchone()
        cleanup.enter_context(_removed(data, Path(str(place[0])) if place else data))
        broker = cleanup.enter_context(valkey(data / "chaos-valkey", durable=True, kept=kept))
        rng = random.Random(seed)
        wires = [Proxy(_port(url), random.Random(rng.random())) for url in (database, broker)]
        for wire in wires:
            wire.start()
            cleanup.callback(wire.stop)
        stack = Stack(
            folder=folder,
            seed=seed,
            postgres=kept[0],
            redis=kept[1],
            database_url=database,
            redis_url=broker,
            to_postgres=wires[0],
            to_redis=wires[1],
            web_port=free_port(),
            provider_port=free_port(),
        )
        # Last of all: it buries those that it has forked.
        cleanup.callback(lambda: stack.nursery and stack.nursery.close())
        cleanup.callback(stack.stop)
        _prepare(stack)
        yield stack


@contextlib.contextmanager
def _removed(*folders: Path) -> Iterator[None]:
    """Remove folders at the end, when the servers on them have stopped.

    It is entered after the server of the folder, but its files may go while it stops: they are never used again.
    """
    yield
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(stack: Stack) -> None:
    """Write the environment of every process, migrate, and make the processes known."""
    signer = SendGridSigner()
    key = signer._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (stack.folder / "sendgrid.pem").write_bytes(key)
    env = _environment(
        signer, database=stack.database_url, broker=stack.redis_url, web=stack.web, provider=stack.provider
    )
    # Processes are started again and again: what is compiled once is kept, beside the sources of nobody else.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.update(env, PYTHONPYCACHEPREFIX=str(stack.folder.parent / "compiled"))
    _migrate(stack)
    through = _through_proxies(stack)
    stack.nursery = Nursery({**os.environ, **through})
    for name in WORKERS:
        stack.worker(name, **through)
    stack.worker(SOLO, queues=",".join(STEP_QUEUES), pool="solo", **through)
    ticks = stack.worker("ticks", queues="ticks", pool="threads", **through)
    ticks.command = (*ticks.command, "-c", "4")
    stack.beat("beat", **through)
    for name, process in stack.processes.items():
        process.env[CLOCK] = str(stack.folder / f"{name}.clock")
    web = ("uvicorn", "config.asgi:application", "--host", "127.0.0.1", "--port", str(stack.web_port))
    stack.add("web", *web, "--lifespan", "off", "--no-access-log", **through)
    stack.add(
        "provider",
        *("tests.chaos.live.provider", "--port", str(stack.provider_port)),
        *("--folder", str(stack.folder), "--web", stack.web, "--seed", str(stack.seed)),
    )


def _migrate(stack: Stack) -> None:
    """Make the tables; only what comes after them is to survive the death of PostgreSQL."""
    stack.ask("ALTER SYSTEM SET fsync = off")
    stack.ask("SELECT pg_reload_conf()")
    migrate = [sys.executable, "manage.py", "migrate", "--noinput", "-v", "0"]
    # On a machine that others keep busy, a migration may wait longer than a transaction may be idle.
    for last in (False, False, True):
        if not subprocess.run(
            migrate, cwd=ROOT, check=last, stderr=None if last else subprocess.DEVNULL
        ).returncode:
            break
    stack.ask("ALTER SYSTEM RESET fsync")
    stack.ask("SELECT pg_reload_conf()")
    wait_for(lambda: stack.ask("SHOW fsync")[0][0] == "on", seconds=20, what="fsync was on again")
    stack.ask("CHECKPOINT")


def _through_proxies(stack: Stack) -> Mapping[str, str]:
    database = urlsplit(stack.database_url)
    broker = urlsplit(stack.redis_url)
    return {
        "DATABASE_URL": database._replace(netloc=f"postgres@127.0.0.1:{stack.to_postgres.port}").geturl(),
        "REDIS_URL": broker._replace(netloc=f"127.0.0.1:{stack.to_redis.port}").geturl(),
    }
