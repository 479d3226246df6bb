"""How soon a step is begun: after its time, and after the step before it; with nothing else to do, and with much."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from bench import definitions, drains, people
from bench.figures import Figure, Goal, percentile
from bench.flood import flooded
from bench.placing import clear, place
from bench.probes import PROBES, QUICK_PROBES, Probed, couples_of, first_step, probe
from bench.run import Run
from bench.workers import wait_until
from engine.models import Instance
from journeys import clock
from journeys.models import Vendor

#: Steps that were due when they were placed: with `start` there is one for each couple that was not.
FIRST = "start"
#: A wedding in five days: its steps overtake the flood, in another queue than the most urgent one.
HIGH = timedelta(days=5)


def idle(run: Run) -> Probed:
    """Probe the most urgent queue while nothing else is due."""
    return run.once("idle", lambda: _idle(run)[0])


def _idle(run: Run) -> tuple[Probed, list[float]]:
    return run.once("idle and following", lambda: _measure_idle(run))


def _measure_idle(run: Run) -> tuple[Probed, list[float]]:
    now = clock.now()
    vendor = people.make_vendor(now=now)
    journey = first_step(vendor)
    couples = couples_of(vendor, run.number(PROBES, quick=QUICK_PROBES, least=10))
    engine = drains.shared(run)
    # Every process reads the journey before it counts.
    drains.drain(journey, couples[:10], running_in=engine)
    probed = probe(run, journey, couples)
    return probed, _following(run, vendor, engine)


def _following(run: Run, vendor: Vendor, engine: drains.Engine) -> list[float]:
    """Send couples through the empty chain, one at a time; give ms from each step to the next one's begin."""
    journey = people.publish(definitions.EMPTY, vendor, now=clock.now())
    couples = couples_of(vendor, run.number(30, quick=10, least=3))
    drains.drain(journey, couples, running_in=engine)
    for couple in couples:
        (number,) = place(journey, [couple], due=[clock.now()])
        _await_end(number)
    late = drains.lateness(journey, node_ids=[FIRST], but=True)
    clear(journey)
    return [one * 1000 for one in late]


def _await_end(instance_id: int) -> None:
    ended = Instance.objects.filter(id=instance_id, status=Instance.Status.COMPLETED)
    wait_until(ended.exists, seconds=60, what="a couple had come through the chain")


def measure(run: Run) -> Iterator[Figure]:
    """Idle: due to started, and step to step. Under backlog: the same for a wedding that is near."""
    probed, following = _idle(run)
    due = {"steps": len(probed.late), "worst_ms": round(max(probed.late), 1), "apart_ms": probed.apart * 1000}
    yield Figure(name="idle, due to started, p50", value=probed.at(0.5), unit="ms", detail=due)
    yield Figure(
        name="idle, due to started, p99",
        value=probed.at(0.99),
        unit="ms",
        goal=Goal("value", "at most", 1000),
        detail=due,
    )
    steps = {"steps": len(following), "worst_ms": round(max(following), 1)}
    yield Figure(
        name="idle, step to step, p50",
        value=percentile(following, 0.5),
        unit="ms",
        goal=Goal("value", "at most", 50),
        detail=steps,
    )
    yield Figure(name="idle, step to step, p99", value=percentile(following, 0.99), unit="ms", detail=steps)
    if run.quick:
        return
    with flooded(run, run.number(20_000, least=200)) as flood:
        behind = probe(run, flood.probes, couples_of(flood.vendor, run.number(100, least=10), ahead=HIGH))
    for share in (0.5, 0.99):
        yield Figure(
            name=f"under backlog, due to started, p{share * 100:.0f}",
            value=behind.at(share),
            unit="ms",
            yardstick_name="the same when idle",
            yardstick_value=probed.at(share),
            detail={"backlog": flood.left(), "steps": len(behind.late)},
        )
