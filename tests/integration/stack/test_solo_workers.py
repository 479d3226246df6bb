"""Real workers without a pool: they carry out instant steps, hold nobody up, and hang or die without harm."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from config.celery import app
from dev.ports import free_port
from engine.broker_queues import STEP_QUEUES
from engine.models import Heartbeat, Instance, NodeExecution, Schedule, TicketLine, Worker
from engine.services.claims import MAX_CLAIMS
from engine.services.instances import instance_start
from engine.services.priorities import QUEUES
from journeys import clock
from journeys.models import Journey
from monitoring import health, prometheus
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.chaos.ledger import all_ended, completed_twice, disagreements, provider_env, sent_twice
from tests.fakes.provider import FakeProvider
from tests.processes import Processes, Running, broker, database_url, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

ALONE = ",".join(QUEUES)
#: Longer than anybody needs, on a slow machine on which others work too.
SOON = 30.0
DAY = timedelta(days=1)


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
    with Processes(folder=tmp_path, env=provider_env(provider)) as processes:
        yield processes


@pytest.fixture
def now(transactional_db: None) -> datetime:
    return clock.now()


@pytest.fixture
def restful(now: datetime) -> Journey:
    """A journey that rests for a day before its instant steps."""
    draft = a_journey().wait("rest", for_="1d").action("mark", {"kind": "add_tag", "tag": "fine"})
    return draft.publish(a_vendor(now=now), now=now)


def let_in(journey: Journey, *, number: int = 1, wedding_in: timedelta = 200 * DAY) -> list[Instance]:
    now = clock.now()
    return [
        instance_start(
            vendor=journey.vendor,
            journey=journey,
            client=a_couple(journey.vendor, now=now, wedding_in=wedding_in),
            variables={},
            now=now,
            actor=ACTOR,
        )
        for _ in range(number)
    ]


def rest(journey: Journey, *, number: int) -> list[Instance]:
    """Let so many couples in, and wait until all of them rest."""
    instances = let_in(journey, number=number)
    resting = Schedule.objects.filter(node_id="rest", state=Schedule.State.WAITING)
    wait_for(lambda: resting.count() == number, seconds=SOON, what="all have come to the wait")
    return instances


@contextlib.contextmanager
def held(instance: Instance) -> Iterator[None]:
    """Keep an instance's row, so that whoever carries out its step waits in the middle of it."""
    with psycopg.connect(database_url()) as line:
        line.execute("SELECT 1 FROM engine_instance WHERE id = %s FOR UPDATE", [instance.id])
        yield


def in_the_middle(*workers: Running) -> Running | None:
    """Give the worker whose step waits for a lock; None when none does."""
    with psycopg.connect(database_url(), autocommit=True) as line:
        rows = line.execute(
            """SELECT client_port FROM pg_stat_activity WHERE datname = current_database()
                   AND wait_event_type = 'Lock' AND query LIKE '%engine_instance%'"""
        ).fetchall()
    ports = {row[0] for row in rows}
    for one in workers:
        with contextlib.suppress(psutil.Error):
            links = psutil.Process(one.process.pid).net_connections("tcp")
            if any(link.laddr.port in ports for link in links):
                return one
    return None


def unacknowledged() -> list[str]:
    """Name the queues of what was taken from the broker and never acknowledged."""
    with broker() as client:
        return [json.loads(one)[2] for one in client.hvals("unacked")]


def gone(worker: Running) -> bool:
    return worker.process.poll() is not None


def told(name: str) -> dict[str, Any]:
    return Heartbeat.objects.get(name=f"worker:{name}@test").detail


