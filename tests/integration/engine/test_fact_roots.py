"""What steps may read: each root gathered once for many couples, and only when it is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from channels.contract import DeliveryReport, ReportKind
from channels.models import Message
from channels.services import callbacks
from engine.models import Instance, VariantAssignment
from engine.services.facts import Need, Wanted, fact_root, facts_for, instances_for, provided_roots
from engine.services.instances import instance_start
from engine.services.triggering import event_receive
from journeys.language.errors import AlreadyRegistered
from journeys.language.facts import OPEN_ROOTS, SCHEMA, STEP_ROOTS
from journeys.models import Client, Task, Vendor
from journeys.services.clients import client_change, tag_add
from journeys.services.tasks import task_finish
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import run_until_idle

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
QUERIES = {
    "client.tags": 1,
    "client.status": 0,
    "wedding.anchors.booking": 1,
    "people.partner_1.name": 1,
    "trigger.type": 1,
    "payments.total": 1,
    "forms.answers": 1,
    "events.form_submitted": 1,
    "events": 4,
    "journey.started_at": 0,
    "journey.name": 1,
    "steps.welcome": 1,
    "messages.welcome.opened": 2,
    "tasks.call": 1,
    "journeys.sub": 1,
    "variants.tone": 1,
}


def facts_of(instances: list[Instance], *paths: str, now: datetime) -> dict[int, dict[str, Any]]:
    wanted = [Wanted(one.id, frozenset(paths), dates=False, people=False) for one in instances]
    loaded = instances_for(wanted)
    return facts_for([Need(one, frozenset(paths)) for one in loaded.values()], now=now)


@pytest.fixture
def instances(vendor: Vendor, now: datetime) -> list[Instance]:
    """Three couples that have been through everything there is a root for."""
    inner = a_journey().publish(vendor, now=now, name="Inner")
    journey = (
        a_journey()
        .trigger("payment_received")
        .email("welcome")
        .action("call", {"kind": "create_task", "title": "Call"})
        .step("sub", "journey", journey=inner.public_id, wait=False)
        .wait("long", for_="300d")
        .publish(vendor, now=now)
    )
    for number in range(3):
        couple = a_couple(vendor, now=now)
        tag_add(client=couple, name="vip", now=now, actor=ACTOR)
        for type_, topic, payload in (
            ("payment_received", "deposit", {"amount": 100.5}),
            ("payment_received", "final", {"amount": 200}),
            ("form_submitted", "timeline", {"answers": {"guests": number}}),
            ("form_submitted", "timeline", {"answers": {"guests": number + 10}}),
        ):
            event_receive(
                vendor=vendor,
                type=type_,
                event_id=f"{couple.public_id}{topic}{payload}",
                client=couple,
                topic=topic,
                payload=payload,
                now=now,
                actor=ACTOR,
            )
        client_change(client=couple, status="delighted", now=now, actor=ACTOR)
        VariantAssignment.objects.create(
            vendor=vendor, journey=journey, client=couple, experiment="tone", variant="warm", assigned_at=now
        )
    run_until_idle(now)
    found = list(Instance.objects.filter(journey=journey).order_by("id"))
    assert 3 == len(found)
    return found


@pytest.mark.parametrize("path", QUERIES)
def test_a_root_costs_the_same_for_one_couple_and_for_many(
    instances: list[Instance], now: datetime, django_assert_num_queries: Callable[..., Any], path: str
) -> None:
    facts_of(instances, path, now=now)

    for some in (instances[:1], instances):
        with django_assert_num_queries(1 + QUERIES[path]):
            facts_of(some, path, now=now)


def test_the_roots_hold_what_has_happened(instances: list[Instance], now: datetime) -> None:
    first, second, _ = instances
    message = Message.objects.filter(instance_ref=second.public_id, node_id="welcome").get()
    report = DeliveryReport(
        provider=message.provider,
        event_key="r1",
        message_id=message.public_id,
        kind=ReportKind.CLICKED,
        occurred_at=now,
    )
    callbacks.receive(provider=message.provider, reports=[report], now=now)
    task_finish(task=Task.objects.get(client=second.client), now=now + DAY, actor=ACTOR)

    facts = facts_of(
        instances, *(root for root in SCHEMA), *STEP_ROOTS, "events", "trigger", "people", now=now
    )[second.id]

    assert {
        "received": ["deposit", "final"],
        "total": 300.5,
        "amounts": {"deposit": 100.5, "final": 200.0},
    } == (facts["payments"])
    assert {"submitted": ["timeline", "timeline"], "answers": {"timeline": {"guests": 11}}} == facts["forms"]
    assert ("payment_received", "deposit", 100.5) == tuple(
        facts["trigger"][name] for name in ("type", "topic", "amount")
    )
    payments = facts["events"]["payment_received"]
    assert (2, "final", {"deposit", "final"}) == (
        payments["count"],
        payments["topic"],
        set(payments["topics"]),
    )
    assert 1 == payments["topics"]["deposit"]["count"]
    assert ("status", "booked") == (
        facts["events"]["client_changed"]["topic"],
        facts["events"]["client_changed"]["payload"]["was"],
    )
    assert {"sent": True, "delivered": True, "opened": True, "clicked": True, "replied": False} == {
        name: facts["messages"]["welcome"][name]
        for name in ("sent", "delivered", "opened", "clicked", "replied")
    }
    done = {"status": "done", "choice": "", "done_at": (now + DAY).isoformat()}
    assert {**done, "places": {":1": done}} == facts["tasks"]["call"]
    assert ("completed", "completed") == (
        facts["journeys"]["sub"]["status"],
        facts["journeys"]["sub"]["result"],
    )
    assert {"tone": "warm"} == facts["variants"]
    assert {"welcome"} <= set(facts["steps"])
    assert (second.public_id, now.isoformat(), second.trigger_event.public_id) == tuple(
        facts["journey"][name] for name in ("instance", "started_at", "event")
    )
    untouched = facts_of(instances, "messages", "tasks", now=now)[first.id]
    assert not untouched["messages"]["welcome"]["opened"]
    assert "open" == untouched["tasks"]["call"]["status"]


def test_a_couple_without_anything_has_empty_roots(vendor: Vendor, couple: Client, now: datetime) -> None:
    journey = a_journey().wait("long", for_="3d").publish(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )

    facts = facts_of([instance], *STEP_ROOTS, "events", "payments", "forms", "trigger", now=now)[instance.id]

    assert {"received": [], "total": 0.0, "amounts": {}} == facts["payments"]
    assert {"submitted": [], "answers": {}} == facts["forms"]
    assert [{}] * 5 == [facts[root] for root in ("messages", "tasks", "journeys", "variants", "trigger")]
    assert set(facts["events"]) <= {"client_added"}


def test_every_root_that_has_a_provider_is_declared(vendor: Vendor) -> None:
    del vendor
    assert provided_roots() <= {*SCHEMA, *OPEN_ROOTS}


def test_a_root_has_one_provider() -> None:
    with pytest.raises(AlreadyRegistered, match="'events' is provided twice"):
        fact_root("events")(lambda _needs, _now: {})
