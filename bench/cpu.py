"""What a step costs in processor time: workers, database and Redis together. Steadier than any rate."""

from __future__ import annotations

from collections.abc import Iterator

from bench import definitions
from bench.drains import Drained
from bench.figures import Figure, Goal
from bench.run import Run
from bench.throughput import batched, single
from bench.yardsticks import celery_chain

UNIT = "ms a step"


def measure(run: Run) -> Iterator[Figure]:
    """Take it from the same drains as the throughput."""
    yardstick = celery_chain(run).cpu_ms
    # One a task first: its engine may not run beside the one that goes on.
    alone, together = single(run), batched(run)
    for drained, how, bound in ((together, "with batches", 0.4), (alone, "one a task", 2.5)):
        for name, one in drained.items():
            goal = None if name == definitions.MESSAGES else Goal("value", "at most", bound)
            yield _figure(f"CPU {how}, {name}", one, yardstick, goal)


def _figure(name: str, one: Drained, yardstick: float | None, goal: Goal | None) -> Figure:
    if one.cpu is None or one.cpu_ms is None:
        return Figure(name=name, unit=UNIT, skipped="PostgreSQL or Redis runs on another machine.")
    parts = {f"{part}_ms": round(seconds * 1000 / one.steps, 3) for part, seconds in one.cpu.items()}
    return Figure(
        name=name,
        value=one.cpu_ms,
        unit=UNIT,
        yardstick_name="no-op Celery chain",
        yardstick_value=yardstick,
        goal=goal,
        detail=parts,
    )
