"""One process of the live stack, within reach of a signal."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from dev import children
from tests.nursing import Forked, Nursery

ROOT = Path(__file__).parents[3]
#: Names of what a process alone suffers from, in its environment (tests.chaos.live.settings).
CLOCK, POISON = "CHAOS_CLOCK", "CHAOS_POISON"


@dataclass(slots=True)
class Process:
    """One process of the stack, under a name, that may be started again and again."""

    name: str
    #: Module and arguments.
    command: tuple[str, ...]
    env: dict[str, str]
    log: Path
    #: Forks it from one that has loaded everything; without one it starts from nothing.
    nursery: Nursery | None = None
    folder: Path = ROOT
    child: subprocess.Popen[bytes] | Forked | None = None
    #: It is meant to be away.
    away: bool = False
    #: Signals that it was given.
    blows: int = 0

    def start(self) -> None:
        """Start it, when it does not run; only from the main thread."""
        if self.alive:
            return
        self.sweep()
        self.away = False
        if self.nursery is not None:
            own = {"clock": self.env.get(CLOCK, ""), "poison": self.env.get(POISON, "")}
            self.child = self.nursery.fork(self.command, log=self.log, **own)
            return
        with self.log.open("ab") as output:
            self.child = children.spawn(
                (sys.executable, "-m", *self.command), env=self.env, output=output, cwd=self.folder
            )

    @property
    def alive(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def send(self, number: int, *, whole: bool = True) -> None:
        """Signal the process, or it and everything it started."""
        if self.child is None:
            return
        self.blows += 1
        with contextlib.suppress(ProcessLookupError):
            if whole:
                os.killpg(self.child.pid, number)
            else:
                self.child.send_signal(number)

    def kill(self, *, whole: bool = True) -> None:
        """Have it die at once."""
        self.send(signal.SIGKILL, whole=whole)
        if self.child is not None:
            self.child.wait(timeout=20)

    def sweep(self) -> None:
        """Kill whatever a dead process has left behind."""
        if self.child is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.child.pid, signal.SIGKILL)

    def offspring(self) -> list[psutil.Process]:
        """Give the processes it forked."""
        if self.child is None:
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.child.pid).children()
        return []
