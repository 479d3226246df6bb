"""Moving those inside while they are in branches, and while workers carry their steps out."""

from __future__ import annotations

from datetime import datetime

import pytest

from engine.models import Approval, ChangeoverEntry, Instance, NodeExecution, Schedule
from engine.services import changeovers, dispatch, runner
from journeys.models import Journey, Vendor
from tests import drive
from tests.builders import JourneyBuilder, a_couple, a_journey, a_vendor
from tests.drive import bells, run_until_idle
from tests.integration.engine.changing import DAY, edit, enter, outcomes, publish, token
from tests.racing import WAIT_SECONDS

pytestmark = pytest.mark.django_db


def test_branches_move_with_their_split_and_stay_where_it_is_another(vendor, couple, now):
    journey = in_branches("10d").publish_as(vendor, now)
    instance = enter(journey, couple, now)
    edit(journey, in_branches("20d").whole, now)
    changeover = publish(journey, "move", now)
    assert [("moved", "")] == outcomes(changeover)
    assert {now + 20 * DAY} == set(
        Schedule.objects.filter(instance=instance).values_list("due_at", flat=True)
    )

    edit(journey, in_branches("20d", split="other").whole, now)
    assert [("kept", "split_changed")] == outcomes(publish(journey, "move", now))

    run_until_idle(now + 21 * DAY)
    instance.refresh_from_db()
    assert Instance.Status.COMPLETED == instance.status


class in_branches:  # noqa: N801 reads as a word of the builder
    """Two waits side by side, and a merge."""

    def __init__(self, wait: str, split: str = "both") -> None:
        when = {"when": {"kind": "duration", "for": wait}}
        branches = [{"port": "left"}, {"port": "right"}]
        self.whole = {
            "schema_version": 1,
            "nodes": [
                {"id": "start", "type": "start", "settings": {"trigger": {"type": "manual"}}},
                {"id": split, "type": "split", "settings": {"by": {"kind": "all", "branches": branches}}},
                {"id": "one", "type": "wait", "settings": when},
                {"id": "two", "type": "wait", "settings": when},
                {"id": "join", "type": "merge", "settings": {"split": split}},
                {"id": "end", "type": "end"},
            ],
            "edges": [
                {"from": "start", "to": split},
                {"from": split, "port": "left", "to": "one"},
                {"from": split, "port": "right", "to": "two"},
                {"from": "one", "to": "join"},
                {"from": "two", "to": "join"},
                {"from": "join", "to": "end"},
            ],
        }

    def publish_as(self, vendor: Vendor, now: datetime) -> Journey:
        builder = a_journey()
        builder.definition = lambda: self.whole  # type: ignore[method-assign]
        return builder.publish(vendor, now=now)


def tagging() -> JourneyBuilder:
    chain = a_journey()
    for number in range(6):
        chain.action(f"tag_{number}", {"kind": "add_tag", "tag": f"t{number}"})
    return chain


@pytest.mark.django_db(transaction=True)
def test_moving_while_workers_carry_steps_out_loses_and_doubles_nothing(now, threads):
    vendor = a_vendor(now=now)
    journey = tagging().publish(vendor, now=now)
    instances = [drive.enter(journey, a_couple(vendor, now=now), now=now) for _ in range(12)]
    edit(journey, tagging().wait("rest", for_="1d"), now)

    def work() -> None:
        for _ in range(40):
            dispatch.dispatch(now=now)
            runner.run(places=bells(), now=now)

    workers = [threads.begin(work) for _ in range(2)]
    changeover = publish(journey, "move", now)
    for worker in workers:
        worker.result(2 * WAIT_SECONDS)
    changeovers.carry_on(changeover=changeover, now=now)
    assert changeover.finished_at is not None
    run_until_idle(now)

    completed = NodeExecution.objects.filter(status__in=NodeExecution.COMPLETED)
    places = list(completed.values_list("instance_id", "node_id", "branch", "visit"))
    assert len(places) == len(set(places))
    moved = ChangeoverEntry.objects.filter(changeover=changeover, outcome="moved").values_list(
        "instance_id", flat=True
    )
    for instance in instances:
        instance.refresh_from_db()
        if instance.pk in moved:
            assert ("rest", 2) == (token(instance).node_id, instance.version.number)
        else:
            assert (Instance.Status.COMPLETED, 1) == (instance.status, instance.version.number)


@pytest.mark.parametrize(("body", "withdrawn"), [("Dear both", 0), ("Dear both, a new word", 1)])
def test_what_was_asked_about_other_words_is_asked_anew(vendor, couple, now, body, withdrawn):
    def journey_with(text: str, wait: str) -> JourneyBuilder:
        return a_journey().email("letter", body=text, approval={"mode": "always"}).wait("rest", for_=wait)

    journey = journey_with("Dear both", "1d").publish(vendor, now=now)
    instance = enter(journey, couple, now)
    assert 1 == Approval.objects.filter(instance=instance, status="pending").count()
    edit(journey, journey_with(body, "2d"), now)

    publish(journey, "move", now)
    run_until_idle(now)

    assert withdrawn == Approval.objects.filter(instance=instance, status="withdrawn").count()
    (pending,) = Approval.objects.filter(instance=instance, status="pending")
    assert body in pending.contents[0]["body"]
