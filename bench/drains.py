"""The running engine, and how it carries couples through a journey."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import psutil
from django.db import connection, connections

from bench import definitions, people, places
from bench.meters import Meter, NotHere, memory_of, meter
from bench.placing import clear, place
from bench.run import Run
from bench.spending import FILLING, MEASURING, STARTING, spending
from bench.workers import engine_programs, loaded, running, wait_until
from engine.models import Heartbeat, NodeExecution, Worker
from journeys import clock
from journeys.models import Client, Journey

#: Time from putting the instances in place until they are due: a moment, and what placing each may take, in seconds.
LEAD, LEAD_EACH = 0.25, 0.0001
#: Time before that at which the processor time is read, which takes a moment itself.
READING_SECONDS = 0.1
#: A drain that takes longer is given up.
LIMIT_SECONDS = 240.0
#: A round that took less than this part of the time that was wanted is done again with more couples.
MOST_OF = 0.7
#: How the name under which a run keeps its engine begins.
SHARED = "engine"
#: The question of how they grow, and after how many steps of each process they have what they need.
MEMORY, SETTLED_AFTER = "memory", 2_000
#: Workers that carry out instant steps, each in one process.
STEP_WORKERS = "worker-steps-"


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain came to. Times in seconds."""

    steps: int
    instances: int
    seconds: float
    #: started − ready of every step.
    lateness: tuple[float, ...]
    #: Processor seconds of workers, database and Redis; None where they can not be read.
    cpu: Mapping[str, float] | None
    #: Of how many rounds this one is the middle.
    rounds: int = 1

    @property
    def rate(self) -> float:
        """Return steps a second."""
        return self.steps / self.seconds

    @property
    def cpu_ms(self) -> float | None:
        """Return milliseconds of processor time a step."""
        return None if self.cpu is None else sum(self.cpu.values()) * 1000 / self.steps


@dataclass(slots=True)
class Engine:
    """The running workers and the beat."""

    meter: Meter | None
    #: Process of each program, by its name.
    pids: Mapping[str, int]
    #: Steps that were drained, of all its processes together.
    steps: int = 0
    #: Memory of each process that carries out instant steps, in MB, once it had done some; asked for by `memory` only.
    settled: Mapping[str, float] = field(default_factory=dict)

    @property
    def step_workers(self) -> dict[str, int]:
        """Return the processes that carry out instant steps, by their names."""
        return {name: pid for name, pid in self.pids.items() if name.startswith(STEP_WORKERS)}

    def memory(self) -> dict[str, float]:
        """Give the memory of each of them, in MB."""
        return {name: memory_of(pid) for name, pid in self.step_workers.items()}


@contextlib.contextmanager
def engine(
    run: Run, *, env: Mapping[str, str] | None = None, meanwhile: Callable[[], object] = lambda: None
) -> Iterator[Engine]:
    """Run the workers and the beat, with settings in `env`, and enter the block when all have shown life.

    `meanwhile` is done while they start: what needs no quiet.
    """
    programs = engine_programs()
    places.empty_number(run.broker)
    Heartbeat.objects.all().delete()
    # Of those who were killed at the end of what was measured before; nobody is to look for them.
    Worker.objects.all().delete()
    with running(programs, env) as processes:
        with spending.on(STARTING):
            with spending.on(FILLING):
                meanwhile()
            workers = sum(1 for one in programs if one.name != "beat")
            wait_until(
                lambda: (
                    any(process.poll() is not None for process in processes)
                    or (
                        Heartbeat.objects.filter(name__startswith="worker:").count() >= workers
                        and Heartbeat.objects.filter(name="beat").exists()
                    )
                ),
                seconds=120,
                what="workers and beat were up",
            )
        loaded()
        try:
            found = meter(database=run.database, broker=run.broker, workers=[one.pid for one in processes])
        except NotHere:
            found = None
        yield Engine(found, {one.name: process.pid for one, process in zip(programs, processes, strict=True)})


def shared(run: Run, *, meanwhile: Callable[[], object] = lambda: None) -> Engine:
    """Give the one engine of all questions that ask for it, as it is set by default; started at the first time.

    `meanwhile` is done in any case, while it starts if it does.

    Raises:
        Ended: one of its processes has ended by itself since; the next question has a new one.
    """
    if run.lasts(SHARED):
        at_work = run.lasting(SHARED, lambda: engine(run))
        if not all(map(psutil.pid_exists, at_work.pids.values())):
            run.end()
        with spending.on(FILLING):
            meanwhile()
        return at_work
    begun = run.lasting(SHARED, lambda: engine(run, meanwhile=meanwhile))
    if MEMORY in run.questions:
        begun.settled = _settle(run, begun)
    return begun


def _settle(run: Run, running_in: Engine) -> dict[str, float]:
    """Have the processes carry out their first steps, some thousand each, and give the memory that they then have."""
    now = clock.now()
    vendor = people.make_vendor(now=now)
    couples = people.make_couples(vendor, run.number(200, least=20), now=now)
    journey = people.publish(definitions.REAL, vendor, now=now)
    while running_in.steps < run.number(SETTLED_AFTER, least=200) * len(running_in.step_workers):
        drain(journey, couples, running_in=running_in)
    return running_in.memory()


