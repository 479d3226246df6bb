"""One run: load, faults one after the other, healing."""

# ruff: noqa: S311 - a run can be repeated by its seed
from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tests.chaos.live import load as loading
from tests.chaos.live import spending
from tests.chaos.live.broker import Bells
from tests.chaos.live.faults import FAULTS, Chaos
from tests.chaos.live.meter import STEPS, Meter
from tests.chaos.live.people import People
from tests.chaos.live.process import POISON
from tests.chaos.live.stack import SOLO, WORKERS, NeverCame, Stack, wait_for
from tests.chaos.live.telling import say

#: Beyond the next moment at which something is due, so that what is due soon after comes along.
STEP = timedelta(minutes=20)
LONGEST_STEP = timedelta(hours=6)
QUIET_SECONDS = 150.0

#: What has not ended; what of it is due already; in how many seconds the next of it is due.
_LEFT = """
WITH told AS (SELECT clock_timestamp() + coalesce((SELECT shift FROM journeys_clockshift), interval '0') AS now)
SELECT (SELECT count(*) FROM engine_schedule) + (SELECT count(*) FROM engine_wake)
           + (SELECT count(*) FROM engine_instance WHERE status IN ('active', 'paused')),
       (SELECT count(*) FROM engine_schedule, told WHERE due_at <= told.now AND state <> 'parked'),
       (SELECT EXTRACT(EPOCH FROM min(due_at) - min(told.now)) FROM engine_schedule, told WHERE state <> 'parked')
"""


@dataclass(frozen=True, slots=True)
class Form:
    """How much of everything."""

    #: Time for faults; each comes once, however long that takes, and then any of them until the time is over.
    minutes: float
    #: Events a second.
    rate: float
    long: bool

    @property
    def offered(self) -> float:
        """Give the steps a second that follow at once from the events."""
        shares = loading.SHARES
        return self.rate * sum(STEPS[topic] * share for topic, share in shares.items()) / sum(shares.values())

    def couples(self, faults: int) -> int:
        """Say how many couples are needed: as many as there are events of the most frequent kind."""
        seconds = max(self.minutes * 60, 15.0 * faults) + 60 if self.long else 60
        return int(seconds * self.rate / 2)

    def order(self, schedule: Sequence[str], rng: random.Random) -> Iterator[str]:
        """Give each fault once, and then any of them until the time is over."""
        until = time.monotonic() + self.minutes * 60
        yield from schedule
        while self.long and time.monotonic() < until:
            yield rng.choice(schedule)


def run(
    stack: Stack, schedule: Sequence[str], rng: random.Random, *, form: Form
) -> tuple[Chaos, Meter, Counter[str]]:
    """Start everything, do every fault of the schedule, heal; give what is to be told and judged."""
    import django

    django.setup()
    # What breaks here while servers are away is asked for.
    logging.disable(logging.CRITICAL)
    chaos = _begin(stack, rng, form, faults=len(schedule))
    meter = Meter(stack)
    meter.start()
    # What was started together with the load is not what is measured.
    time.sleep(5)
    baseline = meter.take_baseline(seconds=15 if form.long else 8, offered=form.offered)
    say(f"{baseline:.1f} steps a second, undisturbed ({form.offered:.1f} offered)")
    if not meter.measures:
        say(
            "This machine does not keep up with the load even now: throughput is not judged. Try a smaller --rate."
        )
    chaos.until_exact_ended()
    spent = spending.sample(stack)
    chaos.people.start()
    struck: Counter[str] = Counter()
    for name in form.order(schedule, rng):
        struck[name] += 1
        _strike(name, chaos, meter)
    meter.stop()
    say("healing")
    heal(stack, chaos)
    spending.compare(stack, spent)
    say("nothing is left to be done")
    return chaos, meter, struck


def _begin(stack: Stack, rng: random.Random, form: Form, *, faults: int) -> Chaos:
    for name in (*WORKERS, SOLO):
        stack.processes[name].env[POISON] = "poison"
    stack.start()
    stack.wait_until_ready()
    world = loading.build(stack)
    world.add_couples(30)
    load = loading.Load(stack, world, random.Random(rng.random()), form.rate)
    people = People(stack, world, random.Random(rng.random()), every=1.0 if form.long else 0.5)
    chaos = Chaos(stack, world, load, people, rng, Bells(stack, rng), long=form.long)
    say("the stack is up; undisturbed at first")
    chaos.exact["undisturbed"] = load.start_exact(8)
    load.start()
    threading.Thread(target=world.add_couples, args=(form.couples(faults),), daemon=True).start()
    return chaos


def _strike(name: str, chaos: Chaos, meter: Meter) -> None:
    fault = FAULTS[name]
    say(f"fault: {name}")
    begun = time.monotonic()
    try:
        fault.act(chaos)
    except NeverCame as error:
        chaos.undone.append(f"{name}: {error}")
        say(f"NOT DONE: {error}")
    chaos.stack.look_after()
    said = f"over: {name}, {time.monotonic() - begun:.0f} s"
    if fault.measured:
        recovery = meter.watch_recovery(name, begun=begun)
        said += f"; caught up after {recovery.seconds} s ({recovery.after:.1f} steps/s since it began)"
    else:
        chaos.hold(2)
    say(said + (f"; {chaos.remarks[name]}" if name in chaos.remarks else ""))


def heal(stack: Stack, chaos: Chaos) -> None:
    """Take every fault away, let waits pass and tickets be worked, until everything has ended or too long has passed."""
    stack.to_postgres.heal()
    stack.to_redis.heal()
    stack.control()
    stack.wait_until_ready()
    chaos.load.stop()
    chaos.people.stop()

    def over() -> bool:
        stack.look_after()
        chaos.people.work_tickets(at_most=50)
        chaos.people.resume_all()
        (left, late, seconds), *_ = stack.ask(_LEFT)
        if left and not late and seconds is not None:
            loading.advance(stack, min(timedelta(seconds=max(float(seconds), 0.0)) + STEP, LONGEST_STEP))
        return not left

    try:
        wait_for(over, seconds=QUIET_SECONDS, what="everything came to its end", every=0.3)
        say("everything has come to its end")
        wait_for(lambda: not stack.reports_pending(), seconds=60, what="every report was taken", every=0.5)
    except NeverCame as error:
        say(str(error))
