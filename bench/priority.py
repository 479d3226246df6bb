"""Whether a step for a wedding of tomorrow waits for what is due for weddings far away."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Figure, Goal
from bench.flood import flooded
from bench.latency import idle
from bench.probes import PROBES, QUICK_PROBES, couples_of, probe
from bench.run import Run

#: How many low-priority steps the goal is about.
FLOOD = 100_000


def measure(run: Run) -> Iterator[Figure]:
    """Probe the most urgent queue while the others are full, against the same probe of an idle system."""
    before = idle(run)
    with flooded(run, run.number(FLOOD, quick=10_000, least=500)) as flood:
        number = run.number(PROBES, quick=QUICK_PROBES, least=10)
        during = probe(run, flood.probes, couples_of(flood.vendor, number))
    not_judged = "the flood had ended before the probes" if not flood.left() else ""
    detail = {
        "due_at_first": flood.size,
        "left_at_the_end": flood.left(),
        "steps": len(during.late),
        "apart_ms": during.apart * 1000,
    }
    for share, goal in ((0.5, None), (0.99, Goal("ratio", "at most", 2))):
        yield Figure(
            name=f"critical step under flood, p{share * 100:.0f}",
            value=during.at(share),
            unit="ms",
            yardstick_name="the same when idle",
            yardstick_value=before.at(share),
            goal=goal,
            not_judged=not_judged if goal else "",
            detail=detail,
        )
