"""How many steps a second, when there is more to do than can be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench import definitions, drains, people
from bench.figures import Figure, Goal
from bench.run import Run, Skipped
from bench.yardsticks import Rate, celery_chain, dbos, floor, procrastinate
from journeys import clock

#: The setting of one execution a task.
SINGLE = {"QUEUE_BATCH_SIZE": "1"}
MOST_COUPLES, MOST_REACHABLE = 8_000, 1_000


def batched(run: Run) -> dict[str, drains.Drained]:
    """Drain each journey with batches as they are set."""
    names = [definitions.EMPTY, definitions.REAL] + ([] if run.quick else [definitions.MESSAGES])
    return run.once("batched", lambda: _drained(run, names))


def single(run: Run) -> dict[str, drains.Drained]:
    """Drain with one execution a task, in one round: what it takes hardly differs from one to the next."""
    names = [definitions.EMPTY] + ([] if run.quick else [definitions.REAL])
    return run.once("single", lambda: _drained(run, names, SINGLE))


def _drained(run: Run, names: list[str], env: Mapping[str, str] | None = None) -> dict[str, drains.Drained]:
    now = clock.now()
    vendor = people.make_vendor(now=now)
    couples = people.make_couples(vendor, run.number(MOST_COUPLES, quick=3_000, least=60), now=now)
    reachable = (
        people.make_couples(vendor, run.number(MOST_REACHABLE, least=60), now=now, reachable=True)
        if definitions.MESSAGES in names
        else []
    )
    journeys = {name: people.publish(name, vendor, now=now) for name in names}
    with drains.engine(run, env=env) as engine:
        return {
            name: drains.drain_for(
                journey,
                reachable if name == definitions.MESSAGES else couples,
                running_in=engine,
                seconds=run.seconds(5, quick=3),
                rounds=1 if run.quick or env or name == definitions.MESSAGES else 3,
            )
            for name, journey in journeys.items()
        }


def measure(run: Run) -> Iterator[Figure]:
    """Saturated with batches and without, against plain Celery, the floor, and engines with the same promise."""
    celery = celery_chain(run)
    at_once, one_by_one = batched(run), single(run)
    for name, drained in at_once.items():
        goal = None if name == definitions.MESSAGES else Goal("ratio", "at least", 12)
        yield _figure(f"saturated, {name}", drained, celery, goal)
    for name, drained in one_by_one.items():
        yield _figure(f"one a task, {name}", drained, celery, Goal("ratio", "at least", 2.5))
    lowest = floor(run)
    empty, alone = at_once[definitions.EMPTY], one_by_one[definitions.EMPTY]
    yield _figure("saturated against the floor", empty, lowest, Goal("ratio", "at least", 1.2))
    yield _figure("one a task against the floor", alone, lowest, Goal("ratio", "at least", 0.25))
    if run.quick:
        return
    yield _figure("saturated against the floor, 50 a commit", empty, floor(run, each_commit=50), None)
    for name, take in {"DBOS": dbos, "Procrastinate": procrastinate}.items():
        try:
            yield _figure(f"saturated against {name}", empty, take(run), Goal("ratio", "at least", 15))
        except Skipped as reason:
            yield Figure(name=f"saturated against {name}", unit="steps/s", skipped=str(reason))


def _figure(name: str, drained: drains.Drained, yardstick: Rate, goal: Goal | None) -> Figure:
    return Figure(
        name=name,
        value=drained.rate,
        unit="steps/s",
        yardstick_name=yardstick.name,
        yardstick_value=yardstick.rate,
        goal=goal,
        detail={
            "steps": drained.steps,
            "instances": drained.instances,
            "seconds": round(drained.seconds, 2),
        },
    )
