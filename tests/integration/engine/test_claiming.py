"""What is held without a lease, and which claims wait for the disk."""

from __future__ import annotations

from datetime import datetime, timedelta
from unittest import mock

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from engine.models import NodeExecution, QueueControl, Schedule, Worker
from engine.services import claims, recovery, runner
from engine.services.instances import instance_start
from tests.builders import ACTOR, JourneyBuilder, a_couple, a_journey, a_vendor
from tests.drive import bells
from tests.racing import WAIT_SECONDS, Gate, Threads, somebody_waits_for_a_lock, until

pytestmark = pytest.mark.django_db(transaction=True)


def begin(journey: JourneyBuilder, *, now: datetime) -> None:
    vendor = a_vendor(now=now)
    instance_start(
        vendor=vendor,
        journey=journey.publish(vendor, now=now),
        client=a_couple(vendor, now=now),
        variables={},
        now=now,
        actor=ACTOR,
    )


def setting_after_claim(*, own: bool = True) -> tuple[int, str]:
    """Claim what is rung for by the statement alone; give how many, and how the transaction would commit."""
    places = bells()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = on")
        parameters = {
            "lease": settings.QUEUE_LEASE_SECONDS,
            "worker": None,
            "ids": [place[0] for place in places],
            "fences": [place[1] for place in places],
            "own": own,
        }
        cursor.execute(claims._CLAIM.format(time="clock_timestamp()"), parameters)
        taken = len(cursor.fetchall())
        cursor.execute("SHOW synchronous_commit")
        return taken, cursor.fetchone()[0]


def test_the_first_claim_of_an_instant_step_does_not(now: datetime) -> None:
    begin(a_journey().condition("sure", "true"), now=now)

    assert (1, "off") == setting_after_claim()


def test_one_inside_a_transaction_leaves_it_as_it_is(now: datetime) -> None:
    begin(a_journey().condition("sure", "true"), now=now)

    assert (1, "on") == setting_after_claim(own=False)


def test_one_of_a_step_that_was_begun_before_does(now: datetime) -> None:
    begin(a_journey().condition("sure", "true"), now=now)
    Schedule.objects.update(claims=1)

    assert (1, "on") == setting_after_claim()


def test_one_of_a_step_that_reaches_outside_does(now: datetime) -> None:
    begin(a_journey().email("hello"), now=now)
    runner.run(places=bells(), now=now)

    assert (1, "on") == setting_after_claim()


def test_the_setting_ends_with_the_claim(now: datetime) -> None:
    begin(a_journey().condition("sure", "true"), now=now)
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        before = cursor.fetchone()[0]

        assert 1 == len(claims.claim(bells()))

        cursor.execute("SHOW synchronous_commit")
        assert before == cursor.fetchone()[0]


def test_two_who_hold_one_fence_commit_once(now: datetime) -> None:
    """As after a crash of PostgreSQL that has lost the first one's claim."""
    begin(a_journey().condition("sure", "true"), now=now)
    places = bells()
    first = claims.claim(places)
    Schedule.objects.update(state=Schedule.State.QUEUED, fence=places[0][1], claims=0, attempt=0)
    second = claims.claim(places)

    assert first[0].fence == second[0].fence
    assert 3 == runner._run_together(first, now=now)
    assert 0 == runner._run_together(second, now=now)


def test_a_bell_that_comes_twice_is_carried_out_once(now: datetime, threads: Threads) -> None:
    """Whoever comes second waits for the passage, and finds the place gone."""
    begin(a_journey().condition("sure", "true"), now=now)
    places, gate = bells(), Gate()

    with mock.patch.object(runner, "write", gate.before(runner.write)):
        first = threads.begin(lambda: runner.run(places=places, now=now))
        gate.reached()
        second = threads.begin(lambda: runner.run(places=places, now=now))
        until(somebody_waits_for_a_lock)
        gate.go_on.set()

        assert 3 == first.result(WAIT_SECONDS)
        assert 0 == second.result(WAIT_SECONDS)

    assert 3 == NodeExecution.objects.count()


def test_an_instant_step_is_begun_without_a_write(now: datetime) -> None:
    begin(a_journey().condition("sure", "true"), now=now)

    with transaction.atomic():
        held, at = claims.take(bells())

        assert (1, 1, False) == (held[0].claims, held[0].attempt, held[0].leased)
        assert at is not None

    place = Schedule.objects.get()
    assert (Schedule.State.QUEUED, held[0].fence, 0, 0) == (
        place.state,
        place.fence,
        place.claims,
        place.attempt,
    )


def test_nothing_is_taken_while_processing_is_stopped(now: datetime) -> None:
    begin(a_journey().condition("sure", "true"), now=now)
    QueueControl.objects.update_or_create(id=1, defaults={"running": False})

    with transaction.atomic():
        assert ([], None) == claims.take(bells())


@pytest.mark.parametrize("suspects", [0, 1])
def test_an_unanswered_bell_counts_as_a_claim_where_a_worker_has_just_died(
    now: datetime, suspects: int
) -> None:
    begin(a_journey().condition("sure", "true"), now=now)
    if suspects:
        Worker.objects.create(name="dead", pid=1, missed_at=Now())
    Schedule.objects.update(lease_until=Now() - timedelta(seconds=1))

    assert 1 == recovery.sweep()

    place = Schedule.objects.get()
    assert (Schedule.State.WAITING, suspects, 0) == (place.state, place.claims, place.attempt)
