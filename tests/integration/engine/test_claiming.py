"""What is held without a lease, and what is not."""

from __future__ import annotations

from datetime import datetime, timedelta
from unittest import mock

import pytest
from django.db import transaction
from django.db.models.functions import Now

from engine.models import Instance, NodeExecution, QueueControl, Schedule, Worker
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


def test_two_who_hold_one_fence_commit_once(now: datetime) -> None:
    """As after a crash of PostgreSQL whose disk has lost the first one's claim."""
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


@pytest.mark.parametrize(("before", "after"), [(0, 2), (1, 2), (2, 3)])
def test_a_bell_whose_worker_died_counts_that_worker_once(now: datetime, before: int, after: int) -> None:
    begin(a_journey().condition("sure", "true"), now=now)
    Schedule.objects.update(claims=before)

    held, _at = claims.claim_now(bells(), again=True)

    assert [after] == [one.claims for one in held]


def test_a_passage_that_nobody_lets_go_of_keeps_one_worker_and_not_all(
    now: datetime, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(a_journey().condition("sure", "true"), now=now)
    monkeypatch.setattr(claims, "PATIENCE", 0.05)
    places = bells()

    with transaction.atomic():
        claims.lock_instances([Instance.objects.get().id])
        assert 0 == threads.begin(lambda: runner.run(places=places, now=now)).result(WAIT_SECONDS)

    assert Schedule.State.QUEUED == Schedule.objects.get().state
    assert 3 == runner.run(places=places, now=now)
