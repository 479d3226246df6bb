"""Keeps processes alive: starts them, relays their lines under their name, restarts the dead, stops them all."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import IO, Final

from dev import children

STOP_SECONDS: Final = 18.0
RESTART_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
DEATHS: Final = 5
DEATH_WINDOW_SECONDS: Final = 60.0
_TICK_SECONDS: Final = 0.25
_COLORS: Final = (36, 33, 32, 35, 34, 96, 93, 92)


@dataclass(frozen=True, slots=True)
class Program:
    """What runs under one name."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Charge:
    """A program with its present process and its recent deaths."""

    program: Program
    color: int
    child: subprocess.Popen[bytes] | None = None
    rest: bytes = b""
    #: Monotonic time at which it is started (again).
    start_at: float = 0.0
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS))


class Supervisor:
    """Runs programs until told to stop; `every_tick` is called about four times a second."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        env: Mapping[str, str],
        output: IO[str] = sys.stdout,
        every_tick: Callable[[], None] = lambda: None,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._charges = [
            _Charge(program, _COLORS[number % len(_COLORS)]) for number, program in enumerate(programs)
        ]
        self._env = dict(env)
        self._output = output
        self.every_tick = every_tick
        self._stop_seconds = stop_seconds
        self._width = max((len(program.name) for program in programs), default=0)
        self._colored = output.isatty()
        self._selector = selectors.DefaultSelector()
        self._stops = 0

    def say(self, text: str, *, name: str = "run", color: int = 1) -> None:
        """Print a line under a name; a terminal that has gone away is no reason to stop."""
        prefix = f"{name:<{self._width}} |"
        if self._colored:
            prefix = f"\x1b[{color}m{prefix}\x1b[0m"
        with contextlib.suppress(BrokenPipeError, OSError):
            self._output.write(f"{prefix} {text}\n")
            self._output.flush()

    def run(self) -> None:
        """Run everything until SIGINT, SIGTERM or SIGHUP; return when nothing is left running."""
        with self._signals():
            try:
                while not self._stops:
                    self._turn()
                    self.every_tick()
            finally:
                self._stop_all()

    def ask_to_stop(self, *_signal: int | FrameType | None) -> None:
        """Begin an orderly stop; asked a second time, kill at once."""
        self._stops += 1

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self.ask_to_stop) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _turn(self) -> None:
        now = time.monotonic()
        for charge in self._charges:
            if charge.child is None and now >= charge.start_at:
                self._start(charge)
        self._relay(_TICK_SECONDS)
        for charge in self._charges:
            if charge.child is not None and charge.child.poll() is not None:
                self._bury(charge, time.monotonic())

    def _start(self, charge: _Charge) -> None:
        charge.child = children.spawn(
            charge.program.command,
            env={**self._env, **charge.program.env},
            output=subprocess.PIPE,
        )
        assert charge.child.stdout is not None  # noqa: S101 - it was asked for
        os.set_blocking(charge.child.stdout.fileno(), False)
        self._selector.register(charge.child.stdout, selectors.EVENT_READ, charge)

    def _relay(self, seconds: float) -> None:
        """Pass on what the children have written, line by line."""
        if not self._selector.get_map():
            time.sleep(seconds)
            return
        for key, _events in self._selector.select(seconds):
            self._read(key.data, key.fd)

    def _read(self, charge: _Charge, descriptor: int) -> None:
        try:
            piece = os.read(descriptor, 65_536)
        except BlockingIOError:
            return
        *lines, charge.rest = (charge.rest + piece).split(b"\n")
        if not piece:
            if charge.rest:
                lines, charge.rest = [charge.rest], b""
            if charge.child is not None and charge.child.stdout is not None:
                self._selector.unregister(charge.child.stdout)
                charge.child.stdout.close()
        for line in lines:
            self.say(line.decode(errors="replace").rstrip(), name=charge.program.name, color=charge.color)

    def _bury(self, charge: _Charge, now: float) -> None:
        """Take note of a death, clear what it left, and plan the next start."""
        child = charge.child
        assert child is not None  # noqa: S101 - only the living die
        self._finish(charge)
        charge.deaths.append(now)
        recent = sum(1 for death in charge.deaths if now - death < DEATH_WINDOW_SECONDS)
        wait = RESTART_SECONDS[min(recent, len(RESTART_SECONDS)) - 1]
        charge.start_at = now + wait
        how = f"exit code {child.returncode}" if child.returncode >= 0 else f"signal {-child.returncode}"
        self.say(f"{charge.program.name} ended ({how}); starting it again in {wait:g} s", color=33)
        if recent >= DEATHS:
            self.say(
                f"{charge.program.name.upper()} KEEPS DYING: {recent} times within {DEATH_WINDOW_SECONDS:g} s. "
                "Its own lines above say why. The rest goes on.",
                color=31,
            )

    def _finish(self, charge: _Charge) -> None:
        """Kill the rest of the process group, read its last lines and forget the process."""
        child = charge.child
        assert child is not None  # noqa: S101 - called for a process that was started
        children.sweep_group(child)
        child.wait()
        deadline = time.monotonic() + 1
        while child.stdout is not None and not child.stdout.closed and time.monotonic() < deadline:
            self._relay(0.05)
        if child.stdout is not None and not child.stdout.closed:
            self._selector.unregister(child.stdout)
            child.stdout.close()
        charge.child = None

    def _stop_all(self) -> None:
        """Ask all at once, wait for all together, then kill what is left."""
        asked = self._stops
        living = [charge for charge in self._charges if charge.child is not None]
        self.say(f"stopping {len(living)} processes")
        for charge in living:
            if charge.child is not None and charge.child.poll() is None:
                charge.child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._stop_seconds
        while living and time.monotonic() < deadline and self._stops <= asked:
            self._relay(0.1)
            for charge in [one for one in living if one.child is not None and one.child.poll() is not None]:
                self._finish(charge)
                living.remove(charge)
        for charge in living:
            self.say(f"{charge.program.name} did not stop in time; killed", color=33)
            self._finish(charge)
        self.say("all processes have ended")
