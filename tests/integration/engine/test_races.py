"""Two at once: real threads, real connections, and the moment in between held open on purpose."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from channels.models import Message, SinkMessage
from engine.models import Instance, NodeExecution, Schedule, TriggerEvent
from engine.services import delivering, dispatch, instances, recovery, rescheduling, runner, writing
from engine.services.instances import instance_cancel, instance_pause, instance_resume
from engine.services.triggering import event_receive
from journeys.errors import Conflict
from journeys.models import Client, Vendor
from journeys.services.weddings import wedding_move
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import bells, enter, run_until_idle
from tests.racing import (
    WAIT_SECONDS,
    Gate,
    Threads,
    blocked_or_done,
    somebody_waits_for_a_lock,
    together,
    until,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]


def history(instance: Instance) -> list[tuple[str, str]]:
    return list(
        NodeExecution.objects.filter(instance=instance).order_by("id").values_list("node_id", "status")
    )


@pytest.mark.parametrize("kind", ["instant", "sending"])
def test_same_bell_at_two_workers_is_carried_out_once(
    vendor: Vendor, couple: Client, now: datetime, kind: str
) -> None:
    journey = a_journey()
    if kind == "sending":
        journey.email("hello")
    instance = enter(journey.publish(vendor, now=now), couple, now=now)
    if kind == "sending":
        runner.run(places=bells(), now=now)
    places = bells()
    assert places

    done = together(*[lambda: runner.run(places=places, now=now)] * 4)

    assert [0, 0, 0] == sorted(done)[:3]
    assert 1 == NodeExecution.objects.filter(node_id="hello" if kind == "sending" else "start").count()
    assert (1 if kind == "sending" else 0) == SinkMessage.objects.count()
    run_until_idle(now)
    assert ("end", "succeeded") == history(instance)[-1]


def test_two_dispatchers_ring_once_for_each_step(vendor: Vendor, now: datetime) -> None:
    journey = a_journey().wait("rest", for_="1d").publish(vendor, now=now)
    for _ in range(40):
        enter(journey, a_couple(vendor, now=now), now=now)
    run_until_idle(now)
    fences = dict(Schedule.objects.values_list("id", "fence"))
    later = now + timedelta(days=1)

    rung = together(*[lambda: dispatch.dispatch(now=later)] * 4)

    assert 40 == sum(rung)
    assert {key: fence + 1 for key, fence in fences.items()} == dict(
        Schedule.objects.values_list("id", "fence")
    )


def test_two_sweeps_put_back_each_lost_step_once(vendor: Vendor, now: datetime) -> None:
    journey = a_journey().publish(vendor, now=now)
    for _ in range(20):
        enter(journey, a_couple(vendor, now=now), now=now)
    _end_leases()

    put_back = together(*[recovery.sweep] * 4)

    assert 20 == sum(put_back)


def test_pause_that_comes_first_lets_nothing_be_sent(
    vendor: Vendor, couple: Client, now: datetime, threads: Threads
) -> None:
    instance = enter(a_journey().email("hello").publish(vendor, now=now), couple, now=now)
    runner.run(places=bells(), now=now)
    places = bells()

    with transaction.atomic():
        instance_pause(instance=instance, now=now, actor=ACTOR)
        worker = threads.begin(lambda: runner.run(places=places, now=now, alone=True))
        until(somebody_waits_for_a_lock)
    worker.result(WAIT_SECONDS)

    assert 0 == Message.objects.count()
    run_until_idle(now)
    assert 0 == Message.objects.count()
    instance_resume(instance=instance, now=now, actor=ACTOR)
    run_until_idle(now)
    assert 1 == SinkMessage.objects.count()


def test_pause_that_comes_while_the_provider_is_called_holds_what_follows(
    vendor: Vendor, couple: Client, now: datetime, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = enter(a_journey().email("hello").email("more").publish(vendor, now=now), couple, now=now)
    runner.run(places=bells(), now=now)
    places, gate = bells(), Gate()
    with monkeypatch.context() as patch:
        patch.setattr(delivering.sending, "hand_over", gate.after(delivering.sending.hand_over))
        worker = threads.begin(lambda: runner.run(places=places, now=now))
        gate.reached()

        instance_pause(instance=instance, now=now, actor=ACTOR)
        gate.go_on.set()
        worker.result(WAIT_SECONDS)

    assert ("hello", "succeeded") == history(instance)[-1]
    assert 0 == runner.run(places=bells(), now=now)
    assert 1 == SinkMessage.objects.count()
    instance_resume(instance=instance, now=now, actor=ACTOR)
    _end_leases()
    run_until_idle(now)
    assert 2 == SinkMessage.objects.count()
    assert ("end", "succeeded") == history(instance)[-1]


def test_wedding_that_moves_while_a_step_commits_takes_the_new_place_along(
    vendor: Vendor, couple: Client, now: datetime, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = enter(
        a_journey().wait_for_date("month_before", "-30d").publish(vendor, now=now), couple, now=now
    )
    wedding, gate = couple.weddings.get(), Gate()
    moved_to = wedding.date + timedelta(days=40)
    places = bells()
    with monkeypatch.context() as patch:
        patch.setattr(runner, "write", gate.before(writing.write))
        threads.overlap(
            gate,
            lambda: runner.run(places=places, now=now),
            lambda: wedding_move(wedding=wedding, date=moved_to, now=now, actor=ACTOR),
        )

    place = Schedule.objects.get(instance=instance)
    assert ("month_before", moved_to - timedelta(days=30)) == (place.node_id, place.due_at.date())


def test_step_that_commits_while_the_wedding_moves_is_placed_by_the_new_date(
    vendor: Vendor, couple: Client, now: datetime, threads: Threads
) -> None:
    instance = enter(
        a_journey().wait_for_date("month_before", "-30d").publish(vendor, now=now), couple, now=now
    )
    wedding = couple.weddings.get()
    moved_to = wedding.date + timedelta(days=40)
    places = bells()

    with transaction.atomic():
        wedding_move(wedding=wedding, date=moved_to, now=now, actor=ACTOR)
        worker = threads.begin(lambda: runner.run(places=places, now=now))
        until(somebody_waits_for_a_lock)
    worker.result(WAIT_SECONDS)

    assert moved_to - timedelta(days=30) == Schedule.objects.get(instance=instance).due_at.date()


def test_wedding_that_moves_while_a_dated_message_is_at_the_provider_sends_no_second_one(
    vendor: Vendor, couple: Client, now: datetime, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    month_before = {"kind": "anchor", "anchor": "wedding", "offset": "-30d", "at": "09:00"}
    instance = enter(
        a_journey().email("timeline", when=month_before).publish(vendor, now=now), couple, now=now
    )
    run_until_idle(now)
    due = Schedule.objects.get().due_at
    dispatch.dispatch(now=due)
    places, gate, wedding = bells(), Gate(), couple.weddings.get()
    with monkeypatch.context() as patch:
        patch.setattr(delivering.sending, "hand_over", gate.after(delivering.sending.hand_over))
        worker = threads.begin(lambda: runner.run(places=places, now=due))
        gate.reached()

        wedding_move(wedding=wedding, date=wedding.date + timedelta(days=40), now=due, actor=ACTOR)
        gate.go_on.set()
        worker.result(WAIT_SECONDS)

    assert Message.Status.ACCEPTED == Message.objects.get().status
    run_until_idle(due + timedelta(days=41))
    assert 1 == SinkMessage.objects.count()
    assert ("end", "succeeded") == history(instance)[-1]


def test_same_event_twice_at_once_starts_one_instance(vendor: Vendor, couple: Client, now: datetime) -> None:
    a_journey().trigger("payment_received").publish(vendor, now=now)

    def receive() -> TriggerEvent:
        return event_receive(
            vendor=vendor,
            type="payment_received",
            event_id="pay-1",
            client=couple,
            topic="deposit",
            payload={"amount": 1, "currency": "EUR"},
            now=now,
            actor=ACTOR,
        )

    events = together(*[receive] * 4)

    assert 1 == len({event.public_id for event in events})
    assert [["started"]] * 4 == [[one["outcome"] for one in event.outcomes] for event in events]
    assert (1, 1) == (Instance.objects.count(), Schedule.objects.count())


def test_two_starts_of_the_same_journey_for_a_client_make_one_instance(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    journey = a_journey().publish(vendor, now=now)

    started = together(*[lambda: enter(journey, couple, now=now)] * 4, refusals=Conflict)

    assert 1 == sum(isinstance(one, Instance) for one in started)
    assert {"already_active"} == {one.code for one in started if isinstance(one, Conflict)}
    assert (1, 1) == (Instance.objects.count(), Schedule.objects.count())


def test_wedding_that_moves_while_an_instance_starts_is_known_to_its_first_place(
    vendor: Vendor, couple: Client, now: datetime, threads: Threads
) -> None:
    journey = a_journey().wait("rest", for_="1d").publish(vendor, now=now)
    wedding = couple.weddings.get()
    moved_to = wedding.date + timedelta(days=40)

    with transaction.atomic():
        wedding_move(wedding=wedding, date=moved_to, now=now, actor=ACTOR)
        starter = threads.begin(lambda: enter(journey, couple, now=now))
        blocked_or_done(starter)
    instance = starter.result(WAIT_SECONDS)

    wedding.refresh_from_db()
    assert instances.wedding_start(wedding) == Schedule.objects.get(instance=instance).wedding_at


def test_worker_that_slept_past_its_lease_loses_no_step(
    vendor: Vendor, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = enter(a_journey().email("hello").publish(vendor, now=now), couple, now=now)
    runner.run(places=bells(), now=now)

    def sleepy(*args: Any, **kwargs: Any) -> Any:
        _end_leases()
        return prepare(*args, **kwargs)

    prepare = runner.prepare
    with monkeypatch.context() as patch:
        patch.setattr(runner, "prepare", sleepy)
        assert 0 == runner.run(places=bells(), now=now)

    # What the sleeper had begun is rolled back, and with it the end of the lease that it found.
    _end_leases()
    _end_leases()
    run_until_idle(now)
    assert [("start", "succeeded"), ("hello", "succeeded"), ("end", "succeeded")] == history(instance)
    assert 1 == SinkMessage.objects.count()


def test_lease_that_ends_between_two_people_keeps_what_the_provider_said_about_the_first(
    vendor: Vendor, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(a_journey().email("hello", to=["partner_1", "partner_2"]).publish(vendor, now=now), couple, now=now)
    runner.run(places=bells(), now=now)
    hand_over = delivering.sending.hand_over

    def slow(message: Message) -> Any:
        answer = hand_over(message)
        _end_leases()
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(delivering.sending, "hand_over", slow)
        runner.run(places=bells(), now=now)

    assert Message.Status.ACCEPTED == Message.objects.get().status
    run_until_idle(now)
    assert [Message.Status.ACCEPTED] * 2 == list(Message.objects.values_list("status", flat=True))
    assert 2 == SinkMessage.objects.count()


@pytest.mark.parametrize("deed", ["cancel", "move"])
def test_last_step_that_commits_while_its_instance_is_locked_makes_no_deadlock(
    vendor: Vendor,
    couple: Client,
    now: datetime,
    threads: Threads,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    deed: str,
) -> None:
    settings.QUEUE_BATCH_SIZE = 1
    instance = enter(a_journey().publish(vendor, now=now), couple, now=now)
    runner.run(places=bells(), now=now)
    places, gate, wedding = bells(), Gate(), couple.weddings.get()
    assert ["end"] == list(Schedule.objects.values_list("node_id", flat=True))
    with monkeypatch.context() as patch:
        # Both lock the instance first; then the gate holds them before they go for its places.
        if deed == "cancel":
            patch.setattr(instances, "_locked", gate.after(instances._locked))
            call = lambda: instance_cancel(instance=instance, now=now, actor=ACTOR)  # noqa: E731
        else:
            patch.setattr(
                rescheduling.selectors, "calendar_of", gate.before(rescheduling.selectors.calendar_of)
            )
            call = lambda: wedding_move(  # noqa: E731
                wedding=wedding, date=wedding.date + timedelta(days=9), now=now, actor=ACTOR
            )
        person = threads.begin(call)
        gate.reached()
        worker = threads.begin(lambda: runner.run(places=places, now=now))
        blocked_or_done(worker)
        gate.go_on.set()
        person.result(WAIT_SECONDS)
        worker.result(WAIT_SECONDS)
    _end_leases()
    run_until_idle(now)
    instance.refresh_from_db()
    assert instance.status in {Instance.Status.COMPLETED, Instance.Status.CANCELLED}
    assert not Schedule.objects.exists()


def _end_leases() -> None:
    """Let every lease have ended a moment ago, as time would."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE engine_schedule SET lease_until = clock_timestamp() - interval '1 second'"
            " WHERE lease_until IS NOT NULL"
        )
