"""A couple books late: what is made up for is shown, confirmed, spaced."""

from __future__ import annotations

from datetime import timedelta

import pytest

from channels.models import Message
from engine.models import Instance, LatePlan, NodeExecution, Schedule
from engine.services import late_plans
from engine.services.instances import instance_cancel, instance_resume, instance_start
from journeys.errors import Conflict, Invalid
from journeys.services.weddings import wedding_move
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import run_until_idle


def a_late_journey(vendor, now, **late_start):
    """Steps 180, 90, 60 and 7 days before the day: the couple here book 40 days before it."""
    builder = (
        a_journey()
        .email("welcome")
        .email("guide", when={"kind": "anchor", "offset": "-180d"}, late={"rule": "send"})
        .email("list", when={"kind": "anchor", "offset": "-90d"}, late={"rule": "skip"})
        .email("payment", when={"kind": "anchor", "offset": "-60d"}, late={"rule": "send"})
        .email("week", when={"kind": "anchor", "offset": "-7d"})
    )
    definition = builder.definition()
    if late_start:
        definition["late_start"] = late_start
    builder.definition = lambda: definition
    return builder.publish(vendor, now=now)


@pytest.fixture
def late_couple(vendor, now):
    return a_couple(vendor, now=now, wedding_in=timedelta(days=40))


def start(vendor, journey, couple, now) -> Instance:
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    instance.refresh_from_db()
    return instance


def sent_at() -> dict[str, object]:
    return dict(Message.objects.order_by("id").values_list("node_id", "created_at"))


def test_nothing_goes_out_before_the_plan_is_confirmed(vendor, late_couple, now):
    journey = a_late_journey(vendor, now, show_plan=True, gap="1d")

    instance = start(vendor, journey, late_couple, now)

    assert ("paused", late_plans.HELD) == (instance.status, instance.reason)
    assert not Message.objects.exists()
    plan = late_plans.plan_of(instance, now=now)
    assert ("waiting", timedelta(days=1)) == (plan.record.status, plan.gap)
    assert [
        ("welcome", "planned", now),
        ("guide", "send", now + timedelta(days=1)),
        ("payment", "send", now + timedelta(days=2)),
    ] == [(one.node_id, one.will, one.at) for one in plan.steps[:3]]
    assert {"week": "planned", "list": "skip"} == {one.node_id: one.will for one in plan.steps[3:]}
    assert {"guide", "list", "payment"} == {one.node_id for one in plan.late}


def test_confirmed_plan_is_carried_out_with_its_choices(vendor, late_couple, now):
    instance = start(vendor, a_late_journey(vendor, now, show_plan=True, gap="1d"), late_couple, now)

    plan = late_plans.confirm(
        instance=instance, choices={"guide": "skip", "list": "send"}, now=now, actor="user:7"
    )
    run_until_idle(now)

    assert ("confirmed", "user:7") == (plan.record.status, plan.record.settled_by)
    statuses = dict(NodeExecution.objects.exclude(status="held").values_list("node_id", "status"))
    assert "skipped" == statuses["guide"]
    with pytest.raises(Conflict) as refusal:
        late_plans.confirm(instance=instance, now=now, actor=ACTOR)
    assert "no_plan" == refusal.value.code


def test_choice_for_a_step_that_is_not_late_is_refused(vendor, late_couple, now):
    instance = start(vendor, a_late_journey(vendor, now, show_plan=True), late_couple, now)

    with pytest.raises(Invalid) as refusal:
        late_plans.confirm(instance=instance, choices={"week": "skip"}, now=now, actor=ACTOR)

    assert "unknown_step" == refusal.value.code
    assert "waiting" == LatePlan.objects.get().status


def test_late_messages_are_spaced_by_the_gap(vendor, late_couple, now):
    start(vendor, a_late_journey(vendor, now, gap="1d"), late_couple, now)
    assert {"welcome"} <= set(sent_at())

    for hours in range(1, 60):
        run_until_idle(now + timedelta(hours=hours))

    times = sent_at()
    assert {"welcome", "guide", "payment"} == set(times)
    assert times["guide"] - times["welcome"] >= timedelta(days=1)
    assert times["payment"] - times["guide"] >= timedelta(days=1)


def test_late_messages_are_spaced_by_an_hour_where_the_journey_says_nothing(vendor, late_couple, now):
    instance = start(vendor, a_late_journey(vendor, now), late_couple, now)

    assert not LatePlan.objects.exists()
    assert "active" == instance.status
    assert {"welcome"} == set(sent_at())
    run_until_idle(now + timedelta(hours=1))
    assert {"welcome", "guide"} == set(sent_at())


def test_passage_that_is_not_late_is_not_held(vendor, couple, now):
    instance = start(vendor, a_late_journey(vendor, now, show_plan=True), couple, now)

    assert "active" == instance.status
    assert not LatePlan.objects.exists()
    assert not late_plans.plan_of(instance, now=now).late


def test_held_passage_goes_ahead_by_itself_where_the_journey_says_so(vendor, late_couple, now):
    journey = a_late_journey(vendor, now, show_plan=True, confirm_within="2d")
    instance = start(vendor, journey, late_couple, now)

    assert 0 == late_plans.go_ahead(now=now + timedelta(hours=47))
    assert 1 == late_plans.go_ahead(now=now + timedelta(days=2))
    assert 0 == late_plans.go_ahead(now=now + timedelta(days=2))

    instance.refresh_from_db()
    assert ("active", "went_ahead") == (instance.status, LatePlan.objects.get().status)


@pytest.mark.parametrize(("deed", "status"), [(instance_resume, "confirmed"), (instance_cancel, "void")])
def test_plan_is_closed_by_whoever_resumes_or_stops_the_passage(vendor, late_couple, now, deed, status):
    instance = start(vendor, a_late_journey(vendor, now, show_plan=True), late_couple, now)

    deed(instance=instance, now=now, actor="user:3")

    assert (status, "user:3") == LatePlan.objects.values_list("status", "settled_by").get()


def test_plan_follows_the_wedding(vendor, late_couple, now):
    instance = start(vendor, a_late_journey(vendor, now, show_plan=True), late_couple, now)
    wedding = late_couple.weddings.get()

    wedding_move(wedding=wedding, date=wedding.date + timedelta(days=300), now=now, actor=ACTOR)

    instance = Instance.objects.select_related("wedding", "vendor").get(pk=instance.pk)
    assert not late_plans.plan_of(instance, now=now).late
    late_plans.confirm(instance=instance, now=now, actor=ACTOR)
    run_until_idle(now)
    assert "guide" == Schedule.objects.get(instance=instance).node_id
