"""How long a forecast of a whole season takes."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Figure
from bench.run import Run


def measure(run: Run) -> Iterator[Figure]:
    """Say that there is nothing to measure: no forecast has been built."""
    del run
    yield Figure(name="season forecast", unit="s", skipped="not built yet")
