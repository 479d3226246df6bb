"""Where the seconds of a run go: what is measured, and what is only there to make measuring possible."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator

MEASURING, STARTING, FILLING = "measuring", "starting workers", "filling"
#: What is none of these: answers that are worked out, waits between two of them.
REST = "the rest"


class Spending:
    """Adds up seconds by what they were spent on; what is spent within something else is not counted twice."""

    def __init__(self) -> None:
        self._spent: defaultdict[str, float] = defaultdict(float)
        #: Seconds that were spent on something else within each open block.
        self._within: list[float] = []
        self._begun = time.monotonic()

    @contextlib.contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Count the seconds of the block as spent on `what`."""
        begun = time.monotonic()
        self._within.append(0.0)
        try:
            yield
        finally:
            whole = time.monotonic() - begun
            self._spent[what] += whole - self._within.pop()
            if self._within:
                self._within[-1] += whole

    def taken(self) -> dict[str, float]:
        """Give the seconds since the last call by what they were spent on, most first, and begin anew."""
        now = time.monotonic()
        spent = dict(self._spent)
        spent[REST] = max(0.0, now - self._begun - sum(spent.values()))
        self._spent.clear()
        self._begun = now
        return dict(sorted(spent.items(), key=lambda one: -one[1]))


#: That of this run.
spending = Spending()


def line(spent: dict[str, float]) -> str:
    """Write it for a person: "30 s: measuring 20, filling 8, the rest 2"; what rounds to nothing is left out."""
    parts = ", ".join(f"{what} {seconds:.0f}" for what, seconds in spent.items() if round(seconds))
    return f"{sum(spent.values()):.0f} s" + (f": {parts}" if parts else "")
