"""What the engine is measured against: plain Celery, PostgreSQL alone, and two engines with the same promise."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from bench import rivals
from bench.chain import COUNTER, LATE, READY, app, counter, step, timed
from bench.chain import ready as ready_task
from bench.figures import Figure
from bench.meters import Meter, NotHere, meter
from bench.places import empty_number
from bench.run import Run, Skipped
from bench.spending import MEASURING, STARTING, spending
from bench.workers import CHAIN, chain_program, loaded, running, wait_until

#: Steps of each chain, as many as the empty journey has.
LENGTH = 10
LIMIT_SECONDS = 240.0
#: How many that are due at once.
TIMERS = 1_000
_TIMERS_OF = "celery timers"
#: Connections that carry the floor at once: one for each of two processors.
HANDS = 2


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast, and what a step cost in processor time where that can be read."""

    name: str
    steps: int
    seconds: float
    cpu: Mapping[str, float] | None

    @property
    def rate(self) -> float:
        """Return steps a second."""
        return self.steps / self.seconds

    @property
    def cpu_ms(self) -> float | None:
        """Return milliseconds of processor time a step."""
        return None if self.cpu is None else sum(self.cpu.values()) * 1000 / self.steps


def celery_chain(run: Run) -> Rate:
    """Measure chains of tasks that do nothing: plain Celery, its defaults, two processes, the same Redis."""
    return run.once("celery chain", lambda: _celery_chain(run))


def _celery_chain(run: Run) -> Rate:
    with _plain_celery(run) as process:
        found = _meter(run, [process])
        pilot = _chains(40, None)
        wanted = max(40, int(pilot.rate * run.seconds(8, quick=3) / LENGTH))
        rate = _chains(wanted, found)
        if "timers" in run.questions:
            # It is up now, and nothing else is.
            run.once(_TIMERS_OF, lambda: _hold_back(run.number(TIMERS, least=50)))
        return rate


@contextlib.contextmanager
def _plain_celery(run: Run) -> Iterator[int]:
    """Run the worker of plain Celery with nothing else at work; the block is entered when it answers; gives its process."""
    if not run.lasts(CHAIN):
        run.end()
        empty_number(run.broker)
    (process,) = run.lasting(CHAIN, lambda: running([chain_program()]))
    with spending.on(STARTING):
        ready_task.delay()
        wait_until(lambda: counter().get(READY), seconds=90, what="plain Celery's worker was up")
        counter().delete(READY)
        loaded()
    try:
        yield process.pid
    finally:
        run.end()


@spending.on(MEASURING)
def _chains(number: int, found: Meter | None) -> Rate:
    counter().delete(COUNTER)
    before = found.read() if found else None
    begun = time.monotonic()
    for _ in range(number):
        step.delay(LENGTH)

    def over() -> bool:
        # The client's types do not say that a waiting client answers with bytes.
        answer: object = counter().get(COUNTER)
        return int(str(answer, "ascii") if isinstance(answer, bytes) else 0) >= number

    ended = wait_until(over, seconds=LIMIT_SECONDS, what="Celery's chains were done")
    cpu = found.read().since(before) if found and before else None
    return Rate("no-op Celery chain", number * LENGTH, ended - begun, cpu)


def celery_timers(run: Run) -> list[float]:
    """Measure how late, in seconds, TIMERS tasks begin that Celery holds back until one moment (`eta`)."""
    return run.once(_TIMERS_OF, lambda: _celery_timers(run))


def _celery_timers(run: Run) -> list[float]:
    with _plain_celery(run):
        return _hold_back(run.number(TIMERS, least=50))


@spending.on(MEASURING)
def _hold_back(number: int) -> list[float]:
    with app.connection_for_write() as connection:
        counter().delete(LATE)
        # All must have been taken in by the worker before their time comes.
        due = time.time() + 5 + number / 500
        with app.amqp.Producer(connection) as producer:
            for _ in range(number):
                timed.apply_async(args=(due,), eta=datetime.fromtimestamp(due, UTC), producer=producer)
        wait_until(lambda: counter().llen(LATE) >= number, seconds=LIMIT_SECONDS, what="Celery's timers rang")
        found: list[bytes] = counter().lrange(LATE, 0, -1)  # type: ignore[assignment] # the waiting client's answer
        return [float(one) for one in found]


_PREPARE = """
DROP TABLE IF EXISTS floor_schedule, floor_history;
CREATE TABLE floor_schedule (LIKE engine_schedule INCLUDING ALL);
CREATE TABLE floor_history (LIKE engine_nodeexecution INCLUDING ALL);
INSERT INTO floor_schedule (id, vendor_id, instance_id, node_id, branch, visit, state, due_at, reason, outside, fence,
    attempt, claims, queue, lease_until, placed_at)
SELECT n, 1, n, 'c0', '', 1, 'queued', now(), '', false, 1, 0, 0, 'low', now() + interval '1 hour', now()
FROM generate_series(1, %(chains)s) AS n;
ANALYZE floor_schedule;
"""