def calm() -> None:
    """Have a running engine come to rest at once: what waits goes, and what was rung for is carried out."""

    def over() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                """DELETE FROM engine_schedule WHERE id IN (
                       SELECT id FROM engine_schedule WHERE state = 'waiting' FOR UPDATE SKIP LOCKED)"""
            )
        return at_rest()

    wait_until(over, seconds=60, what="the engine had come to rest")


def drain(
    journey: Journey, couples: Sequence[Client], *, running_in: Engine, steps_each: int | None = None
) -> Drained:
    """Put every couple at the start, due at the same moment, and wait until all have come to rest.

    Raises:
        RuntimeError: other steps were completed than `steps_each` for every couple; the figure would be of another
            thing. Without it they must all be the same number.
    """
    begun = _placed_in_time(journey, couples) - READING_SECONDS
    time.sleep(max(0.0, begun - time.monotonic()))
    before = running_in.meter.read() if running_in.meter else None
    begun += READING_SECONDS
    with spending.on(MEASURING):
        # A moment more: before they are due, all are at rest.
        time.sleep(max(0.0, begun - time.monotonic()) + 0.005)
        ended = wait_until(at_rest, seconds=LIMIT_SECONDS, what=f"{journey.name!r} was done")
    cpu = running_in.meter.read().since(before) if running_in.meter and before else None
    done = NodeExecution.objects.filter(instance__journey=journey, status__in=NodeExecution.COMPLETED).count()
    each = steps_each or max(1, done // len(couples))
    if done != each * len(couples):
        message = f"{journey.name}: {done} steps were completed where {each * len(couples)} were expected."
        raise RuntimeError(message)
    late = lateness(journey)
    clear(journey)
    running_in.steps += done
    return Drained(done, len(couples), ended - begun, tuple(late), cpu)


def _placed_in_time(journey: Journey, couples: Sequence[Client]) -> float:
    """Put every couple at the start before it is due there; give the monotonic time at which all of them are."""
    lead = LEAD + LEAD_EACH * len(couples)
    while True:
        due = clock.now() + timedelta(seconds=lead)
        place(journey, couples, due=[due] * len(couples))
        left = (due - clock.now()).total_seconds()
        if left > READING_SECONDS:
            return time.monotonic() + left
        # Some were due before others stood there: that would be another thing than is measured.
        calm()
        clear(journey)
        lead *= 2


def drain_for(
    journey: Journey,
    couples: Sequence[Client],
    *,
    running_in: Engine,
    seconds: float,
    rounds: int = 1,
    pilot: tuple[int, int] = (50, 400),
) -> Drained:
    """Warm up, find out how many couples take about so many seconds, drain them in rounds, and give the middle one.

    `pilot` says how many couples to warm up with, and how many to find it out by.
    """
    first = drain(journey, couples[: pilot[0]], running_in=running_in)
    each = first.steps // first.instances
    # The second tells the rate: by then every process has read the journey.
    second = drain(journey, couples[: pilot[1]], running_in=running_in, steps_each=each)
    wanted = min(len(couples), max(pilot[0], int(second.rate * seconds / each)))
    one = drain(journey, couples[:wanted], running_in=running_in, steps_each=each)
    if one.seconds < seconds * MOST_OF and wanted < len(couples):
        # Few of them did not fill the machine, and told too little of it.
        wanted = min(len(couples), int(one.rate * seconds / each))
        one = drain(journey, couples[:wanted], running_in=running_in, steps_each=each)
    others = (
        drain(journey, couples[:wanted], running_in=running_in, steps_each=each) for _ in range(rounds - 1)
    )
    measured = [one, *others]
    middle = sorted(measured, key=lambda one: one.rate)[len(measured) // 2]
    return replace(middle, rounds=len(measured))


def at_rest() -> bool:
    """Tell whether nothing is being carried out and nothing is due."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT NOT EXISTS (SELECT 1 FROM engine_schedule WHERE state IN ('queued', 'running'))
                  AND NOT EXISTS (SELECT 1 FROM engine_schedule
                                  WHERE state = 'waiting' AND due_at <= clock_timestamp())"""
        )
        return bool(cursor.fetchone()[0])


def lateness(journey: Journey, *, node_ids: Sequence[str] | None = None, but: bool = False) -> list[float]:
    """Give started − ready in seconds of the journey's steps, or only of some, or (`but`) of all but those."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT GREATEST(extract(epoch FROM e.started_at - e.ready_at), 0)
               FROM engine_nodeexecution e JOIN engine_instance i ON i.id = e.instance_id
               WHERE i.journey_id = %s AND (%s::text[] IS NULL OR (e.node_id = ANY(%s)) <> %s)""",
            [journey.id, list(node_ids) if node_ids else None, list(node_ids or []), but],
        )
        return [float(row[0]) for row in cursor.fetchall()]


def let_go() -> None:
    """Close this process's connections, so that the database can be dropped."""
    for one in connections.all(initialized_only=True):
        closing: Any = one
        closing.close()
        if getattr(closing, "pool", None) is not None:
            closing.close_pool()
