"""Put couples at the start of a journey, and see how the engine carries them through."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, connections

from bench.meters import Meter, NotHere, meter
from bench.run import Run
from bench.workers import engine_programs, one_process, running, wait_until
from engine.graphs import graph_of
from engine.models import Heartbeat, Instance, NodeExecution, Schedule
from engine.services.instances import wedding_start
from journeys import clock
from journeys.models import Client, Journey
from journeys.selectors import main_wedding

#: Time from putting the instances in place until they are due.
LEAD = timedelta(seconds=1)
#: Time before that at which the processor time is read, which takes a moment itself.
READING_SECONDS = 0.1
#: A drain that takes longer is given up.
LIMIT_SECONDS = 240.0
#: A round that took less than this part of the time that was wanted is done again with more couples.
MOST_OF = 0.7
#: Rows of one statement while instances are put in place.
AT_ONCE = 1_000


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

    @property
    def rate(self) -> float:
        """Return steps a second."""
        return self.steps / self.seconds

    @property
    def cpu_ms(self) -> float | None:
        """Return milliseconds of processor time a step."""
        return None if self.cpu is None else sum(self.cpu.values()) * 1000 / self.steps


@dataclass(frozen=True, slots=True)
class Engine:
    """The running workers and the beat."""

    meter: Meter | None
    #: Process of each program, by its name.
    pids: Mapping[str, int]


@contextlib.contextmanager
def engine(run: Run, *, alone: bool = False, env: Mapping[str, str] | None = None) -> Iterator[Engine]:
    """Run the workers and the beat, with settings in `env`, and enter the block when all have shown life.

    `alone` leaves one process to carry out all the steps.
    """
    programs = one_process() if alone else engine_programs()
    Heartbeat.objects.all().delete()
    with running(programs, env) as processes:
        workers = sum(1 for one in programs if one.name != "beat")
        wait_until(
            lambda: (
                Heartbeat.objects.filter(name__startswith="worker:").count() >= workers
                and Heartbeat.objects.filter(name="beat").exists()
            ),
            seconds=120,
            what="workers and beat were up",
        )
        try:
            found = meter(database=run.database, broker=run.broker, workers=[one.pid for one in processes])
        except NotHere:
            found = None
        yield Engine(found, {one.name: process.pid for one, process in zip(programs, processes, strict=True)})


def drain(
    journey: Journey, couples: Sequence[Client], *, running_in: Engine, steps_each: int | None = None
) -> Drained:
    """Put every couple at the start, due at the same moment, and wait until all have come to rest.

    Raises:
        RuntimeError: other steps were completed than `steps_each` for every couple; the figure would be of another
            thing. Without it they must all be the same number.
    """
    due = clock.now() + LEAD
    place(journey, couples, due=[due] * len(couples))
    left = (due - clock.now()).total_seconds()
    begun = time.monotonic() + left
    time.sleep(max(0.0, left - READING_SECONDS))
    before = running_in.meter.read() if running_in.meter else None
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
    return Drained(done, len(couples), ended - begun, tuple(late), cpu)


def drain_for(
    journey: Journey,
    couples: Sequence[Client],
    *,
    running_in: Engine,
    seconds: float,
    rounds: int = 1,
    pilot: int = 50,
) -> Drained:
    """Warm up, find out how many couples take about so many seconds, drain them in rounds, and give the middle one."""
    first = drain(journey, couples[:pilot], running_in=running_in)
    each = first.steps // first.instances
    # The second tells the rate: by then every process has read the journey.
    second = drain(journey, couples[:pilot], running_in=running_in, steps_each=each)
    wanted = min(len(couples), max(pilot, int(second.rate * seconds / each)))
    one = drain(journey, couples[:wanted], running_in=running_in, steps_each=each)
    if one.seconds < seconds * MOST_OF and wanted < len(couples):
        # Few of them did not fill the machine, and told too little of it.
        wanted = min(len(couples), int(one.rate * seconds / each))
        one = drain(journey, couples[:wanted], running_in=running_in, steps_each=each)
    others = (
        drain(journey, couples[:wanted], running_in=running_in, steps_each=each) for _ in range(rounds - 1)
    )
    measured = [one, *others]
    return sorted(measured, key=lambda one: one.rate)[len(measured) // 2]


def place(journey: Journey, couples: Sequence[Client], *, due: Sequence[datetime]) -> list[int]:
    """Put couples at the journey's start, each due at its moment; return the numbers of the instances."""
    version = journey.current_version
    if version is None:
        message = "The journey is not published."
        raise ValueError(message)
    weddings = {couple.id: main_wedding(couple) for couple in couples}
    instances = Instance.objects.bulk_create(
        (
            Instance(
                vendor_id=journey.vendor_id,
                journey=journey,
                version=version,
                client=couple,
                wedding=weddings[couple.id],
                variables={},
                started_at=moment,
            )
            for couple, moment in zip(couples, due, strict=True)
        ),
        batch_size=AT_ONCE,
    )
    first = graph_of(version.id).start.id
    Schedule.objects.bulk_create(
        (
            Schedule(
                vendor_id=journey.vendor_id,
                instance=instance,
                node_id=first,
                due_at=instance.started_at,
                wedding_at=wedding_start(instance.wedding),
                placed_at=instance.started_at,
            )
            for instance in instances
        ),
        batch_size=AT_ONCE,
    )
    return [instance.id for instance in instances]


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


def clear(journey: Journey) -> None:
    """Take the instances of a journey away, with all that hangs on them."""
    ids = list(Instance.objects.filter(journey=journey).values_list("id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM engine_nodeexecution WHERE instance_id = ANY(%s)", [ids])
        cursor.execute("DELETE FROM engine_schedule WHERE instance_id = ANY(%s)", [ids])
    Instance.objects.filter(id__in=ids).update(status=Instance.Status.CANCELLED)


def let_go() -> None:
    """Close this process's connections, so that the database can be dropped."""
    for one in connections.all(initialized_only=True):
        closing: Any = one
        closing.close()
        if getattr(closing, "pool", None) is not None:
            closing.close_pool()
