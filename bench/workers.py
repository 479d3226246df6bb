"""The processes of the system as the local system starts them, and of plain Celery."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import IO, Protocol

import psutil

from bench.nursery import BEGINNING, LOADED
from dev.children import end_with_parent
from dev.places import ROOT
from dev.supervisor import Program
from dev.system import PYTHON, addresses, programs

#: How the name under which a run keeps the worker of plain Celery begins.
CHAIN = "plain Celery"
#: The setting of one execution a task.
SINGLE = {"QUEUE_BATCH_SIZE": "1"}
POLL_SECONDS = 0.05
#: What a program is told about its start alone: those that differ in nothing else can be loaded together.
START_ONLY = frozenset({"PYTHONWARNINGS", "CELERY_SKIP_CHECKS"})


class Ended(Exception):
    """A process that should run has ended by itself."""


class TookTooLong(Exception):
    """Something that was waited for has not come; the message says what."""


def engine_programs() -> list[Program]:
    """List the engine's workers, the worker of the ticks and the beat, as `make run` starts them."""
    return [one for one in programs(addresses()) if one.name.startswith("worker-") or one.name == "beat"]


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


class Process(Protocol):
    """What is known of a process that leads a group of its own."""

    @property
    def pid(self) -> int:
        """Return its number."""

    def poll(self) -> int | None:
        """Give something else than None when it has ended."""

    def wait(self) -> int:
        """Wait until it has ended."""


class Nursery:
    """A process that has loaded the system, or does so now, and forks programs when it is told to."""

    def __init__(self, programs: Sequence[Program], env: Mapping[str, str]) -> None:
        reading, writing = os.pipe()
        words = json.dumps([one.command for one in programs])
        self.process = _launch(
            [PYTHON, "-m", "bench.nursery", str(writing), words], env, keep=[writing], stdin=subprocess.PIPE
        )
        os.close(writing)
        self._answers = os.fdopen(reading)
        self._loaded = False
        self._pids: list[int] | None = None

    def loaded(self) -> None:
        """Wait until it has loaded."""
        if not self._loaded:
            self._loaded = self._answer() == LOADED

    def fork(self) -> None:
        """Have it fork as soon as it has loaded."""
        if self.process.stdin is not None:
            self.process.stdin.write(b"go\n")
            self.process.stdin.flush()

    def pids(self) -> list[int]:
        """Give the numbers of its processes, once they are there.

        Raises:
            Ended: it has ended without any.
        """
        if self._pids is None:
            self.loaded()
            self._pids = json.loads(self._answer())
        return self._pids

    def end(self) -> None:
        """End it; it has buried its processes."""
        _end([self.process])
        self._answers.close()
        if self.process.stdin is not None:
            self.process.stdin.close()

    def _answer(self) -> str:
        if not (line := self._answers.readline()):
            raise Ended(f"The workers could not be started:\n{_last_lines()}")
        return line.strip()


class Fork:
    """One of the processes that a nursery has forked."""

    def __init__(self, nursery: Nursery, place: int) -> None:
        self._nursery, self._place = nursery, place

    @property
    def pid(self) -> int:
        """Return its number, once it is there."""
        return self._nursery.pids()[self._place]

    def poll(self) -> int | None:
        """Give 0 when it has ended."""
        return None if psutil.pid_exists(self.pid) else 0

    def wait(self) -> int:
        """Wait until the nursery has buried it."""
        while self.poll() is None:
            time.sleep(POLL_SECONDS / 5)
        return 0


#: Those that load ahead of their time, by what they are going to start and how it is set.
_ahead: dict[str, Nursery] = {}


@contextlib.contextmanager
def loading_ahead(settings: Sequence[Mapping[str, str]]) -> Iterator[None]:
    """Have the engine's programs loaded meanwhile, once for each of the settings that will be asked for."""
    for env in settings:
        for together, own in _groups(engine_programs(), env):
            if len(together) > 1:
                _ahead[_key(together, own)] = Nursery(together, own)
    try:
        yield
    finally:
        for one in _ahead.values():
            one.end()
        _ahead.clear()