def test_a_worker_without_a_pool_carries_out_instant_steps_and_is_seen(
    system: Processes, restful: Journey
) -> None:
    solo = system.solo_worker("solo")
    system.ticks()
    system.wait_until_ready()
    known = Worker.objects.get(name="solo@test", missed_at=None)
    assert solo.process.pid == known.pid, "its death would be noticed before it has claimed anything"

    rest(restful, number=25)
    clock.advance(by=2 * DAY)
    wait_for(all_ended, seconds=SOON, what="everything was carried out")

    assert {"queues": sorted(STEP_QUEUES), "processes": 1} == told("solo")
    assert 'wedsync_worker_processes{worker="solo@test"} 1' in prometheus.text(now=clock.now())
    assert health.workers().ok
    stats = app.control.inspect(destination=["solo@test"], timeout=5).stats()
    assert [solo.process.pid] == stats["solo@test"]["pool"]["processes"]
    assert "ERROR" not in solo.tail()


def test_one_that_is_told_to_stop_ends_in_good_order(system: Processes, restful: Journey) -> None:
    solo = system.solo_worker("solo")
    system.ticks()
    system.wait_until_ready()
    rest(restful, number=3)

    solo.process.send_signal(signal.SIGTERM)

    wait_for(lambda: gone(solo), seconds=SOON, what="it ended")
    assert not Worker.objects.filter(name="solo@test").exists()
    assert not set(STEP_QUEUES) & set(unacknowledged())


def test_one_that_is_killed_in_mid_step_loses_nothing(system: Processes, restful: Journey) -> None:
    first, second = system.solo_worker("first"), system.solo_worker("second")
    system.worker("all", queues=ALONE)
    system.ticks()
    system.wait_until_ready()
    instances = rest(restful, number=30)

    with held(instances[0]):
        clock.advance(by=2 * DAY)
        victim = wait_for(
            lambda: in_the_middle(first, second), seconds=SOON, what="a worker was in the middle of a step"
        )
        assert victim is not None
        assert not set(STEP_QUEUES) & set(unacknowledged()), "nobody would give its bell to another one"
        os.kill(victim.process.pid, signal.SIGKILL)
        wait_for(lambda: gone(victim), seconds=SOON, what="it died")

    wait_for(all_ended, seconds=SOON, what="everything was carried out by others")
    assert [] == completed_twice()
    assert {1} == set(NodeExecution.objects.filter(node_id="mark").values_list("attempt", flat=True))


def test_one_whose_task_hangs_ends_itself_and_the_step_is_done_by_another(
    tmp_path: Path, provider: FakeProvider, restful: Journey
) -> None:
    log, now = tmp_path / "poison.log", clock.now()
    sleepy = a_journey().action("doze", {"kind": "add_tag", "tag": "sleep"}).publish(restful.vendor, now=now)
    env = {"DJANGO_SETTINGS_MODULE": "tests.chaos.poison_settings", "POISON_LOG": str(log)}
    with Processes(folder=tmp_path, env=provider_env(provider) | env) as system:
        solo = system.solo_worker("solo")
        system.worker("all", queues=ALONE)
        system.ticks()
        system.wait_until_ready()

        let_in(sleepy)

        wait_for(lambda: gone(solo), seconds=SOON, what="the worker that hangs ended itself")
        # Whoever takes over is told that it may have ended its worker: it travels alone, to processes of a pool.
        wait_for(all_ended, seconds=SOON, what="the step was done by another")
        assert "task_hung" in solo.tail()
        assert "engine.execute" in solo.tail()
    assert 2 == len(log.read_text().split())
    assert [] == completed_twice()


def test_a_step_that_kills_it_is_counted_from_then_on_and_quarantined(
    tmp_path: Path, provider: FakeProvider, restful: Journey
) -> None:
    """It is held without a claim at first; the worker is known by then, so its death is noticed."""
    log, now = tmp_path / "poison.log", clock.now()
    poison = (
        a_journey().action("drink", {"kind": "add_tag", "tag": "poison"}).publish(restful.vendor, now=now)
    )
    env = {"DJANGO_SETTINGS_MODULE": "tests.chaos.poison_settings", "POISON_LOG": str(log)}
    with Processes(folder=tmp_path, env=provider_env(provider) | env) as system:
        solo = system.solo_worker("solo")
        system.worker("all", queues=ALONE)
        system.ticks()
        system.wait_until_ready()

        let_in(poison)

        wait_for(
            lambda: TicketLine.objects.filter(code="poison").exists(), seconds=60, what="it was quarantined"
        )
        assert gone(solo)

    # The first death is suspected, not counted by the step itself.
    assert MAX_CLAIMS <= len(log.read_text().split()) <= MAX_CLAIMS + 1


