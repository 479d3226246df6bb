"""Processes that are there at once: forked from one that has loaded everything already (tests.chaos.nursery)."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
POLL_SECONDS = 0.02
#: Nurseries that are kept; an old one makes room.
MOST_NURSERIES = 3


class Forked:
    """A process whose parent is the nursery: as much of a Popen as is needed here."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """Tell whether it has ended; None while it lives. How it ended only its parent knows."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return -signal.SIGKILL
        return None

    def send_signal(self, number: int) -> None:
        """Signal the process alone."""
        os.kill(self.pid, number)

    def wait(self, timeout: float) -> int:
        """Wait until it has ended."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            assert time.monotonic() < deadline, "A process that was killed lives on."
            time.sleep(POLL_SECONDS)
        return code


class Nursery:
    """A process of an environment that has loaded everything, opens nothing, and forks others on order."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery"],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def fork(self, command: Sequence[str], *, log: Path, **more: str) -> Forked:
        """Have a new process be `python -m` with this command, or what the order says more."""
        assert self._process.stdin
        assert self._process.stdout
        order = {"command": list(command), "log": str(log), **more}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Forked(int(self._process.stdout.readline()))

    def close(self) -> None:
        """End it, and whatever it has forked."""
        self._process.kill()
        self._process.communicate()


_nurseries: dict[frozenset[tuple[str, str]], Nursery] = {}


def nursery_for(env: Mapping[str, str]) -> Nursery:
    """Give the nursery of an environment; starting one takes as long as starting a process."""
    key = frozenset(env.items())
    found = _nurseries.pop(key, None) or Nursery(env)
    while len(_nurseries) >= MOST_NURSERIES:
        _nurseries.pop(next(iter(_nurseries))).close()
    _nurseries[key] = found
    return found


@atexit.register
def _close_nurseries() -> None:
    for one in _nurseries.values():
        one.close()
