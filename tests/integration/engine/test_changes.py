"""What steps change: with the step or not at all, once however often it is carried out, whoever else is at it."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from engine.models import Instance, InterventionTicket, NodeExecution, Schedule, VariantAssignment
from engine.services import changes, runner
from engine.services.instances import instance_start
from engine.services.sub_journeys import journey_leave
from engine.services.triggering import event_receive
from journeys.errors import Conflict, Invalid
from journeys.language.outcomes import AssignVariant, CreateTask, IncrementField, StartJourney
from journeys.models import Client, Journey, Task, Vendor
from journeys.services.tasks import task_finish
from journeys.services.weddings import wedding_move
from journeys.validation import problems_of
from tests.builders import ACTOR, JourneyBuilder, a_journey
from tests.drive import bells, run_until_idle
from tests.racing import together

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


def does(*deeds: dict[str, Any], **settings: Any) -> JourneyBuilder:
    return a_journey().action("do", *deeds, **settings)


def start(journey: Journey, couple: Client, *, now: datetime, **variables: Any) -> Instance:
    instance = instance_start(
        vendor=journey.vendor, journey=journey, client=couple, variables=variables, now=now, actor=ACTOR
    )
    run_until_idle(now)
    instance.refresh_from_db()
    couple.refresh_from_db()
    return instance


def test_fields_are_written_computed_counted_and_taken_away(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    journey = does(
        {"kind": "set_field", "name": "old", "value": "x"},
        {"kind": "set_field", "name": "guests", "expression": "80 + 4"},
        {"kind": "set_fields", "fields": {"album": "for {{ client.display_name }}", "size": 3, "gone": None}},
        {"kind": "increment", "name": "letters"},
        {"kind": "increment", "name": "letters", "by": 2.5},
        {"kind": "set_field", "name": "old", "value": None},
    ).publish(vendor, now=now)

    start(journey, couple, now=now)

    assert {"guests": 84, "album": "for Inês & Tomás", "size": 3, "letters": 3.5} == couple.fields


def test_a_variable_is_written_and_read_by_the_next_step(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    journey = (
        does({"kind": "set_variable", "name": "tries", "expression": "variables.tries + 1"})
        .variable("tries", kind="number", default=1)
        .action("tell", {"kind": "add_tag", "tag": "two"})
        .condition("is_two", "variables.tries == 2")
        .action("yes", {"kind": "add_tag", "tag": "yes"})
        .publish(vendor, now=now)
    )

    instance = start(journey, couple, now=now)

    assert {"tries": 2} == instance.variables
    assert couple.tags.filter(name="yes").exists()


def test_a_variable_takes_only_values_of_its_kind(vendor: Vendor, couple: Client, now: datetime) -> None:
    journey = (
        does({"kind": "set_variable", "name": "tries", "value": "many"})
        .variable("tries", kind="number", default=1)
        .publish(vendor, now=now)
    )

    instance = start(journey, couple, now=now)

    assert "bad_variable" == InterventionTicket.objects.get().code
    assert {"tries": 1} == instance.variables


def test_a_date_is_set_and_what_hangs_on_it_follows(vendor: Vendor, couple: Client, now: datetime) -> None:
    waiting = a_journey().wait_for_date("shoot", "-3d", anchor="shoot").email("soon").publish(vendor, now=now)
    waits = start(waiting, couple, now=now)
    assert Schedule.objects.get(instance=waits).due_at is None

    journey = does(
        {"kind": "set_anchor", "name": "shoot", "date": "2027-09-01"},
        {"kind": "set_anchor", "name": "gallery", "offset": "30d", "offset_from": "wedding"},
        {"kind": "set_anchor", "name": "call", "expression": "add_days(wedding.date, -60)"},
    ).publish(vendor, now=now, name="Two")
    start(journey, couple, now=now)

    wedding = couple.weddings.get()
    dates = dict(wedding.anchors.values_list("name", "date"))
    assert (date(2027, 9, 1), wedding.date + 30 * DAY, wedding.date - 60 * DAY) == tuple(
        dates[name] for name in ("shoot", "gallery", "call")
    )
    assert "2027-08-29" == Schedule.objects.get(instance=waits).due_at.date().isoformat()


def test_a_date_that_cannot_be_computed_is_an_error_of_this_couple(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    journey = does(
        {"kind": "add_tag", "tag": "first"},
        {"kind": "set_anchor", "name": "gallery", "expression": "client.status"},
    ).publish(vendor, now=now)

    start(journey, couple, now=now)

    assert "value_unanswerable" == InterventionTicket.objects.get().code
    assert not couple.tags.exists()


def test_what_one_change_refuses_undoes_the_others(vendor: Vendor, couple: Client, now: datetime) -> None:
    journey = does(
        {"kind": "add_tag", "tag": "first"},
        {"kind": "create_task", "title": "Call"},
        {"kind": "set_field", "name": "letters", "value": "many"},
        {"kind": "increment", "name": "letters"},
    ).publish(vendor, now=now)

    instance = start(journey, couple, now=now)

    assert not couple.tags.exists()
    assert not Task.objects.exists()
    assert couple.fields is None
    ticket = InterventionTicket.objects.get()
    assert ("not_a_number", "user") == (ticket.code, ticket.error_class)
    assert not NodeExecution.objects.filter(instance=instance, node_id="do", status="succeeded").exists()


def test_other_journeys_are_started_and_left(vendor: Vendor, couple: Client, now: datetime) -> None:
    other = a_journey().variable("to").wait("long", for_="300d").publish(vendor, now=now, name="Other")
    begins = does(
        {"kind": "start_journey", "journey": other.public_id, "variables": {"to": "{{ client.status }}"}}
    )
    start(begins.publish(vendor, now=now, name="Begins"), couple, now=now)
    inside = Instance.objects.get(journey=other)
    assert ("active", {"to": "booked"}) == (inside.status, inside.variables)

    ends = does({"kind": "leave_journey", "journey": other.public_id})
    start(ends.publish(vendor, now=now, name="Ends"), couple, now=now)
    inside.refresh_from_db()
    assert "cancelled" == inside.status
    start(ends.publish(vendor, now=now, name="Ends again"), couple, now=now)
    assert not InterventionTicket.objects.exists()


def test_a_journey_does_not_leave_itself(vendor: Vendor, couple: Client, now: datetime) -> None:
    journey = a_journey().wait("long", for_="3d").publish(vendor, now=now)
    instance = start(journey, couple, now=now)

    with pytest.raises(Invalid, match="not its own"):
        journey_leave(
            instance=instance, client=couple, journey=journey.public_id, reason="", now=now, actor=ACTOR
        )


def test_a_change_that_is_carried_out_twice_is_made_once(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    other = a_journey().wait("long", for_="300d").publish(vendor, now=now, name="Other")
    instance = start(a_journey().wait("long", for_="300d").publish(vendor, now=now), couple, now=now)
    place = f"{instance.public_id}:do::1"

    for _ in range(2):
        for number, change in enumerate(
            (CreateTask("Call"), StartJourney(other.public_id), AssignVariant("tone", "warm"))
        ):
            with transaction.atomic():
                changes.apply(change, client=couple, source=f"{place}:{number}", actor=ACTOR, now=now)

    assert 1 == Task.objects.count()
    assert 1 == Instance.objects.filter(started_by=place).count()
    assert 1 == VariantAssignment.objects.count()


def test_the_first_variant_stays(vendor: Vendor, couple: Client, now: datetime) -> None:
    instance = start(a_journey().wait("long", for_="300d").publish(vendor, now=now), couple, now=now)

    for variant in ("warm", "plain"):
        changes.apply(
            AssignVariant("tone", variant),
            client=couple,
            source=f"{instance.public_id}:tone::1:0",
            actor=ACTOR,
            now=now,
        )

    assert "warm" == VariantAssignment.objects.get().variant


def test_counting_at_the_same_moment_loses_nothing(vendor: Vendor, couple: Client, now: datetime) -> None:
    def count_up() -> None:
        client = Client.objects.get(id=couple.id)
        for _ in range(5):
            with transaction.atomic():
                changes.apply(
                    IncrementField("letters", 1), client=client, source="x:y::1:0", actor=ACTOR, now=now
                )

    together(*[count_up] * 4)

    couple.refresh_from_db()
    assert {"letters": 20} == couple.fields


def test_a_step_that_sets_a_date_and_a_wedding_that_moves_wait_for_each_other(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    journeys = [
        does({"kind": "set_anchor", "name": f"date_{number}", "date": "2027-09-01"})
        .wait_for_date("eve", "-1d")
        .publish(vendor, now=now, name=f"{number}")
        for number in range(4)
    ]
    for journey in journeys:
        instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)
    wedding = couple.weddings.get()
    new_day = wedding.date + 50 * DAY

    def work() -> None:
        for _ in range(6):
            runner.run(places=bells(), now=now)

    together(work, work, lambda: wedding_move(wedding=wedding, date=new_day, now=now, actor=ACTOR))
    run_until_idle(now)

    assert 4 == couple.weddings.get().anchors.filter(name__startswith="date_").count()
    dues = set(Schedule.objects.values_list("due_at__date", flat=True))
    assert {new_day - DAY} == dues


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ({"kind": "set_variable", "name": "nobody", "value": 1}, "variables.nobody does not exist"),
        ({"kind": "set_anchor", "name": "wedding", "date": "2027-01-01"}, "moved by a person"),
        ({"kind": "set_anchor", "name": "call", "date": "2027-02-30"}, "There is no such day"),
        ({"kind": "set_anchor", "name": "call", "date": "2027-02-03", "offset": "3d"}, "only one of them"),
        ({"kind": "set_field", "name": "x", "value": 3, "expression": "3"}, "not both"),
        ({"kind": "set_field", "name": "x", "expression": "nobody.knows"}, "'nobody' is not known"),
        ({"kind": "increment", "name": "x", "by": "many"}, "by"),
        ({"kind": "start_journey", "journey": "Album"}, "journey"),
    ],
)
def test_what_can_never_work_is_not_published(deed: dict[str, Any], said: str) -> None:
    problems = problems_of(does(deed).definition())

    assert said in problems[0].message
    assert {"do"} == {problem.node for problem in problems}


def test_an_event_that_comes_while_the_step_is_asked_is_not_missed(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    journey = (
        a_journey()
        .step("wait", "wait_for", event="payment_received")
        .action("came", {"kind": "increment", "name": "came"})
        .publish(vendor, now=now)
    )
    instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)

    def work() -> None:
        for _ in range(8):
            runner.run(places=bells(), now=now)

    def pay() -> None:
        for number in range(4):
            event_receive(
                vendor=vendor,
                type="payment_received",
                event_id=f"{threading.get_ident()}-{number}",
                client=couple,
                topic="final",
                payload={"amount": 1},
                now=now,
                actor=ACTOR,
            )

    together(work, pay, work, pay)
    run_until_idle(now)

    couple.refresh_from_db()
    assert {"came": 1} == couple.fields
    assert "completed" == Instance.objects.get().status


def test_a_task_that_is_done_twice_at_the_same_moment_is_done_once(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    builder = a_journey().step("call", "task", title="Call", choices=["yes", "no"])
    builder._open = [("call", "yes"), ("call", "no")]
    instance = start(builder.publish(vendor, now=now), couple, now=now)

    def finish(choice: str) -> None:
        task_finish(task=Task.objects.get(), choice=choice, now=now, actor=ACTOR)

    answers = together(*(partial(finish, choice) for choice in ("yes", "no", "yes", "no")), refusals=Conflict)
    run_until_idle(now)

    assert ["already_done"] * 2 == [one.code for one in answers if isinstance(one, Conflict)]
    chosen = Task.objects.get().choice
    rows = NodeExecution.objects.filter(instance=instance, node_id="call", status="succeeded")
    assert [chosen] == [row.port for row in rows]
