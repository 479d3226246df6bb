"""Whether a system slows down that holds many couples who wait, and years of history."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from bench import definitions, drains, people
from bench.figures import Figure, Goal
from bench.filling import indexes_later, multiply, settle
from bench.flood import fill
from bench.placing import place
from bench.run import Run
from engine.models import NodeExecution
from journeys import clock

#: How many places wait for their time, in the steps in which they are added.
PARKED = (100_000, 1_000_000)
HISTORY = 10_000_000
ROUNDS = 2
#: Connections that write history at once.
HANDS = 2
#: Above so many rows it is faster to build indexes anew.
MANY = 50_000


def measure(run: Run) -> Iterator[Figure]:
    """Measure the rate of the empty chain with nothing else there, and with more and more rows beside it."""
    now = clock.now()
    vendor = people.make_vendor(now=now)
    couples = people.make_couples(vendor, run.number(4_000, least=60), now=now)
    journey = people.publish(definitions.EMPTY, vendor, now=now)
    waiting = people.publish(definitions.FIRST_STEP, vendor, now=now)
    engine = drains.shared(run)

    def taken() -> drains.Drained:
        rounds = 1 if run.scale < 1 else ROUNDS
        return drains.drain_for(journey, couples, running_in=engine, seconds=run.seconds(3), rounds=rounds)

    alone = taken()
    far = clock.now() + 2 * people.FAR
    (like,) = place(waiting, [people.make_couple(vendor, now=now)], due=[far])
    parked = 0
    for wanted in PARKED:
        number = run.number(wanted, least=100)
        with _built_later("engine_schedule", number), _built_later("engine_instance", number):
            # Due over the next two years, none of them within the bench.
            fill(
                waiting,
                like,
                number - parked,
                due="clock_timestamp() + interval '1 day' + (n.n % 700) * interval '1 day'",
            )
        parked = number
        yield _figure(run, f"rate with {wanted:,} parked", alone, taken(), rows=parked, wanted=wanted)
    rows = run.number(HISTORY, least=1_000)
    _write_history(rows)
    name = f"rate with {PARKED[-1]:,} parked and {HISTORY:,} rows of history"
    yield _figure(run, name, alone, taken(), rows=rows, wanted=HISTORY)


def _figure(
    run: Run, name: str, alone: drains.Drained, drained: drains.Drained, *, rows: int, wanted: int
) -> Figure:
    return Figure(
        name=name,
        value=drained.rate,
        unit="steps/s",
        yardstick_name="with none",
        yardstick_value=alone.rate,
        goal=Goal("ratio", "at least", 0.95),
        not_judged=run.whole(rows, wanted),
        detail={"rows": rows, "steps": drained.steps, "cpu_ms_a_step": _rounded(drained.cpu_ms)},
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _built_later(table: str, number: int) -> contextlib.AbstractContextManager[None]:
    return indexes_later(table) if number > MANY else contextlib.nullcontext()


def _write_history(number: int) -> None:
    """Add history like a row of the drains, for as many instances as a tenth of the rows."""
    like = NodeExecution.objects.order_by("-id").values_list("id", flat=True).first()
    if like is None:
        like = _one_row()
    with _built_later("engine_nodeexecution", number), ThreadPoolExecutor(HANDS) as hands:
        # One for each processor: a statement takes only one.
        list(hands.map(lambda hand: _write_part(like, number // HANDS, hand * number), range(HANDS)))
    settle("engine_nodeexecution")


def _write_part(like: int, rows: int, above: int) -> None:
    multiply(
        "engine_nodeexecution",
        like=like,
        rows=rows,
        public_id="gen_random_uuid()",
        instance_id=f"2000000000 + ({above} + n.n) / 10",
        schedule_id=f"2000000000 + {above} + n.n",
    )


def _one_row() -> int:
    """Write the row that is copied; the drains clean up behind them."""
    now = clock.now()
    row = NodeExecution.objects.create(
        vendor_id=1,
        instance_id=2_000_000_000,
        schedule_id=1,
        node_id="c0",
        node_type="condition",
        status=NodeExecution.Status.SUCCEEDED,
        port="yes",
        queue="low",
        due_at=now,
        ready_at=now,
        started_at=now,
        at=now,
    )
    return row.id
