"""Steps that wait for a person, and for another journey."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from engine.models import Instance, InterventionTicket, NodeExecution, Schedule
from engine.services.instances import instance_cancel
from engine.services.sub_journeys import MAX_DEPTH
from journeys.errors import Conflict, Invalid
from journeys.models import Client, Journey, Task, Vendor
from journeys.services.journeys import journey_change_draft, journey_publish
from journeys.services.tasks import task_finish
from tests import drive
from tests.builders import ACTOR, JourneyBuilder, a_journey
from tests.drive import run_until_idle

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


def start(journey: Journey, couple: Client, *, now: datetime) -> Instance:
    instance = drive.enter(journey, couple, now=now)
    run_until_idle(now)
    return instance


def tags(couple: Client) -> set[str]:
    return set(couple.tags.values_list("name", flat=True))


def a_task(*choices: str, **settings: object) -> JourneyBuilder:
    """Give a journey of one task that waits, with a tag for each way out of it."""
    builder = a_journey().step(
        "call", "task", title="Call {{ client.display_name }}", choices=list(choices), **settings
    )
    builder._open = []
    builder._add("end", "end", {})
    for port in (*(choices or ("next",)), *(["timeout"] if "timeout" in settings else [])):
        deeds = {"do": [{"kind": "add_tag", "tag": port}]}
        builder.nodes.append({"id": f"way_{port}", "type": "action", "name": port, "settings": deeds})
        builder.edges += [
            {"from": "call", "port": port, "to": f"way_{port}"},
            {"from": f"way_{port}", "port": "next", "to": "end"},
        ]
    return builder


def test_a_task_is_on_the_list_once_and_the_journey_waits_for_it(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    journey = a_task(due="2d").publish(vendor, now=now)
    instance = start(journey, couple, now=now)

    task = Task.objects.get()
    assert ("Call Inês & Tomás", (now + 2 * DAY).date()) == (task.title, task.due_on)
    assert "Waits until the task is done." == Schedule.objects.get(instance=instance).reason
    run_until_idle(now + DAY)
    assert 1 == Task.objects.count()

    task_finish(task=task, now=now + 2 * DAY, actor=ACTOR)
    run_until_idle(now + 2 * DAY)

    assert {"next"} == tags(couple)


def test_a_task_that_hangs_on_a_date_is_due_before_it(vendor: Vendor, couple: Client, now: datetime) -> None:
    start(a_task(due="-14d", due_from="wedding").publish(vendor, now=now), couple, now=now)

    assert couple.weddings.get().date - 14 * DAY == Task.objects.get().due_on


def test_what_is_chosen_decides_the_way_on(vendor: Vendor, couple: Client, now: datetime) -> None:
    instance = start(a_task("upgrade", "keep").publish(vendor, now=now), couple, now=now)
    task = Task.objects.get()
    assert ["upgrade", "keep"] == task.choices

    with pytest.raises(Invalid, match="Choose how the task came out"):
        task_finish(task=task, now=now, actor=ACTOR)
    with pytest.raises(Invalid, match="has no choice 'cancel'"):
        task_finish(task=task, choice="cancel", now=now, actor=ACTOR)
    task_finish(task=task, choice="upgrade", now=now, actor=ACTOR)
    task_finish(task=task, now=now, actor=ACTOR)
    with pytest.raises(Conflict, match="done already"):
        task_finish(task=task, choice="keep", now=now, actor=ACTOR)
    run_until_idle(now)

    assert {"upgrade"} == tags(couple)
    row = NodeExecution.objects.get(instance=instance, node_id="call", status="succeeded")
    assert "upgrade" == row.output["choice"]


def test_a_task_that_nobody_does_is_left_in_time(vendor: Vendor, couple: Client, now: datetime) -> None:
    timeout = {"kind": "duration", "for": "3d"}
    start(a_task(timeout=timeout).publish(vendor, now=now), couple, now=now)

    run_until_idle(now + 3 * DAY)

    assert {"timeout"} == tags(couple)
    assert Task.objects.get().done_at is None


def test_a_task_that_nobody_waits_for_is_only_put_down(vendor: Vendor, couple: Client, now: datetime) -> None:
    start(a_task(wait=False).publish(vendor, now=now), couple, now=now)

    assert 1 == Task.objects.filter(done_at=None).count()
    assert {"next"} == tags(couple)


def album(vendor: Vendor, *, now: datetime, name: str = "Album") -> Journey:
    return (
        a_journey()
        .variable("size", default="small")
        .wait("dry", for_="10d")
        .action("tag", {"kind": "add_tag", "tag": "album"})
        .publish(vendor, now=now, name=name, re_entry="when_finished")
    )


def around(journey: Journey, **settings: object) -> JourneyBuilder:
    return a_journey().step("sub", "journey", journey=journey.public_id, **settings)


def test_a_journey_waits_for_the_one_it_starts(vendor: Vendor, couple: Client, now: datetime) -> None:
    builder = around(album(vendor, now=now), variables={"size": "{{ client.status }}"})
    parent = start(
        builder.action("after", {"kind": "add_tag", "tag": "after"}).publish(vendor, now=now), couple, now=now
    )

    child = Instance.objects.exclude(id=parent.id).get()
    assert f"{parent.public_id}:sub::1" == child.started_by
    assert {"size": "booked"} == child.variables
    assert parent.wedding_id == child.wedding_id
    assert set() == tags(couple)

    run_until_idle(now + 10 * DAY)

    assert {"album", "after"} == tags(couple)
    row = NodeExecution.objects.get(instance=parent, node_id="sub", status="succeeded")
    assert ("completed", child.public_id) == (row.output["result"], row.output["instance"])


def test_a_journey_that_nobody_waits_for_goes_on_by_itself(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    parent = start(around(album(vendor, now=now), wait=False).publish(vendor, now=now), couple, now=now)
    parent.refresh_from_db()
    assert Instance.Status.COMPLETED == parent.status

    run_until_idle(now + 10 * DAY)

    assert {"album"} == tags(couple)


@pytest.mark.parametrize(("wait", "expected"), [(True, "cancelled"), (False, "active")])
def test_what_is_waited_for_ends_with_what_waits(
    vendor: Vendor, couple: Client, now: datetime, wait: object, expected: str
) -> None:
    builder = around(album(vendor, now=now), wait=wait).wait("long", for_="300d")
    parent = start(builder.publish(vendor, now=now), couple, now=now)
    child = Instance.objects.exclude(id=parent.id).get()

    instance_cancel(instance=parent, now=now, actor=ACTOR)

    child.refresh_from_db()
    assert expected == child.status


def test_a_journey_that_is_cancelled_lets_the_one_that_waits_go_on(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    parent = start(around(album(vendor, now=now)).publish(vendor, now=now), couple, now=now)
    child = Instance.objects.exclude(id=parent.id).get()

    instance_cancel(instance=child, now=now + DAY, actor=ACTOR)
    run_until_idle(now + DAY)

    parent.refresh_from_db()
    assert Instance.Status.COMPLETED == parent.status
    row = NodeExecution.objects.get(instance=parent, node_id="sub", status="succeeded")
    assert "cancelled" == row.output["result"]


def test_a_journey_that_takes_too_long_is_left_alone(vendor: Vendor, couple: Client, now: datetime) -> None:
    builder = around(album(vendor, now=now), timeout={"kind": "duration", "for": "2d"})
    builder.action("after", {"kind": "add_tag", "tag": "after"})
    builder.edges.append({"from": "sub", "port": "timeout", "to": "end"})
    parent = start(builder.publish(vendor, now=now), couple, now=now)

    run_until_idle(now + 2 * DAY)

    parent.refresh_from_db()
    assert Instance.Status.COMPLETED == parent.status
    assert set() == tags(couple)
    run_until_idle(now + 10 * DAY)
    assert {"album"} == tags(couple)


def ticket_of(instance: Instance) -> InterventionTicket:
    return InterventionTicket.objects.get(lines__instance=instance, status="open")


def test_a_client_who_is_inside_already_is_an_error_of_this_couple(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    inner = album(vendor, now=now)
    start(inner, couple, now=now)

    parent = start(around(inner).publish(vendor, now=now), couple, now=now)

    assert "already_active" == ticket_of(parent).code
    assert 2 == Instance.objects.count()


def test_a_refused_start_can_be_skipped(vendor: Vendor, couple: Client, now: datetime) -> None:
    inner = album(vendor, now=now)
    start(inner, couple, now=now)

    parent = start(around(inner, on_error="skip").publish(vendor, now=now), couple, now=now)

    parent.refresh_from_db()
    assert Instance.Status.COMPLETED == parent.status


def test_a_journey_is_not_started_inside_itself(vendor: Vendor, couple: Client, now: datetime) -> None:
    first = a_journey().publish(vendor, now=now, name="First", re_entry="when_finished")
    second = around(first).publish(vendor, now=now, name="Second")
    journey_change_draft(
        journey=first,
        expected_revision=first.draft_revision,
        definition=around(second).definition(),
        now=now,
        actor=ACTOR,
    )
    journey_publish(journey=first, now=now, actor=ACTOR)
    first.refresh_from_db()

    start(first, couple, now=now)

    inner = Instance.objects.get(journey=second)
    assert "journey_loop" == ticket_of(inner).code


def test_journeys_are_inside_one_another_to_a_limit(vendor: Vendor, couple: Client, now: datetime) -> None:
    inner = album(vendor, now=now, name="0")
    for number in range(1, MAX_DEPTH + 1):
        inner = around(inner).publish(vendor, now=now, name=f"{number}")

    start(inner, couple, now=now)

    assert MAX_DEPTH == Instance.objects.count()
    assert "journey_too_deep" == InterventionTicket.objects.get().code