def loaded() -> None:
    """Wait until all that loads ahead has loaded, and takes nothing from what is measured next."""
    for one in _ahead.values():
        one.loaded()


@contextlib.contextmanager
def running(what: Sequence[Program], env: Mapping[str, str] | None = None) -> Iterator[list[Process]]:
    """Run programs in process groups of their own, and end them all; their lines go to a file that vanishes.

    The block is entered at once, while they still start; those of Celery with the same settings are forks of one
    process. They are killed at the end: what they leave unfinished goes with the database, and nobody waits for their
    farewells.

    Raises:
        Ended: one of them has ended by itself; the message has its last lines.
    """
    processes: dict[str, Process] = {}
    with contextlib.ExitStack() as stack:
        for together, own in _groups(what, env or {}):
            if len(together) == 1:
                alone: Process = _launch(together[0].command, own)
                processes[together[0].name] = alone
                continue
            nursery = _ahead.pop(_key(together, own), None) or Nursery(together, own)
            stack.callback(nursery.end)
            nursery.fork()
            processes |= {one.name: Fork(nursery, place) for place, one in enumerate(together)}
        stack.callback(lambda: _end(list(processes.values())))
        yield [processes[one.name] for one in what]
        if dead := [name for name, process in processes.items() if process.poll() is not None]:
            raise Ended(f"{', '.join(dead)} ended by itself:\n{_last_lines()}")


def _groups(
    what: Sequence[Program], env: Mapping[str, str]
) -> Iterator[tuple[list[Program], dict[str, str]]]:
    """Put together what a nursery can start: programs of Celery with the same settings of their own, given with them."""
    groups: dict[object, list[Program]] = {}
    for one in what:
        # Quiet, or the measurement would be one of the log.
        quiet = tuple("WARNING" if word == "INFO" else word for word in one.command)
        celery = one.command[: len(BEGINNING)] == BEGINNING
        lasting = tuple(sorted((name, value) for name, value in one.env.items() if name not in START_ONLY))
        groups.setdefault(lasting if celery else one.name, []).append(Program(one.name, quiet, one.env))
    for together in groups.values():
        whole: dict[str, str] = {}
        for one in together:
            whole |= one.env
        yield together, {**whole, **env}


def _key(programs: Sequence[Program], env: Mapping[str, str]) -> str:
    return json.dumps([[one.command for one in programs], sorted(env.items())])


def _launch(
    command: Sequence[str], env: Mapping[str, str], *, keep: Sequence[int] = (), stdin: int | None = None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 our own commands
        command,
        cwd=ROOT,
        env={**os.environ, **env, "LOG_LEVEL": "WARNING"},
        stdin=stdin,
        stdout=_lines(),
        stderr=subprocess.STDOUT,
        pass_fds=keep,
        start_new_session=True,
        # However this process ends, its workers do: Celery ends its children itself.
        preexec_fn=end_with_parent(signal.SIGTERM, os.getpid()),  # noqa: PLW1509 from the main thread only
    )


@cache
def _lines() -> IO[bytes]:
    """Give the file that all programs write their lines to; it vanishes with this process."""
    return tempfile.TemporaryFile()


def _last_lines() -> str:
    """Give the end of what the programs have written."""
    size = _lines().seek(0, os.SEEK_END)
    return os.pread(_lines().fileno(), 4000, max(0, size - 4000)).decode(errors="replace")


@contextlib.contextmanager
def stopping(process: subprocess.Popen[str]) -> Iterator[None]:
    """End a process, which leads a group of its own, and all of its group when the block is left."""
    try:
        yield
    finally:
        _end([process])
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _end(processes: Sequence[Process]) -> None:
    """Kill processes that lead groups of their own, with all of each group, and wait for them together."""
    for one in processes:
        # It has ended already, or was never there.
        with contextlib.suppress(ProcessLookupError, Ended):
            os.killpg(one.pid, signal.SIGKILL)
    for one in processes:
        with contextlib.suppress(Ended):
            one.wait()


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
