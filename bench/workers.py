"""The processes of the system as the local system starts them, and of plain Celery."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from dev.children import end_with_parent
from dev.places import ROOT
from dev.supervisor import Program
from dev.system import PYTHON, addresses, programs

STOP_SECONDS = 20.0
POLL_SECONDS = 0.05


class Ended(Exception):
    """A process that should run has ended by itself."""


class TookTooLong(Exception):
    """Something that was waited for has not come; the message says what."""


def engine_programs() -> list[Program]:
    """List the engine's workers, the worker of the ticks and the beat, as `make run` starts them."""
    return [one for one in programs(addresses()) if one.name.startswith("worker-") or one.name == "beat"]


def one_process() -> list[Program]:
    """List the same with a single process that carries out the steps of every queue."""
    chosen = {one.name: one for one in engine_programs() if one.name != "worker-urgent"}
    worker = chosen["worker-all"]
    # What stands last on the command line counts.
    one = Program(worker.name, (*worker.command, "-c", "1"), worker.env)
    return [*({**chosen, worker.name: one}.values())]


def web_program(*, port: int) -> Program:
    """Give the web process, listening on a port of its own."""
    web = next(one for one in programs(addresses()) if one.name == "web")
    command = list(web.command)
    command[command.index("--port") + 1] = str(port)
    return Program(web.name, tuple(command), web.env)


def chain_program() -> Program:
    """Give one worker of plain Celery with its own defaults, and two processes."""
    command = (*(PYTHON, "-m", "celery", "-q", "-A", "bench.chain", "worker"), *("-P", "prefork", "-c", "2"))
    return Program("chain", command, {"PYTHONWARNINGS": "ignore:You're running the worker with superuser"})


@contextlib.contextmanager
def running(
    what: Sequence[Program], env: Mapping[str, str] | None = None
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run programs in process groups of their own, and end them all; their lines go to a file that vanishes.

    Raises:
        Ended: one of them has ended by itself; the message has its last lines.
    """
    with tempfile.TemporaryFile() as output, contextlib.ExitStack() as stack:
        started = []
        for one in what:
            # Quiet, or the measurement would be one of the log.
            command = [("WARNING" if word == "INFO" else word) for word in one.command]
            process = subprocess.Popen(  # noqa: S603 our own commands
                command,
                cwd=ROOT,
                env={**os.environ, **one.env, **(env or {}), "LOG_LEVEL": "WARNING"},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # However this process ends, its workers do: Celery ends its children itself.
                preexec_fn=end_with_parent(signal.SIGTERM, os.getpid()),  # noqa: PLW1509 from the main thread only
            )
            stack.callback(_end, process)
            started.append(process)
        try:
            yield started
        finally:
            dead = [
                one.name for one, process in zip(what, started, strict=True) if process.poll() is not None
            ]
            output.seek(0)
            lines = output.read().decode(errors="replace")[-4000:] if dead else ""
        if dead:
            raise Ended(f"{', '.join(dead)} ended by itself:\n{lines}")


@contextlib.contextmanager
def stopping(process: subprocess.Popen[str]) -> Iterator[None]:
    """End a process, which leads a group of its own, and all of its group when the block is left."""
    try:
        yield
    finally:
        _end(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until(condition: Callable[[], object], *, seconds: float, what: str) -> float:
    """Wait until it is so, and return the monotonic time at which it was seen.

    Raises:
        TookTooLong: it has not become so.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TookTooLong(f"It took more than {seconds:.0f} s until {what}.")
        time.sleep(POLL_SECONDS)
    return time.monotonic()
