"""One run of the bench: its size, its places, and what its questions share."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


class Skipped(Exception):
    """A question, or a part of one, can not be answered here; the message says why."""


@dataclass(slots=True)
class Run:
    """What the questions of one run are given."""

    #: 1 is the full size; the times that are spent shrink along with the numbers.
    scale: float = 1.0
    #: Only the core, in one minute.
    quick: bool = False
    #: Those that are asked, so that one may measure along with its own what another will need.
    questions: frozenset[str] = frozenset()
    database: str = field(default_factory=lambda: os.environ.get("DATABASE_URL", ""))
    broker: str = field(default_factory=lambda: os.environ.get("REDIS_URL", ""))
    _kept: dict[str, Any] = field(default_factory=dict)
    _lasting: dict[str, Any] = field(default_factory=dict)
    _open: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def number(self, full: int, *, quick: int | None = None, least: int = 1) -> int:
        """Give how many to take of what is `full` at full size (`quick` in a quick run)."""
        whole = quick if self.quick and quick is not None else full
        return max(least, math.ceil(whole * self.scale))

    def seconds(self, full: float, *, quick: float | None = None, least: float = 0.5) -> float:
        """Give how long to go on with what takes `full` seconds at full size (`quick` in a quick run)."""
        whole = quick if self.quick and quick is not None else full
        return max(least, whole * self.scale)

    def once(self, name: str, measure: Callable[[], T]) -> T:
        """Measure what several questions need the first time it is asked for, and give the same to all of them.

        Raises:
            Skipped: it could not be measured the first time.
        """
        if name not in self._kept:
            try:
                self._kept[name] = measure()
            except Skipped as reason:
                self._kept[name] = reason
        if isinstance(self._kept[name], Skipped):
            raise self._kept[name]
        kept: T = self._kept[name]
        return kept

    def lasting(self, name: str, begin: Callable[[], contextlib.AbstractContextManager[T]]) -> T:
        """Enter what several questions share the first time it is asked for, and give the same to all until `end`."""
        if name not in self._lasting:
            self._lasting[name] = self._open.enter_context(begin())
        entered: T = self._lasting[name]
        return entered

    def lasts(self, name: str) -> bool:
        """Tell whether it was entered and has not ended."""
        return name in self._lasting

    def end(self) -> None:
        """Leave all that lasts, the latest first; a second call does nothing."""
        self._lasting.clear()
        self._open.close()

    def whole(self, done: float, wanted: float) -> str:
        """Say why a goal is not judged where less was done than it is about; "" when enough was."""
        return "" if done >= wanted else f"measured with {done:,.0f} of {wanted:,.0f}"


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
