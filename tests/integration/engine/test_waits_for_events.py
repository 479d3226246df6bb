"""Steps that wait for something to happen, and find it whatever comes first."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from channels.contract import DeliveryReport, ReportKind
from channels.models import Message
from channels.services import callbacks
from engine.models import Instance, NodeExecution, Schedule, TriggerEvent
from engine.services import runner
from engine.services.instances import instance_start
from engine.services.triggering import event_receive
from journeys.models import Client, Journey, Vendor
from journeys.services.clients import client_change, tag_add
from journeys.services.weddings import wedding_move
from tests import drive
from tests.builders import ACTOR, JourneyBuilder, a_journey
from tests.drive import bells, run_until_idle

pytestmark = pytest.mark.django_db(transaction=True)

_IDS = count(1)
DAY = timedelta(days=1)


def start(journey: Journey, couple: Client, *, now: datetime) -> Instance:
    instance = drive.enter(journey, couple, now=now)
    run_until_idle(now)
    return instance


def happen(couple: Client, type_: str, *, topic: str = "", now: datetime, **payload: Any) -> TriggerEvent:
    return event_receive(
        vendor=couple.vendor,
        type=type_,
        event_id=f"e{next(_IDS)}",
        client=couple,
        topic=topic,
        payload=payload,
        now=now,
        actor=ACTOR,
    )


def waits(**settings: Any) -> JourneyBuilder:
    """Give a journey of one wait, with a tag for each way out of it."""
    builder = a_journey().step("wait", settings.pop("type_", "wait_for"), **settings)
    if "timeout" in settings:
        builder.edges.append({"from": "wait", "port": "timeout", "to": "late"})
    builder.action("came", {"kind": "add_tag", "tag": "came"})
    builder.definition()
    if "timeout" in settings:
        late = {"do": [{"kind": "add_tag", "tag": "late"}]}
        builder.nodes.append({"id": "late", "type": "action", "name": "late", "settings": late})
        builder.edges.append({"from": "late", "port": "next", "to": "end"})
    return builder


def tags(couple: Client) -> set[str]:
    return set(couple.tags.values_list("name", flat=True))


def test_a_form_that_is_answered_lets_the_couple_go_on(vendor: Vendor, couple: Client, now: datetime) -> None:
    journey = waits(event="form_submitted", topic="timeline").publish(vendor, now=now)
    instance = start(journey, couple, now=now)
    held = Schedule.objects.get(instance=instance)

    happen(couple, "form_submitted", topic="menu", now=now + DAY, answers={})
    run_until_idle(now + DAY)
    assert held.id == Schedule.objects.get(instance=instance).id

    happen(couple, "form_submitted", topic="timeline", now=now + 2 * DAY, answers={"guests": 80})
    run_until_idle(now + 2 * DAY)

    assert {"came"} == tags(couple)
    row = NodeExecution.objects.get(instance=instance, node_id="wait", status="succeeded")
    assert ("form_submitted", "timeline") == (row.output["event"], row.output["topic"])


def test_an_event_that_came_before_the_step_is_reached_counts(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    builder = a_journey().wait("pause", for_="3d").step("wait", "wait_for", event="payment_received")
    journey = builder.action("came", {"kind": "add_tag", "tag": "came"}).publish(vendor, now=now)
    start(journey, couple, now=now)

    happen(couple, "payment_received", topic="final", now=now + DAY, amount=100)
    run_until_idle(now + 3 * DAY)

    assert {"came"} == tags(couple)


def test_an_event_from_before_the_journey_counts_only_when_it_is_said(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    happen(couple, "payment_received", topic="final", now=now - DAY, amount=100)
    journey = waits(event="payment_received").publish(vendor, now=now, name="One")
    ever = waits(event="payment_received", since="ever").publish(vendor, now=now, name="Two")

    start(journey, couple, now=now)
    assert set() == tags(couple)

    start(ever, couple, now=now)
    assert {"came"} == tags(couple)


def test_the_event_that_began_the_journey_is_not_the_one_it_waits_for(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    waits(event="payment_received").trigger("payment_received").publish(vendor, now=now)

    happen(couple, "payment_received", topic="deposit", now=now, amount=1)
    run_until_idle(now)
    assert set() == tags(couple)

    happen(couple, "payment_received", topic="final", now=now, amount=2)
    run_until_idle(now)
    assert {"came"} == tags(couple)


def test_since_reached_counts_only_what_comes_while_it_waits(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    builder = (
        a_journey()
        .wait("pause", for_="3d")
        .step("wait", "wait_for", event="payment_received", since="reached")
    )
    journey = builder.action("came", {"kind": "add_tag", "tag": "came"}).publish(vendor, now=now)
    start(journey, couple, now=now)
    happen(couple, "payment_received", now=now + DAY, amount=1)

    run_until_idle(now + 4 * DAY)
    assert set() == tags(couple)

    happen(couple, "payment_received", now=now + 5 * DAY, amount=1)
    run_until_idle(now + 5 * DAY)
    assert {"came"} == tags(couple)


def test_since_reached_counts_what_came_between_the_steps(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    journey = waits(event="payment_received", since="reached").publish(vendor, now=now)
    instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)
    while not Schedule.objects.filter(node_id="wait").exists():
        runner.run(places=bells(), now=now)

    happen(couple, "payment_received", now=now + timedelta(seconds=1), amount=1)
    run_until_idle(now + timedelta(seconds=5))

    assert {"came"} == tags(couple)


def test_a_filter_is_asked_of_the_event(vendor: Vendor, couple: Client, now: datetime) -> None:
    where = "events.payment_received.payload.amount >= 500.0"
    start(waits(event="payment_received", where=where).publish(vendor, now=now), couple, now=now)

    happen(couple, "payment_received", now=now + DAY, amount=100)
    run_until_idle(now + DAY)
    assert set() == tags(couple)

    happen(couple, "payment_received", now=now + DAY, amount=500)
    run_until_idle(now + DAY)
    assert {"came"} == tags(couple)


def test_a_wait_ends_with_its_longest_time(vendor: Vendor, couple: Client, now: datetime) -> None:
    timeout = {"kind": "duration", "for": "7d"}
    start(waits(event="form_submitted", timeout=timeout).publish(vendor, now=now), couple, now=now)

    run_until_idle(now + 7 * DAY - timedelta(seconds=1))
    assert set() == tags(couple)

    run_until_idle(now + 7 * DAY)
    assert {"late"} == tags(couple)


def test_an_event_after_the_longest_time_changes_nothing(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    timeout = {"kind": "duration", "for": "7d"}
    instance = start(waits(event="form_submitted", timeout=timeout).publish(vendor, now=now), couple, now=now)
    run_until_idle(now + 7 * DAY)

    happen(couple, "form_submitted", now=now + 8 * DAY)
    run_until_idle(now + 8 * DAY)

    assert {"late"} == tags(couple)
    assert 1 == NodeExecution.objects.filter(instance=instance, node_id="wait", status="succeeded").count()


@pytest.mark.parametrize(
    ("event", "kind", "expected"),
    [
        ("message_delivered", ReportKind.DELIVERED, {"came"}),
        ("message_opened", ReportKind.OPENED, {"came"}),
        ("message_opened", ReportKind.CLICKED, {"came"}),
        ("message_clicked", ReportKind.OPENED, set()),
        ("message_clicked", ReportKind.CLICKED, {"came"}),
        ("message_answered", ReportKind.ANSWERED, {"came"}),
        ("message_bounced", ReportKind.BOUNCED, {"came"}),
        ("message_opened", ReportKind.DELIVERED, set()),
    ],
)
def test_what_is_heard_of_a_message_lets_the_couple_go_on(
    vendor: Vendor, couple: Client, now: datetime, event: str, kind: ReportKind, expected: set[str]
) -> None:
    builder = a_journey().email("welcome").step("wait", "wait_for", event=event, step="welcome")
    journey = builder.action("came", {"kind": "add_tag", "tag": "came"}).publish(vendor, now=now)
    start(journey, couple, now=now)
    message = Message.objects.get()
    assert set() == tags(couple)

    report = DeliveryReport(
        provider=message.provider,
        event_key="r1",
        message_id=message.public_id,
        kind=kind,
        occurred_at=now,
    )
    callbacks.receive(provider=message.provider, reports=[report], now=now + DAY)
    run_until_idle(now + DAY)

    assert expected == tags(couple)


def test_a_change_of_the_client_or_the_wedding_is_an_event_too(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    start(waits(event="client_changed", topic="status").publish(vendor, now=now, name="One"), couple, now=now)
    client_change(client=couple, fields={"budget": 3}, now=now + DAY, actor=ACTOR)
    run_until_idle(now + DAY)
    assert set() == tags(couple)

    client_change(client=couple, status="delighted", now=now + DAY, actor=ACTOR)
    run_until_idle(now + DAY)
    assert {"came"} == tags(couple)

    couple.tags.clear()
    start(waits(event="wedding_moved").publish(vendor, now=now, name="Two"), couple, now=now + DAY)
    wedding_move(wedding=couple.weddings.get(), date=(now + 300 * DAY).date(), now=now + 2 * DAY, actor=ACTOR)
    run_until_idle(now + 2 * DAY)
    assert {"came"} == tags(couple)


def test_a_condition_that_becomes_true_lets_the_couple_go_on(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    condition = "has_tag('vip') && answered('timeline')"
    start(waits(type_="wait_until", **{"if": condition}).publish(vendor, now=now), couple, now=now)

    tag_add(client=couple, name="vip", now=now, actor=ACTOR)
    run_until_idle(now)
    assert {"vip"} == tags(couple)

    happen(couple, "form_submitted", topic="timeline", now=now + DAY, answers={})
    run_until_idle(now + DAY)
    assert {"vip", "came"} == tags(couple)


def test_a_condition_that_time_makes_true_is_found_by_itself(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    start(
        waits(type_="wait_until", **{"if": "days_to(wedding.date) <= 190"}).publish(vendor, now=now),
        couple,
        now=now,
    )

    at = now
    while at < now + 9 * DAY:
        run_until_idle(at)
        at += timedelta(hours=6)
    assert set() == tags(couple)

    for _ in range(6):
        at += timedelta(hours=6)
        run_until_idle(at)
    assert {"came"} == tags(couple)


def test_a_condition_that_cannot_be_answered_yet_is_waited_for(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    condition = "answer('timeline', 'guests') > 50"
    instance = start(waits(type_="wait_until", **{"if": condition}).publish(vendor, now=now), couple, now=now)
    assert "a value that is empty" in Schedule.objects.get(instance=instance).reason

    happen(couple, "form_submitted", topic="timeline", now=now + DAY, answers={"guests": 80})
    run_until_idle(now + DAY)

    assert {"came"} == tags(couple)


def test_a_hundred_wakes_do_the_step_once(vendor: Vendor, couple: Client, now: datetime) -> None:
    instance = start(waits(event="payment_received").publish(vendor, now=now), couple, now=now)

    for _ in range(30):
        happen(couple, "payment_received", now=now + DAY, amount=1)
    run_until_idle(now + DAY)

    done = NodeExecution.objects.filter(instance=instance, status="succeeded")
    assert ["start", "wait", "came", "end"] == list(done.order_by("id").values_list("node_id", flat=True))
