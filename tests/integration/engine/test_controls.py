"""Pause, resume, cancel, retry, stop and start: in hand at every moment."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from channels.models import SinkMessage
from engine.models import Instance, Schedule
from engine.services import control, dispatch, instances, runner
from engine.services.instances import instance_start
from journeys.errors import Conflict
from journeys.models import Client, Journey, Vendor
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import bells, run_until_idle


@pytest.fixture
def journey(vendor: Vendor, now: datetime) -> Journey:
    return a_journey().wait("pause", for_="1d").email("hello").publish(vendor, now=now)


@pytest.fixture
def instance(journey: Journey, couple: Client, now: datetime) -> Instance:
    started = instance_start(
        vendor=journey.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return started


def test_a_paused_instance_stays_where_it_is_and_loses_nothing(instance: Instance, now: datetime) -> None:
    instances.instance_pause(instance=instance, now=now, actor=ACTOR, reason="They asked for quiet.")

    run_until_idle(now + timedelta(days=5))
    assert "pause" == Schedule.objects.get(instance=instance).node_id

    instances.instance_resume(instance=instance, now=now + timedelta(days=5), actor=ACTOR)
    run_until_idle(now + timedelta(days=5))
    instance.refresh_from_db()
    assert (Instance.Status.COMPLETED, 1) == (instance.status, SinkMessage.objects.count())


def test_a_bell_that_was_rung_before_the_pause_does_nothing(instance: Instance, now: datetime) -> None:
    later = now + timedelta(days=1)
    dispatch.dispatch(now=later)
    rung = bells()
    instances.instance_pause(instance=instance, now=later, actor=ACTOR)

    assert 0 == runner.run(places=rung, now=later)
    assert Schedule.State.QUEUED == Schedule.objects.get(instance=instance).state


def test_a_cancelled_instance_leaves_nothing_behind(instance: Instance, now: datetime) -> None:
    instances.instance_cancel(instance=instance, now=now, actor=ACTOR, reason="The wedding is off.")
    instances.instance_cancel(instance=instance, now=now, actor=ACTOR)

    run_until_idle(now + timedelta(days=5))

    instance.refresh_from_db()
    assert (Instance.Status.CANCELLED, "The wedding is off.") == (instance.status, instance.reason)
    assert not Schedule.objects.filter(instance=instance).exists()
    assert not SinkMessage.objects.exists()


def test_what_has_ended_can_not_be_paused_resumed_or_retried(instance: Instance, now: datetime) -> None:
    instances.instance_cancel(instance=instance, now=now, actor=ACTOR)

    for deed in (instances.instance_pause, instances.instance_resume, instances.instance_retry):
        with pytest.raises(Conflict):
            deed(instance=instance, now=now, actor=ACTOR)


def test_nothing_to_retry_is_said(instance: Instance, now: datetime) -> None:
    with pytest.raises(Conflict, match="Nothing of this journey has failed"):
        instances.instance_retry(instance=instance, now=now, actor=ACTOR)


def test_a_stopped_queue_begins_nothing_until_it_is_started(instance: Instance, now: datetime) -> None:
    later = now + timedelta(days=1)
    control.queue_stop(now=later, actor=ACTOR)
    run_until_idle(later)
    assert not SinkMessage.objects.exists()
    assert [1] == [queue["due"] for queue in control.queue_status(now=later)["queues"] if queue["due"]]

    control.queue_start(now=later, actor=ACTOR)
    run_until_idle(later)
    assert 1 == SinkMessage.objects.count()


def test_a_restart_rings_anew_for_what_nobody_took(instance: Instance, now: datetime) -> None:
    later = now + timedelta(days=1)
    dispatch.dispatch(now=later)
    lost = bells()

    control.queue_restart(now=later, actor=ACTOR)

    fresh = bells()
    assert [schedule for schedule, _ in lost] == [schedule for schedule, _ in fresh]
    assert fresh[0][1] > lost[0][1]


def test_one_client_is_in_a_journey_once(journey: Journey, couple: Client, now: datetime) -> None:
    begun = instance_start(
        vendor=journey.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    with pytest.raises(Conflict) as refused:
        instance_start(
            vendor=journey.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
        )
    assert "already_active" == refused.value.code

    instances.instance_cancel(instance=begun, now=now, actor=ACTOR)
    with pytest.raises(Conflict) as refused:
        instance_start(
            vendor=journey.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
        )
    assert "already_entered" == refused.value.code


def test_the_nearest_wedding_goes_to_the_most_urgent_queue(vendor: Vendor, now: datetime) -> None:
    journey = a_journey().email("hello").publish(vendor, now=now)
    queues = {}
    for days in (0, 1, 5, 20, 200, -3):
        couple = a_couple(vendor, now=now, wedding_in=timedelta(days=days))
        instance = instance_start(
            vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
        )
        dispatch.dispatch(now=now)
        queues[days] = Schedule.objects.get(instance=instance).queue

    assert {0: "critical", 1: "critical", 5: "high", 20: "medium", 200: "low", -3: "low"} == queues
