"""How far a walk goes: no further than its batch, its time, what it has read, and the other tokens of the passage."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from channels.models import SinkMessage
from engine.models import NodeExecution, Schedule
from engine.services import runner, walking
from engine.services.instances import instance_pause
from journeys.models import Vendor
from tests.builders import ACTOR, END, a_couple, a_journey, a_net, merge, split_all
from tests.drive import bells, enter, run_until_idle
from tests.integration.engine.walks import conditions, mailed, tagged, told

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]


def test_one_bell_goes_no_further_than_a_batch_is_large(vendor: Vendor, now: datetime, settings: Any) -> None:
    settings.QUEUE_BATCH_SIZE = 4
    instance = enter(conditions(9).publish(vendor, now=now), a_couple(vendor, now=now), now=now)

    assert 4 == runner.run(places=bells(), now=now)

    place = Schedule.objects.get(instance=instance)
    assert ("c3", Schedule.State.QUEUED, 0) == (place.node_id, place.state, place.claims)
    assert [(place.id, place.fence)] == bells()


def test_no_further_round_begins_when_the_time_is_over(
    vendor: Vendor, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.0, 0.0])
    monkeypatch.setattr(runner, "monotonic", lambda: next(times, runner.LONGEST + 1))
    instance = enter(tagged().publish(vendor, now=now), a_couple(vendor, now=now), now=now)

    assert 3 == runner.run(places=bells(), now=now)

    assert ["start", "booked", "mark"] == [row[0] for row in told(instance)]
    place = Schedule.objects.get(instance=instance)
    assert ("is_marked", Schedule.State.QUEUED) == (place.node_id, place.state)


def test_who_comes_when_the_time_is_over_takes_one_step(
    vendor: Vendor, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LONGEST", 0.0)
    journey = conditions(4).publish(vendor, now=now)
    instances = [enter(journey, a_couple(vendor, now=now), now=now) for _ in range(3)]

    assert 3 == runner.run(places=bells(), now=now)

    assert [["start"]] * 3 == [[row[0] for row in told(one)] for one in instances]
    assert 3 == len(bells()), "what follows is rung for"


def test_a_batch_of_one_takes_one_step(vendor: Vendor, now: datetime, settings: Any) -> None:
    settings.QUEUE_BATCH_SIZE = 1
    enter(conditions(3).publish(vendor, now=now), a_couple(vendor, now=now), now=now)

    assert 1 == runner.run(places=bells(), now=now)


def test_a_step_that_reaches_outside_is_rung_for_alone(vendor: Vendor, now: datetime) -> None:
    instance = enter(mailed().publish(vendor, now=now), a_couple(vendor, now=now), now=now)

    assert 2 == runner.run(places=bells(), now=now)

    assert not SinkMessage.objects.exists()
    place = Schedule.objects.get(instance=instance)
    assert ("hello", Schedule.State.QUEUED, True) == (place.node_id, place.state, place.outside)


def test_a_passage_that_was_paused_meanwhile_goes_one_step_and_stands(vendor: Vendor, now: datetime) -> None:
    instance = enter(conditions(5).publish(vendor, now=now), a_couple(vendor, now=now), now=now)
    claimed = runner.claim_now

    def then_paused(places: Any, **kwargs: Any) -> Any:
        held = claimed(places, **kwargs)
        instance_pause(instance=instance, now=now, actor=ACTOR)
        return held

    with mock.patch.object(runner, "claim_now", then_paused):
        assert 1 == runner.run(places=bells(), now=now, alone=True)

    assert "c0" == Schedule.objects.get(instance=instance).node_id
    assert 0 == runner.run(places=bells(), now=now)


def test_tokens_of_one_passage_go_on_side_by_side(vendor: Vendor, now: datetime) -> None:
    """A branch whose step locks the wedding is not overtaken by the other one."""
    steps = {
        "split": split_all("a", "b"),
        "quick": ("condition", {"if": "true"}),
        "dated": ("action", {"do": [{"kind": "set_status", "status": "done"}]}),
        "join": merge("split", "first", others="cancel"),
        "end": END,
    }
    edges = ("start>split", "split.a>quick", "split.b>dated", "quick.yes>join", "quick.no>join", "dated>join")
    instance = enter(
        a_net(steps, *edges, "join>end").publish(vendor, now=now), a_couple(vendor, now=now), now=now
    )

    run_until_idle(now)

    done = Counter(row[0] for row in told(instance) if row[4] == NodeExecution.Status.SUCCEEDED)
    assert (1, 1) == (done["quick"], done["dated"])


def test_a_walk_does_not_overtake_a_token_of_the_passage_that_is_due_elsewhere(
    vendor: Vendor, now: datetime
) -> None:
    steps = {
        "split": split_all("a", "b"),
        "hello": ("email", {"subject": "Hello", "body": "Dear both", "to": ["partner_1"]}),
        **{f"c{number}": ("condition", {"if": "true"}) for number in range(3)},
        "join": merge("split", "first", others="cancel"),
        "end": END,
    }
    edges = (
        *("start>split", "split.a>hello", "split.b>c0", "c0.yes>c1", "c0.no>c1", "c1.yes>c2", "c1.no>c2"),
        *("c2.yes>join", "c2.no>join", "hello>join", "join>end"),
    )
    instance = enter(a_net(steps, *edges).publish(vendor, now=now), a_couple(vendor, now=now), now=now)
    runner.run(places=bells(), now=now)
    quick = Schedule.objects.get(instance=instance, node_id="c0")

    assert 1 == runner.run(places=[(quick.id, quick.fence)], now=now)

    standing = Schedule.objects.filter(instance=instance).values_list("node_id", flat=True)
    assert {"hello", "c1"} == set(standing)
    run_until_idle(now)
    assert 1 == SinkMessage.objects.count()


def test_what_lies_too_far_to_be_read_beforehand_is_read_when_it_is_come_to(
    vendor: Vendor, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "_FAR", 2)
    journey = (
        a_journey()
        .condition("first", "true")
        .condition("booked", "client.status == 'booked'")
        .condition("large", "wedding.guest_count > 10")
        .condition("of_luz", "vendor.name == 'Luz & Linho'")
        .wait_for_date("before", "-30d")
    )
    couple = a_couple(vendor, now=now)
    instance = enter(journey.publish(vendor, now=now), couple, now=now)

    run_until_idle(now)

    ports = {row[0]: row[5] for row in told(instance)}
    assert ("yes", "yes", "yes") == (ports["booked"], ports["large"], ports["of_luz"])
    place = Schedule.objects.get(instance=instance)
    assert ("before", couple.weddings.get().date - timedelta(days=30)) == (
        place.node_id,
        place.due_at.date(),
    )


def test_facts_that_change_while_steps_are_taken_are_never_walked_over(vendor: Vendor, now: datetime) -> None:
    """What a step answered before is read from history, which is written first."""
    journey = a_journey().condition("first", "true").condition("second", "'first' in steps", no="end")
    published = journey.publish(vendor, now=now)
    instance = enter(published, a_couple(vendor, now=now), now=now)

    assert "steps" not in walking.STEADY_ROOTS
    run_until_idle(now)

    assert "yes" == {row[0]: row[5] for row in told(instance)}["second"]
