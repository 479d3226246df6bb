"""The processes of the whole system, and how they are prepared."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dev.places import DEMO, ROOT, STATIC, Trouble
from dev.supervisor import Program

PYTHON: Final = sys.executable
CELERY: Final = (PYTHON, "-m", "celery", "-q", "-A", "config")
_STATIC_STAMP: Final = STATIC / ".collected"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the pages are opened."""

    host: str
    port: int
    flower_port: int

    @property
    def web(self) -> str:
        """Return the address of the system in a browser."""
        return f"http://localhost:{self.port}"

    @property
    def flower(self) -> str:
        """Return the address of Flower in a browser."""
        return f"http://localhost:{self.flower_port}"


def _number(name: str, default: int, *, at_most: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 1 <= int(text) <= at_most:
        message = f"{name} must be a number from 1 to {at_most}, not {text!r}."
        raise Trouble(message)
    return int(text)


def addresses() -> Addresses:
    """Read PORT, FLOWER_PORT and HOST from the environment."""
    highest = 65_535
    return Addresses(
        host=os.environ.get("HOST") or "127.0.0.1",
        port=_number("PORT", 8000, at_most=highest),
        flower_port=_number("FLOWER_PORT", 5555, at_most=highest),
    )


#: What travels alone, most urgent first; and instant steps.
ALONE: Final = ("critical", "high", "medium", "low")
STEPS: Final = tuple(f"{queue}.steps" for queue in ALONE)
#: What is urgent, of both.
URGENT: Final = (ALONE[0], STEPS[0], ALONE[1], STEPS[1])


def _worker(
    name: str, *, queues: Sequence[str], concurrency: int | None = None, pool: str = "prefork"
) -> Program:
    """Describe a worker, which empties its queues in their order.

    Without a concurrency its processes follow the depth of its queues, where it has any.
    """
    size = () if concurrency is None else ("-c", str(concurrency))
    # Neither gossip nor mingle: workers owe each other nothing, and start faster for it.
    return Program(
        name,
        (
            *(*CELERY, "worker", "-n", f"{name}@%h", "-Q", ",".join(queues), "-P", pool, *size),
            *("--without-gossip", "--without-mingle", "-l", "INFO"),
        ),
        {
            # A root on one's own machine knows what it is.
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
            # `manage.py migrate` has checked the same before: a fifth of the time in which a worker starts.
            "CELERY_SKIP_CHECKS": "1",
        },
    )


def programs(where: Addresses) -> list[Program]:
    """List every process of the system; the ticks have a worker of their own, and so has urgent work."""
    fixed = _number("WORKER_CONCURRENCY", 1, at_most=500) if os.environ.get("WORKER_CONCURRENCY") else None
    return [
        Program(
            "web",
            (
                *(PYTHON, "-m", "uvicorn", "config.asgi:application", "--host", where.host),
                *("--port", str(where.port), "--timeout-graceful-shutdown", "3", "--lifespan", "off"),
                *("--no-access-log", "--no-server-header"),
                *("--workers", str(_number("WEB_CONCURRENCY", 1, at_most=64))),
            ),
        ),
        _worker("worker-urgent", queues=URGENT, concurrency=_number("URGENT_CONCURRENCY", 2, at_most=500)),
        # Instant steps hang on nobody: what hands them over to a child costs as much as carrying them out.
        *(
            _worker(f"worker-steps-{number}", queues=STEPS, pool="solo")
            for number in range(1, _number("STEP_WORKERS", 2, at_most=64) + 1)
        ),
        _worker("worker-all", queues=ALONE, concurrency=fixed),
        # Threads: a long tick must not keep the others waiting, and they are short of work, not of processors.
        _worker("worker-ticks", queues=("ticks",), concurrency=4, pool="threads"),
        Program("beat", (*CELERY, "beat", "-l", "INFO", "--pidfile=")),
        Program(
            "flower",
            (
                *(*CELERY, "flower", f"--address={where.host}", f"--port={where.flower_port}"),
                "--logging=warning",
            ),
        ),
    ]


def manage(*words: str, env: Mapping[str, str]) -> None:
    """Run one command of manage.py and wait for it; raise Trouble when it fails."""
    done = subprocess.run([PYTHON, "manage.py", *words], cwd=ROOT, env=dict(env), check=False)
    if done.returncode != 0:
        message = f"`manage.py {' '.join(words)}` failed; what it printed above says why."
        raise Trouble(message)


def _static_sources() -> Iterator[Path]:
    yield ROOT / "requirements.txt"
    for app in sorted(ROOT.glob("*/static")):
        if STATIC not in app.parents and app != STATIC:
            yield from sorted(path for path in app.rglob("*") if path.is_file())


def _static_digest() -> str:
    digest = hashlib.sha256()
    for path in _static_sources():
        if path.exists():
            facts = path.stat()
            digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def prepare(env: Mapping[str, str]) -> None:
    """Bring the database up to date, gather static files when any has changed, and put the demo in place.

    A second call finds everything done and takes a few seconds.
    """
    manage("migrate", "--noinput", "-v", "0", env=env)
    digest = _static_digest()
    if not _STATIC_STAMP.exists() or _STATIC_STAMP.read_text(encoding="utf-8") != digest:
        manage("collectstatic", "--noinput", "--clear", "-v", "0", env=env)
        _STATIC_STAMP.write_text(digest, encoding="utf-8")
    manage("demo", "--once", "--facts", str(DEMO), env=env)