def test_one_that_has_grown_too_large_makes_way_after_its_task(
    tmp_path: Path, provider: FakeProvider, restful: Journey
) -> None:
    with Processes(folder=tmp_path, env=provider_env(provider) | {"TEST_MOST_MEMORY": "1000"}) as system:
        solo = system.solo_worker("solo")
        wait_for(lambda: gone(solo), seconds=SOON, what="it ended by itself")

        assert "worker_too_large" in solo.tail()
        assert "Traceback" not in solo.tail()


def test_slow_steps_outside_do_not_hold_instant_ones_up(
    system: Processes, provider: FakeProvider, now: datetime
) -> None:
    """A provider takes its time for a flood of letters that were due first, all of the same priority."""
    slow, few = 60, 20
    provider.fail("sendgrid", "slow", times=slow, seconds=0.7)
    vendor = a_vendor(now=now)
    letters = a_journey().email("welcome").publish(vendor, now=now)
    instant = (
        a_journey().condition("sure", "true").action("mark", {"kind": "add_tag", "tag": "fine"})
    ).publish(vendor, now=now)
    system.solo_worker("solo")
    system.worker("all", queues=ALONE, concurrency=4)
    system.ticks()
    system.wait_until_ready()
    let_in(letters, number=slow)
    wait_for(provider.accepted, seconds=SOON, what="the provider began to take its time")

    quick = let_in(instant, number=few)
    ids = [one.id for one in quick]
    done = Instance.objects.filter(id__in=ids, status=Instance.Status.COMPLETED)
    wait_for(lambda: done.count() == few, seconds=10, what="the instant ones ended")

    left = Schedule.objects.filter(node_id="welcome").count()
    assert left > slow / 2, f"only {left} letters were left to be sent: nothing stood in the way"
    wait_for(all_ended, seconds=90, what="all letters were sent")
    assert ([], [], set()) == (completed_twice(), sent_twice(provider), disagreements(provider))


def test_critical_steps_do_not_wait_for_low_ones(
    tmp_path: Path, provider: FakeProvider, restful: Journey
) -> None:
    """What waits in the broker is taken in the order of its urgency, not of its age."""
    with Processes(folder=tmp_path, env=provider_env(provider) | {"QUEUE_BATCH_SIZE": "1"}) as system:
        solo = system.solo_worker("solo")
        system.ticks()
        system.wait_until_ready()
        before = rest(restful, number=1)
        with held(before[0]):
            clock.advance(by=2 * DAY)
            wait_for(lambda: in_the_middle(solo), seconds=SOON, what="the worker was in the middle of a step")
            low = let_in(restful, number=8)
            critical = let_in(restful, number=2, wedding_in=timedelta(hours=6))
            assert 8 + 2 <= Schedule.objects.filter(state=Schedule.State.QUEUED).count()
        started = NodeExecution.objects.filter(node_id="start")
        wait_for(
            lambda: started.filter(instance__in=[*low, *critical]).count() == 10,
            seconds=SOON,
            what="all have begun",
        )

    order = [
        key for key in started.order_by("id").values_list("instance_id", flat=True) if key != before[0].id
    ]
    assert {one.id for one in critical} == set(order[:2])


def test_it_comes_back_to_a_broker_that_dropped_it(system: Processes, restful: Journey) -> None:
    system.solo_worker("solo")
    system.ticks()
    system.wait_until_ready()
    rest(restful, number=3)

    with broker() as client:
        for kind in ("normal", "pubsub"):
            client.client_kill_filter(_type=kind, skipme=True)
    clock.advance(by=2 * DAY)

    wait_for(all_ended, seconds=SOON, what="everything was carried out")
