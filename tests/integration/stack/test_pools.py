"""A real worker whose pool follows the depth of its queues: every step is carried out once all the same."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil
import pytest

from channels.models import Message
from dev.ports import free_port
from engine import resizing
from engine.models import Heartbeat, Instance, Worker
from engine.services import pools
from engine.services.instances import instance_start
from engine.tasks import tick_pools
from journeys import clock
from journeys.models import Journey
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.chaos.ledger import all_ended, completed_twice, disagreements, provider_env, sent_twice
from tests.fakes.provider import FakeProvider
from tests.processes import QUEUES, Processes, Running, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

FEWEST, MOST = 1, 3
#: Longer than anybody needs to obey, on a slow machine.
SOON = 20.0
STEPS = 24


@pytest.fixture(scope="module")
def provider_port() -> int:
    """One port for all: processes of the same environment are made by the same nursery."""
    return free_port()


@pytest.fixture
def provider(tmp_path: Path, provider_port: int) -> Iterator[FakeProvider]:
    with FakeProvider(ledger=tmp_path / "ledger.jsonl", port=provider_port) as fake:
        yield fake


@pytest.fixture
def system(tmp_path: Path, provider: FakeProvider) -> Iterator[Processes]:
    bounds = {"QUEUE_MIN_CONCURRENCY": str(FEWEST), "QUEUE_MAX_CONCURRENCY": str(MOST)}
    with Processes(folder=tmp_path, env=bounds | provider_env(provider)) as processes:
        yield processes


def an_elastic_worker(system: Processes, name: str = "all") -> Running:
    return system._celery(name, "worker", "-n", f"{name}@test", "-Q", QUEUES)


def told(name: str = "all") -> dict[str, Any]:
    return Heartbeat.objects.get(name=f"worker:{name}@test").detail


def size(name: str = "all") -> int:
    return int(told(name)["processes"])


def children(worker: Running) -> set[int]:
    return {child.pid for child in psutil.Process(worker.process.pid).children()}


def a_flood(*, of: int) -> list[Instance]:
    """Let so many couples in, each to be written to by a provider that takes its time."""
    now = clock.now()
    journey: Journey = a_journey().email("welcome").publish(a_vendor(now=now), now=now)
    return [
        instance_start(
            vendor=journey.vendor,
            journey=journey,
            client=a_couple(journey.vendor, now=now),
            variables={},
            now=now,
            actor=ACTOR,
        )
        for _ in range(of)
    ]


def look_until(condition: Callable[[], bool], *, what: str) -> None:
    """Have the controller look again and again."""

    def looked() -> bool:
        tick_pools()
        return condition()

    wait_for(looked, seconds=SOON, what=what)


def test_a_pool_grows_while_work_piles_up_and_shrinks_when_it_is_done(
    system: Processes, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = an_elastic_worker(system)
    system.ticks()
    system.wait_until_ready()
    assert {
        "processes": FEWEST,
        "fewest": FEWEST,
        "most": MOST,
        "queues": sorted(QUEUES.split(",")),
    } == told()
    provider.fail("sendgrid", "slow", times=STEPS, seconds=0.7)

    a_flood(of=STEPS)

    wait_for(lambda: size() == MOST, seconds=SOON, what="the pool grew")
    # The worker tells its size when it has forked.
    assert MOST == len(children(worker))
    wait_for(all_ended, seconds=60, what="everything was carried out")
    assert STEPS == len(provider.accepted())
    assert ([], [], set()) == (completed_twice(), sent_twice(provider), disagreements(provider))
    claimed_by = set(Worker.objects.filter(name="all@test").values_list("pid", flat=True))
    assert MOST == len(claimed_by), "each child claims under a number of its own"

    monkeypatch.setattr(pools, "PATIENCE", 0.0)
    look_until(lambda: size() == FEWEST, what="the pool shrank")

    wait_for(lambda: len(children(worker)) == FEWEST, seconds=SOON, what="the children went")
    wait_for(
        lambda: Worker.objects.filter(name="all@test", missed_at=None).count() == FEWEST,
        seconds=SOON,
        what="those that went left no number behind",
    )
    assert not Worker.objects.filter(missed_at__isnull=False).exists()
    assert "ERROR" not in worker.tail()
    # What is left works.
    a_flood(of=1)
    wait_for(all_ended, seconds=SOON, what="the next step was carried out")


def test_orders_that_come_twice_and_from_two_who_look_at_once_do_not_pass_the_bound(
    system: Processes, provider: FakeProvider
) -> None:
    worker = an_elastic_worker(system)
    system.wait_until_ready()
    provider.fail("sendgrid", "slow", times=STEPS, seconds=0.7)
    a_flood(of=STEPS)

    both = [
        threading.Thread(target=lambda: [resizing.ask({"all@test": MOST + 7}) for _ in range(5)])
        for _ in "ab"
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()

    wait_for(lambda: size() == MOST, seconds=SOON, what="the pool grew")
    assert MOST == len(children(worker))
    wait_for(all_ended, seconds=60, what="everything was carried out")
    assert MOST == size() == len(children(worker))


def test_a_worker_that_died_is_not_asked_and_keeps_nobody_from_growing(
    system: Processes, provider: FakeProvider
) -> None:
    dead = an_elastic_worker(system, "dead")
    an_elastic_worker(system, "living")
    system.wait_until_ready()
    provider.fail("sendgrid", "slow", times=STEPS, seconds=0.7)
    dead.kill()
    a_flood(of=STEPS)

    look_until(lambda: size("living") == MOST, what="the living one grew")

    assert FEWEST == size("dead")
    wait_for(all_ended, seconds=60, what="everything was carried out")
    assert ([], []) == (completed_twice(), sent_twice(provider))


def test_a_worker_that_was_told_its_size_keeps_it(system: Processes) -> None:
    worker = system.worker("fixed", concurrency=2)
    system.wait_until_ready()

    assert {"processes": 2, "queues": sorted(QUEUES.split(","))} == told("fixed")
    resizing.ask({"fixed@test": MOST})
    os.kill(worker.process.pid, signal.SIGCONT)

    assert {} == pools.look()
    assert 2 == len(children(worker))


def test_a_pool_that_changes_its_size_all_the_time_kills_nobody_over_a_step(
    system: Processes, provider: FakeProvider
) -> None:
    """Whoever is sent away carries out what was handed to him: no message is in doubt, no claim is left behind."""
    worker = an_elastic_worker(system)
    system.ticks()
    system.wait_until_ready()
    provider.fail("sendgrid", "slow", times=2 * STEPS, seconds=0.05)
    a_flood(of=2 * STEPS)
    asked, seen = cycle((MOST, FEWEST, FEWEST + 1)), set[int]()

    def changed() -> bool:
        resizing.ask({"all@test": next(asked)})
        seen.update(children(worker))
        return all_ended()

    wait_for(changed, seconds=90, what="everything was carried out")

    assert 2 * STEPS == len(provider.accepted())
    assert ([], [], set()) == (completed_twice(), sent_twice(provider), disagreements(provider))
    assert not Message.objects.filter(in_doubt_since__isnull=False).exists()
    assert len(seen) > MOST, "children came and went"

    def calm() -> bool:
        resizing.ask({"all@test": FEWEST})
        return len(children(worker)) == FEWEST

    # Those that are not up yet are not sent away: it is asked for again.
    wait_for(calm, seconds=SOON, what="the children went")
    # One that never had a step has no number.
    wait_for(
        lambda: set(Worker.objects.values_list("pid", flat=True)) <= children(worker),
        seconds=SOON,
        what="those that went left no number behind",
    )
    assert "ERROR" not in worker.tail()
