"""How many steps a second, when there is more to do than can be done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bench import definitions, drains, people
from bench.figures import Figure, Goal
from bench.run import Run, Skipped
from bench.workers import SINGLE
from bench.yardsticks import Rate, celery_chain, dbos, floor, procrastinate
from journeys import clock
from journeys.models import Client, Journey

MOST_COUPLES, MOST_REACHABLE, MOST_ALONE = 8_000, 600, 1_500
#: Seconds of a round.
ROUND, QUICK_ROUND, QUICK_ALONE = 5.0, 3.0, 2.0
ROUNDS = 3
#: Couples to warm up with and to find out the rate by, where each step or each message has a task of its own.
SLOW = (10, 40)


@dataclass(slots=True)
class _Prepared:
    """Couples and published journeys, made while the engine starts."""

    couples: list[Client] = field(default_factory=list)
    #: Each with an address of its own.
    reachable: list[Client] = field(default_factory=list)
    journeys: dict[str, Journey] = field(default_factory=dict)

    def make(self, names: list[str], *, couples: int, reachable: int) -> None:
        """Make so many of them."""
        now = clock.now()
        vendor = people.make_vendor(now=now)
        self.couples = people.make_couples(vendor, couples, now=now)
        if definitions.MESSAGES in names:
            self.reachable = people.make_couples(vendor, reachable, now=now, reachable=True)
        self.journeys = {name: people.publish(name, vendor, now=now) for name in names}


def batched(run: Run) -> dict[str, drains.Drained]:
    """Drain each journey with batches as they are set."""
    return run.once("batched", lambda: _batched(run))


def _batched(run: Run) -> dict[str, drains.Drained]:
    names = [definitions.EMPTY, definitions.REAL] + ([] if run.quick else [definitions.MESSAGES])
    ready = _Prepared()

    def make() -> None:
        ready.make(
            names,
            couples=run.number(MOST_COUPLES, quick=3_500, least=60),
            reachable=run.number(MOST_REACHABLE, least=60),
        )

    engine = drains.shared(run, meanwhile=make)
    found = {}
    for name, journey in ready.journeys.items():
        messages = name == definitions.MESSAGES
        found[name] = drains.drain_for(
            journey,
            ready.reachable if messages else ready.couples,
            running_in=engine,
            seconds=run.seconds(ROUND, quick=QUICK_ROUND),
            rounds=1 if run.quick or messages else ROUNDS,
            **({"pilot": SLOW} if messages else {}),
        )
    return found


def single(run: Run) -> dict[str, drains.Drained]:
    """Drain with one execution a task, in one round: what it takes hardly differs from one to the next."""
    return run.once("single", lambda: _single(run))


def _single(run: Run) -> dict[str, drains.Drained]:
    run.end()
    ready = _Prepared()

    def make() -> None:
        ready.make(
            [definitions.EMPTY, definitions.REAL], couples=run.number(MOST_ALONE, least=60), reachable=0
        )

    with drains.engine(run, env=SINGLE, meanwhile=make) as engine:
        return {
            name: drains.drain_for(
                journey,
                ready.couples,
                running_in=engine,
                seconds=run.seconds(ROUND, quick=QUICK_ALONE),
                pilot=SLOW,
            )
            for name, journey in ready.journeys.items()
        }


def measure(run: Run) -> Iterator[Figure]:
    """Saturated with batches and without, against plain Celery, the floor, and engines with the same promise."""
    # What needs the machine for itself comes before the engine that goes on for other questions.
    celery, lowest = celery_chain(run), floor(run)
    lowest_together = None if run.quick else floor(run, each_commit=50)
    rivals = {} if run.quick else _rivals(run)
    one_by_one, at_once = single(run), batched(run)
    for name, drained in at_once.items():
        goal = None if name == definitions.MESSAGES else Goal("ratio", "at least", 12)
        yield _figure(f"saturated, {name}", drained, celery, goal)
    for name, drained in one_by_one.items():
        yield _figure(f"one a task, {name}", drained, celery, Goal("ratio", "at least", 2.5))
    empty, alone = at_once[definitions.EMPTY], one_by_one[definitions.EMPTY]
    yield _figure("saturated against the floor", empty, lowest, Goal("ratio", "at least", 1.2))
    yield _figure("one a task against the floor", alone, lowest, Goal("ratio", "at least", 0.25))
    if lowest_together is not None:
        yield _figure("saturated against the floor, 50 a commit", empty, lowest_together, None)
    for name, rival in rivals.items():
        if isinstance(rival, Skipped):
            yield Figure(name=f"saturated against {name}", unit="steps/s", skipped=str(rival))
        else:
            yield _figure(f"saturated against {name}", empty, rival, Goal("ratio", "at least", 15))


def _rivals(run: Run) -> dict[str, Rate | Skipped]:
    found: dict[str, Rate | Skipped] = {}
    for name, take in {"DBOS": dbos, "Procrastinate": procrastinate}.items():
        try:
            found[name] = take(run)
        except Skipped as reason:
            found[name] = reason
    return found


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
            "rounds": drained.rounds,
            "yardstick_seconds": round(yardstick.seconds, 2),
        },
    )