#: The whole step: the place left under its fence, its row of history, the next place.
_STEP = """
WITH gone AS (
    DELETE FROM floor_schedule WHERE id = %(id)s AND fence = %(fence)s AND state = 'queued'
    RETURNING id, vendor_id, instance_id, visit, due_at
), history AS (
    INSERT INTO floor_history (id, public_id, vendor_id, instance_id, schedule_id, node_id, node_type, branch, visit,
        attempt, status, port, reason, error_class, error_code, queue, due_at, ready_at, started_at, at, duration_ms)
    SELECT nextval('floor_numbers'), gen_random_uuid(), vendor_id, instance_id, id, 'c0', 'condition', '', visit, 1,
        'succeeded', 'yes', '', '', '', 'low', due_at, due_at, clock_timestamp(), clock_timestamp(), 0.1
    FROM gone
)
INSERT INTO floor_schedule (id, vendor_id, instance_id, node_id, branch, visit, state, due_at, reason, outside, fence,
    attempt, claims, queue, lease_until, placed_at)
SELECT nextval('floor_numbers'), vendor_id, instance_id, 'c0', '', visit + 1, 'queued', due_at, '', false, 1, 0, 0,
    'low', clock_timestamp() + interval '1 hour', clock_timestamp() FROM gone
RETURNING id, fence
"""


def floor(run: Run, *, each_commit: int = 1) -> Rate:
    """Measure the step as one statement through the driver alone, so many of them a commit: no broker, no worker."""
    return run.once(f"floor {each_commit}", lambda: _floor(run, each_commit))


@spending.on(MEASURING)
def _floor(run: Run, each_commit: int) -> Rate:
    run.end()
    chains = 64
    with psycopg.connect(run.database, autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE IF NOT EXISTS floor_numbers START 1000000")
        for statement in _PREPARE.split(";"):
            if statement.strip():
                # Composed here, from nothing that anybody sends.
                connection.execute(statement.replace("%(chains)s", str(chains)).encode())
    found = _meter(run, [])
    seconds = run.seconds(5, quick=2)
    until = time.monotonic() + seconds
    counts = [0] * HANDS
    failures: list[Exception] = []

    def carry(hand: int) -> None:
        try:
            own = [(number, 1) for number in range(hand + 1, chains + 1, HANDS)]
            counts[hand] = _carry_chains(run.database, own, each_commit=each_commit, until=until)
        except psycopg.Error as error:
            failures.append(error)

    before = found.read() if found else None
    begun = time.monotonic()
    threads = [threading.Thread(target=carry, args=(hand,)) for hand in range(HANDS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    spent = time.monotonic() - begun
    cpu = found.read().since(before) if found and before else None
    with psycopg.connect(run.database, autocommit=True) as connection:
        connection.execute("DROP TABLE floor_schedule, floor_history")
        connection.execute("DROP SEQUENCE floor_numbers")
    if failures:
        raise failures[0]
    return Rate(f"floor, {each_commit} a commit", sum(counts), spent, cpu)


def _carry_chains(database: str, places: list[tuple[int, int]], *, each_commit: int, until: float) -> int:
    done = 0
    with psycopg.connect(database, prepare_threshold=0) as connection:
        while time.monotonic() < until:
            for _ in range(each_commit):
                number, fence = places.pop(0)
                row = connection.execute(_STEP, {"id": number, "fence": fence}).fetchone()
                if row is None:
                    message = f"The place {number} of the floor has gone."
                    raise psycopg.DataError(message)
                places.append((row[0], row[1]))
            connection.commit()
            done += each_commit
    return done


def dbos(run: Run) -> Rate:
    """Measure chains of steps that do nothing in DBOS, two processes, the same PostgreSQL.

    Raises:
        Skipped: it can not be installed or run here.
    """
    return run.once("dbos", lambda: _rival(run, "dbos"))


def procrastinate(run: Run) -> Rate:
    """Measure chains of jobs that do nothing in Procrastinate, two processes, the same PostgreSQL.

    Raises:
        Skipped: it can not be installed or run here.
    """
    return run.once("procrastinate", lambda: _rival(run, "procrastinate"))


def _rival(run: Run, name: str) -> Rate:
    run.end()
    chains = run.number(200, least=10)
    steps, seconds, cpu = rivals.measure(name, run=run, chains=chains, length=LENGTH)
    return Rate(rivals.TITLES[name], steps, seconds, cpu)


def _meter(run: Run, workers: list[int]) -> Meter | None:
    try:
        return meter(database=run.database, broker=run.broker, workers=workers)
    except NotHere:
        return None


def measure(run: Run) -> Iterator[Figure]:
    """Give the yardsticks themselves."""
    every: dict[str, Callable[[], Rate]] = {
        "no-op Celery chain": lambda: celery_chain(run),
        "floor, 1 a commit": lambda: floor(run),
        "floor, 50 a commit": lambda: floor(run, each_commit=50),
        "DBOS chain": lambda: dbos(run),
        "Procrastinate chain": lambda: procrastinate(run),
    }
    for name, take in every.items():
        try:
            rate = take()
        except Skipped as reason:
            yield Figure(name=f"yardstick: {name}", unit="steps/s", skipped=str(reason))
            continue
        detail = {"steps": rate.steps, "seconds": round(rate.seconds, 2)}
        if rate.cpu_ms is not None:
            detail["cpu_ms_a_step"] = round(rate.cpu_ms, 3)
        yield Figure(name=f"yardstick: {name}", value=rate.rate, unit="steps/s", detail=detail)
