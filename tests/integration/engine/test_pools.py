"""What the controller reads from PostgreSQL, and what it asks of whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from engine import resizing
from engine.broker_queues import STEP_QUEUES
from engine.models import Heartbeat, Instance, MeetingNotice, Schedule
from engine.services import heartbeats, notices, pools
from engine.services.free_times import free_times
from engine.services.pools import Depth
from journeys.models import Vendor
from monitoring import prometheus
from tests.builders import a_couple, a_journey, a_vendor
from tests.drive import enter
from tests.meets import a_booking, a_call

pytestmark = pytest.mark.django_db

State = Schedule.State
QUEUES = ["critical", "high", "medium", "low"]


@pytest.fixture
def vendor(now: datetime) -> Vendor:
    return a_vendor(now=now)


@pytest.fixture
def instance(vendor: Vendor, now: datetime) -> Instance:
    journey = a_journey().email("welcome").publish(vendor, now=now)
    instance = enter(journey, a_couple(vendor, now=now), now=now)
    Schedule.objects.all().delete()
    return instance


def places(instance: Instance, number: int, *, state: str, now: datetime, **fields: Any) -> None:
    """Stand an instance at so many places at once."""
    leased = {} if state == State.WAITING else {"lease_until": now}
    Schedule.objects.bulk_create(
        Schedule(
            instance=instance,
            vendor=instance.vendor,
            node_id="welcome",
            branch=f"{state}{fields}{nth}",
            due_at=now,
            placed_at=now,
            state=state,
            **{"queue": "low", "outside": False, **leased, **fields},
        )
        for nth in range(number)
    )


def a_worker(name: str = "all@here", *, size: int = 2, silent_for: float = 0.0, **more: Any) -> None:
    heartbeats.beat(f"worker:{name}", **{"queues": QUEUES, "processes": size, "fewest": 2, "most": 5} | more)
    let_pass(f"worker:{name}", silent_for)


def let_pass(name: str, seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE engine_heartbeat SET beat_at = beat_at - make_interval(secs => %s) WHERE name = %s",
            [seconds, name],
        )


def shallow() -> dict[str, float]:
    return {
        name: round(seconds)
        for name, seconds in Heartbeat.objects.get(name=pools.NAME).detail["shallow"].items()
    }


def test_instant_steps_count_as_the_tasks_they_travel_in_and_others_singly(
    instance: Instance, now: datetime
) -> None:
    places(instance, 21, state=State.QUEUED, now=now)
    places(instance, 3, state=State.QUEUED, now=now, outside=True)
    places(instance, 2, state=State.QUEUED, now=now, claims=1)
    places(instance, 10, state=State.RUNNING, now=now, claims=1)
    places(instance, 2, state=State.RUNNING, now=now, claims=1, outside=True)
    places(instance, 1, state=State.RUNNING, now=now, claims=2)
    places(instance, 1, state=State.QUEUED, now=now, queue="critical")

    assert {
        "low.steps": Depth(waiting=3, busy=1),
        "low": Depth(waiting=3 + 2, busy=2 + 1),
        "critical.steps": Depth(waiting=1),
    } == pools.depths()


def test_a_pool_for_what_travels_alone_does_not_grow_over_instant_steps(
    instance: Instance, now: datetime
) -> None:
    a_worker()
    places(instance, 400, state=State.QUEUED, now=now)

    assert {} == pools.look()


def test_a_pool_that_serves_instant_steps_too_grows_over_them(instance: Instance, now: datetime) -> None:
    a_worker(queues=[*QUEUES, *STEP_QUEUES])
    places(instance, 400, state=State.QUEUED, now=now)

    assert {"all@here": 5} == pools.look()


def test_what_is_due_and_not_rung_for_is_not_counted(instance: Instance, now: datetime) -> None:
    places(instance, 50, state=State.WAITING, now=now)

    assert {} == pools.depths()


def test_counting_ends_at_a_bound(instance: Instance, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MOST_COUNTED", 20)
    places(instance, 50, state=State.QUEUED, now=now, outside=True)

    assert {"low": Depth(waiting=20)} == pools.depths()


def test_a_deep_queue_asks_for_more_at_once_and_a_second_look_for_the_same(
    instance: Instance, now: datetime
) -> None:
    a_worker()
    places(instance, 9, state=State.QUEUED, now=now, outside=True)

    assert [{"all@here": 3}] * 2 == [pools.look(), pools.look()]


def test_a_pool_shrinks_one_by_one_after_it_was_too_large_for_a_while() -> None:
    a_worker(size=4)
    asked = []

    for _ in range(6):
        asked.append(pools.look())
        let_pass(pools.NAME, 9.0)

    # The first four looks see 0, 9, 18 and 27 seconds.
    assert [{}, {}, {}, {}, {"all@here": 3}, {"all@here": 3}] == asked


def test_work_in_between_begins_the_wait_anew(instance: Instance, now: datetime) -> None:
    a_worker(size=4)
    pools.look()
    let_pass(pools.NAME, 9.0)
    pools.look()
    assert {"all@here": 9} == shallow()
    places(instance, 4, state=State.RUNNING, now=now, outside=True)

    pools.look()

    assert {} == shallow()


def test_a_controller_that_was_away_begins_the_wait_anew() -> None:
    a_worker(size=4)
    pools.look()
    let_pass(pools.NAME, 3600.0)

    assert {} == pools.look()
    assert {"all@here": 0} == shallow()


def test_a_worker_that_is_silent_or_has_a_fixed_size_is_not_asked(instance: Instance, now: datetime) -> None:
    places(instance, 40, state=State.QUEUED, now=now, outside=True)
    a_worker("dead@here", silent_for=pools.DEAD_AFTER + 1)
    heartbeats.beat("worker:fixed@here", queues=QUEUES, processes=2)
    heartbeats.beat("worker:ticks@here", queues=["ticks"])

    assert {} == pools.look()


def test_letters_about_meetings_count_among_what_is_high(
    vendor: Vendor, instance: Instance, now: datetime
) -> None:
    call = a_call(vendor, now=now)
    a_booking(call, instance.client, free_times(call, now=now)[-1], now=now, roles=("partner_1",))
    notices.dispatch(now=now)
    letters = MeetingNotice.objects.filter(state=MeetingNotice.State.QUEUED)
    assert 2 == letters.count()
    letters.filter(role="vendor").update(state=MeetingNotice.State.SENDING)

    assert {"high": Depth(waiting=1, busy=1)} == pools.depths()


def test_the_figures_show_the_processes_of_each_worker_that_lives(now: datetime) -> None:
    a_worker(size=3)
    a_worker("dead@here", silent_for=60)
    heartbeats.beat("worker:ticks@here", queues=["ticks"])

    figures = [
        line for line in prometheus.text(now=now).splitlines() if line.startswith("wedsync_worker_processes")
    ]

    assert ['wedsync_worker_processes{worker="all@here"} 3'] == figures


def test_a_broker_that_can_not_be_reached_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_options: Any) -> Any:
        raise OSError("nobody there")

    monkeypatch.setattr("engine.resizing.current_app.connection_for_write", refuse)

    resizing.ask({"all@here": 3})
