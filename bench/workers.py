"""The workers and the beat as the local system starts them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

from dev.places import ROOT
from dev.supervisor import Program
from dev.system import addresses, programs

STOP_SECONDS = 20.0
POLL_SECONDS = 0.02


def engine_programs() -> list[Program]:
    """List the engine's workers, the worker of the ticks and the beat."""
    return [one for one in programs(addresses()) if one.name.startswith("worker-") or one.name == "beat"]


def chain_programs() -> list[Program]:
    """List the same workers for raw Celery, as many processes on the same queues."""
    workers = [one for one in programs(addresses()) if one.name in {"worker-urgent", "worker-all"}]
    return [
        Program(
            f"chain-{one.name}",
            tuple("bench.chain" if word == "config" else word for word in one.command),
            one.env,
        )
        for one in workers
    ]


@contextlib.contextmanager
def running(what: Sequence[Program]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run programs in process groups of their own, and end them all; their lines go to a file that vanishes."""
    with tempfile.TemporaryFile() as output, contextlib.ExitStack() as stack:
        started = []
        for one in what:
            # Quiet, or the measurement would be one of the log.
            command = [("WARNING" if word == "INFO" else word) for word in one.command]
            process = subprocess.Popen(  # noqa: S603 our own commands
                command,
                cwd=ROOT,
                env={**os.environ, **one.env, "LOG_LEVEL": "WARNING"},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            stack.callback(_end, process)
            started.append(process)
        yield started
        if any(process.poll() is not None for process in started):
            output.seek(0)
            message = f"A process ended by itself:\n{output.read().decode(errors='replace')[-4000:]}"
            raise SystemExit(message)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until(condition: Callable[[], object], *, seconds: float, what: str) -> float:
    """Wait until it is so, and return the monotonic time at which it was seen."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            message = f"It took more than {seconds:.0f} s until {what}."
            raise SystemExit(message)
        time.sleep(POLL_SECONDS)
    return time.monotonic()
