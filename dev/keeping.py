"""Servers that are started again when they die."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dev import children

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 10.0
#: A server that lived so long has recovered; the next pause is a short one again.
STEADY_SECONDS: Final = 30.0


@dataclass(slots=True)
class Kept:
    """A server on a fixed port and folder, and how to start it there."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    child: subprocess.Popen[bytes]
    _started: float = 0.0
    _pause: float = FIRST_PAUSE_SECONDS
    _start_at: float | None = None

    def look(self, say: Callable[[str], None]) -> None:
        """Start it again if it has died, after a pause, and say so; call it often, from the main thread."""
        now = time.monotonic()
        if self.child.poll() is None:
            return
        if self._start_at is None:
            if now - self._started > STEADY_SECONDS:
                self._pause = FIRST_PAUSE_SECONDS
            children.sweep_group(self.child)
            say(f"{self.name} ended ({_how(self.child.returncode)}); starting it again in {self._pause:g} s")
            self._start_at = now + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        elif now >= self._start_at:
            self.child = self.start()
            self._started, self._start_at = now, None


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
