"""People act while steps are under way: every deed against every moment of a step, and people against each other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from channels.contract import SendResult, Verdict
from channels.models import Message, SinkMessage
from engine.models import Instance, InterventionTicket, NodeExecution, RollBack, Schedule
from engine.services import bulk, delivering, dispatch, interventions, rolling_back, runner, writing
from engine.services.instances import (
    instance_cancel,
    instance_pause,
    instance_resume,
    instance_retry,
    instance_start,
)
from engine.services.replaying import differences
from engine.services.rolling_back import Wish, instance_roll_back
from journeys.errors import Conflict, ServiceError
from journeys.language.errors import ErrorClass
from journeys.models import Client, Vendor
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import bells, enter, run_until_idle
from tests.racing import (
    WAIT_SECONDS,
    Gate,
    Threads,
    blocked_or_done,
    together,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]

Deed = Callable[..., Any]

DEEDS: dict[str, Deed] = {
    "pause": instance_pause,
    "cancel": instance_cancel,
    "roll_back": lambda *, instance, now, actor: instance_roll_back(
        instance=instance, wish=Wish("start", messages="send_again"), now=now, actor=actor
    ),
}


def begin(vendor: Vendor, couple: Client, builder: Any, *, now: datetime, idle: bool = False) -> Instance:
    """Start a couple in a journey; its first step is carried out."""
    journey = builder.publish(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    if idle:
        run_until_idle(now)
    else:
        runner.run(places=bells(), now=now)
    return instance


def end_leases() -> None:
    Schedule.objects.filter(lease_until__isnull=False).update(
        lease_until=datetime(2000, 1, 1, tzinfo=Schedule.objects.first().placed_at.tzinfo)  # type: ignore[union-attr]
    )


def is_sound(instance: Instance) -> bool:
    """Tell whether a passage stands where its history says, and nothing was completed twice."""
    rows = NodeExecution.objects.filter(instance=instance, status__in=NodeExecution.COMPLETED)
    places = list(rows.values_list("node_id", "branch", "visit"))
    return differences([instance]) == {} and len(places) == len(set(places))


@pytest.mark.parametrize("deed", DEEDS)
def test_a_deed_that_comes_while_a_step_is_decided_waits_for_it(
    vendor: Vendor,
    couple: Client,
    now: datetime,
    threads: Threads,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    deed: str,
) -> None:
    settings.QUEUE_BATCH_SIZE = 1
    steps = a_journey().action("mark", {"kind": "add_tag", "tag": "seen"}).wait("rest", for_="3d")
    instance = begin(vendor, couple, steps, now=now)
    places, gate = bells(), Gate()
    with monkeypatch.context() as patch:
        patch.setattr(runner, "write", gate.before(writing.write))
        threads.overlap(
            gate,
            lambda: runner.run(places=places, now=now),
            lambda: DEEDS[deed](instance=instance, now=now, actor="user:1"),
        )

    assert NodeExecution.objects.filter(instance=instance, node_id="mark", status="succeeded").exists()
    instance.refresh_from_db()
    expected = {"pause": "paused", "cancel": "cancelled", "roll_back": "active"}
    assert expected[deed] == instance.status
    assert is_sound(instance)
    standing = list(Schedule.objects.filter(instance=instance).values_list("node_id", "visit"))
    assert {"pause": [("rest", 1)], "cancel": [], "roll_back": [("start", 2)]}[deed] == standing


@pytest.mark.parametrize("deed", DEEDS)
def test_a_step_that_comes_while_a_deed_is_done_finds_what_was_decided(
    vendor: Vendor, couple: Client, now: datetime, threads: Threads, deed: str
) -> None:
    instance = begin(vendor, couple, a_journey().email("hello"), now=now)
    places = bells()

    with transaction.atomic():
        DEEDS[deed](instance=instance, now=now, actor="user:1")
        worker = threads.begin(lambda: runner.run(places=places, now=now))
        blocked_or_done(worker)
    worker.result(WAIT_SECONDS)

    assert not SinkMessage.objects.exists()
    assert not NodeExecution.objects.filter(node_id="hello", status="succeeded").exists()
    assert is_sound(instance)


@pytest.mark.parametrize("deed", DEEDS)
def test_what_the_provider_answers_is_written_down_whatever_was_done_meanwhile(
    vendor: Vendor,
    couple: Client,
    now: datetime,
    threads: Threads,
    monkeypatch: pytest.MonkeyPatch,
    deed: str,
) -> None:
    instance = begin(vendor, couple, a_journey().email("hello").wait("rest", for_="3d"), now=now)
    places, gate = bells(), Gate()
    with monkeypatch.context() as patch:
        patch.setattr(delivering.sending, "hand_over", gate.after(delivering.sending.hand_over))
        worker = threads.begin(lambda: runner.run(places=places, now=now))
        gate.reached()
        DEEDS[deed](instance=instance, now=now, actor="user:1")
        gate.go_on.set()
        worker.result(WAIT_SECONDS)

    message = Message.objects.get()
    assert (Message.Status.ACCEPTED, "response") == (message.status, message.settled_by)
    assert 1 == SinkMessage.objects.count()
    assert is_sound(instance)
    done = NodeExecution.objects.filter(node_id="hello", status="succeeded").exists()
    assert (deed == "pause") == done


def test_a_message_that_is_at_the_provider_is_kept_by_a_roll_back(
    vendor: Vendor, couple: Client, now: datetime, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = begin(vendor, couple, a_journey().email("hello").wait("rest", for_="3d"), now=now)
    places, gate = bells(), Gate()
    with monkeypatch.context() as patch:
        patch.setattr(delivering.sending, "hand_over", gate.after(delivering.sending.hand_over))
        worker = threads.begin(lambda: runner.run(places=places, now=now))
        gate.reached()
        instance_roll_back(instance=instance, wish=Wish("hello"), now=now, actor="user:1")
        # The step is come to again while the first call is still open.
        runner.run(places=bells(), now=now)
        gate.go_on.set()
        worker.result(WAIT_SECONDS)

    assert 1 == SinkMessage.objects.count()
    assert {Message.Status.ACCEPTED, Message.Status.WITHHELD} == set(
        Message.objects.values_list("status", flat=True)
    )
    assert [("rest", 2)] == list(Schedule.objects.values_list("node_id", "visit"))
    assert is_sound(instance)


def test_a_message_that_the_provider_did_not_take_is_not_counted_as_sent(
    vendor: Vendor, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = begin(vendor, couple, a_journey().email("hello").wait("rest", for_="3d"), now=now)

    def refuses(_message: Message) -> SendResult:
        instance_roll_back(instance=instance, wish=Wish("start"), now=now, actor="user:1")
        return SendResult(
            Verdict.RETRY, error_class=ErrorClass.TRANSIENT, code="connect", reason="Nobody was there."
        )

    with monkeypatch.context() as patch:
        patch.setattr(delivering.sending, "hand_over", refuses)
        runner.run(places=bells(), now=now)
    assert Message.Status.WITHHELD == Message.objects.get().status

    run_until_idle(now)

    assert [Message.Status.WITHHELD, Message.Status.ACCEPTED] == list(
        Message.objects.order_by("id").values_list("status", flat=True)
    )
    assert 1 == SinkMessage.objects.count()


def test_two_people_of_a_message_stop_at_the_first_when_the_passage_is_rolled_back(
    vendor: Vendor, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = a_journey().email("hello", to=["partner_1", "partner_2"]).wait("rest", for_="3d")
    instance = begin(vendor, couple, letter, now=now)
    hand_over, calls = delivering.sending.hand_over, []

    def rolled_back(message: Message) -> SendResult:
        calls.append(message.recipient_role)
        if len(calls) == 1:
            instance_roll_back(instance=instance, wish=Wish("start"), now=now, actor="user:1")
        return hand_over(message)

    with monkeypatch.context() as patch:
        patch.setattr(delivering.sending, "hand_over", rolled_back)
        runner.run(places=bells(), now=now)
    assert ["partner_1"] == calls

    run_until_idle(now)

    assert 2 == SinkMessage.objects.count()
    assert is_sound(instance)


@pytest.mark.parametrize("deed", ["pause", "cancel", "roll_back", "retry"])
def test_two_people_do_the_same_at_once_and_it_is_done_once(
    vendor: Vendor, couple: Client, now: datetime, deed: str
) -> None:
    steps = (
        a_journey().email("hello", to=["planner"]) if deed == "retry" else a_journey().wait("a", for_="3d")
    )
    instance = begin(vendor, couple, steps, now=now, idle=True)
    do = {**DEEDS, "retry": instance_retry}[deed]

    results = together(
        *[lambda: do(instance=instance, now=now + timedelta(minutes=1), actor="user:1")] * 4,
        refusals=Conflict,
    )

    refused = [one.code for one in results if isinstance(one, Conflict)]
    assert (["nothing_to_retry"] * 3 if deed == "retry" else []) == refused
    assert (1 if deed == "roll_back" else 0) == RollBack.objects.count()
    assert is_sound(instance)
    assert (0 if deed == "cancel" else 1) == Schedule.objects.filter(instance=instance).count()


def test_two_people_who_roll_back_to_different_steps_leave_one_token(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    steps = a_journey().wait("a", for_="1d").wait("b", for_="1d")
    instance = begin(vendor, couple, steps, now=now, idle=True)
    run_until_idle(now + timedelta(days=1))

    def to(node_id: str) -> Callable[[], RollBack]:
        return lambda: instance_roll_back(
            instance=instance, wish=Wish(node_id, number=1), now=now, actor="user:1"
        )

    results = together(to("a"), to("b"), to("start"), refusals=ServiceError)

    refused = [one.code for one in results if isinstance(one, ServiceError)]
    assert ["rolled_back_meanwhile"] * 2 == refused
    row = RollBack.objects.get()
    assert [(row.node_id, 2)] == list(Schedule.objects.values_list("node_id", "visit"))
    assert is_sound(instance)


def test_many_at_once_and_one_alone_come_to_one_result(vendor: Vendor, now: datetime) -> None:
    journey = a_journey().wait("rest", for_="3d").publish(vendor, now=now)
    started = [enter(journey, a_couple(vendor, now=now), now=now) for _ in range(12)]
    run_until_idle(now)
    ids = [one.public_id for one in started]

    def many(action: str, **more: Any) -> Callable[[], Any]:
        return lambda: bulk.carry_out(
            vendor=vendor, action=action, public_ids=ids, now=now, actor="user:1", **more
        )

    together(
        many("pause"),
        many("roll_back", wish=Wish("start", number=1)),
        many("roll_back", wish=Wish("start", number=1)),
        lambda: [instance_cancel(instance=one, now=now, actor="user:2") for one in reversed(started[:3])],
    )

    assert 1 == max(RollBack.objects.values_list("number", flat=True))
    for instance in started:
        instance.refresh_from_db()
        assert is_sound(instance)
        live = instance.status in Instance.LIVE
        assert int(live) == Schedule.objects.filter(instance=instance).count()


def test_a_start_and_a_roll_back_of_an_ended_passage_let_the_client_in_once(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    journey = a_journey().wait("rest", for_="3d").publish(vendor, now=now, re_entry="when_finished")

    old = enter(journey, couple, now=now)
    run_until_idle(now)
    instance_cancel(instance=old, now=now, actor=ACTOR)

    results = together(
        *[lambda: enter(journey, couple, now=now)] * 2,
        *[lambda: instance_roll_back(instance=old, wish=Wish("rest"), now=now, actor="user:1")] * 2,
        refusals=ServiceError,
    )

    assert {"already_active"} == {one.code for one in results if isinstance(one, ServiceError)}
    assert 1 == Instance.objects.filter(status__in=Instance.LIVE).count()
    assert 1 == Schedule.objects.count()


def test_a_report_that_settles_a_ticket_while_it_is_rolled_back_makes_no_deadlock(
    vendor: Vendor, couple: Client, now: datetime, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = begin(vendor, couple, a_journey().email("hello", to=["planner"]), now=now, idle=True)
    InterventionTicket.objects.update(code="in_doubt")
    gate = Gate()
    with monkeypatch.context() as patch:
        patch.setattr(rolling_back.ending, "take_away", gate.before(rolling_back.ending.take_away))
        person = threads.begin(
            lambda: instance_roll_back(instance=instance, wish=Wish("start"), now=now, actor="user:1")
        )
        gate.reached()
        report = threads.begin(
            lambda: _settled(instance_ref=instance.public_id, node_id="hello", now=now),
        )
        blocked_or_done(report)
        gate.go_on.set()
        person.result(WAIT_SECONDS)
        report.result(WAIT_SECONDS)

    assert [("start", 2)] == list(Schedule.objects.values_list("node_id", "visit"))
    assert is_sound(instance)


def _settled(**given: Any) -> None:
    with transaction.atomic():
        interventions.settled_by_report(**given)


def test_a_bell_from_before_the_roll_back_does_nothing(vendor: Vendor, couple: Client, now: datetime) -> None:
    instance = begin(vendor, couple, a_journey().email("hello").wait("rest", for_="3d"), now=now)
    rung = bells()

    instance_roll_back(instance=instance, wish=Wish("start"), now=now, actor="user:1")

    assert 0 == runner.run(places=rung, now=now)
    dispatch.dispatch(now=now)
    run_until_idle(now)
    assert 1 == SinkMessage.objects.count()


def test_resuming_while_a_step_is_decided_loses_nothing(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    instance = begin(vendor, couple, a_journey().email("hello").email("more"), now=now)
    instance_pause(instance=instance, now=now, actor="user:1")
    end_leases()

    together(
        lambda: instance_resume(instance=instance, now=now, actor="user:1"),
        lambda: instance_resume(instance=instance, now=now, actor="user:2"),
        lambda: run_until_idle(now),
    )

    end_leases() if Schedule.objects.exists() else None
    run_until_idle(now)
    instance.refresh_from_db()
    assert ("completed", 2) == (instance.status, SinkMessage.objects.count())
    assert is_sound(instance)
