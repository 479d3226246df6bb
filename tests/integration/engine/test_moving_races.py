"""Two people change a wedding's dates at the same moment, or a worker is at its steps meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from engine.models import Instance, LatePlan, Schedule, WeddingMove
from engine.services import late_plans, rescheduling, runner, zones
from engine.services.instances import instance_start
from engine.services.rescheduling import Rescheduled
from journeys.errors import Conflict
from journeys.models import Wedding
from journeys.services.vendors import vendor_change_settings
from journeys.services.weddings import wedding_move
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import bells, run_until_idle
from tests.racing import together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]


@pytest.fixture
def instance(vendor, couple, now: datetime) -> Instance:
    journey = (
        a_journey()
        .email("list", when={"kind": "anchor", "offset": "-90d"})
        .email("gallery", when={"kind": "anchor", "anchor": "gallery_delivery", "offset": "1d"})
        .publish(vendor, now=now)
    )
    started = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return started


def a_wedding(couple) -> Wedding:
    return couple.weddings.select_related("vendor", "client").get()


def test_moves_at_the_same_moment_come_one_after_the_other(couple, instance, now):
    was = a_wedding(couple).date

    def move(days: int):
        return lambda: rescheduling.reschedule(
            wedding=a_wedding(couple), date=was + timedelta(days=days), now=now, actor=ACTOR
        )

    results = together(*[move(days) for days in range(1, 5)])

    assert all(isinstance(one, Rescheduled) for one in results)
    moves = list(WeddingMove.objects.order_by("id"))
    assert [one.before["date"] for one in moves] == [
        was.isoformat(),
        *(one.after["date"] for one in moves[:-1]),
    ]
    wedding = a_wedding(couple)
    assert moves[-1].after["date"] == wedding.date.isoformat()
    assert wedding.date - timedelta(days=90) == Schedule.objects.get(instance=instance).due_at.date()


def test_one_of_two_who_take_the_same_move_back_is_refused(couple, instance, now):
    was = a_wedding(couple).date
    move = rescheduling.reschedule(
        wedding=a_wedding(couple), date=was + timedelta(days=7), now=now, actor=ACTOR
    ).move

    def undo():
        return rescheduling.undo(wedding=a_wedding(couple), move_ref=move.public_id, now=now, actor=ACTOR)

    results = together(undo, undo, refusals=Conflict)

    refused = [one for one in results if isinstance(one, Conflict)]
    assert ["already_undone"] == [one.code for one in refused], results
    assert was == a_wedding(couple).date


def test_moves_and_steps_at_the_same_moment_leave_every_step_where_its_date_says(
    vendor, couple, instance, now
):
    """Workers, moves, rehearsals, vendor settings and zone data together: nobody waits in a circle."""
    due = Schedule.objects.get(instance=instance).due_at
    was = a_wedding(couple).date
    Schedule.objects.filter(instance=instance).update(due_at=now)
    other = a_journey().email("hello").wait(for_="1d").publish(vendor, now=now)
    instance_start(vendor=vendor, journey=other, client=couple, variables={}, now=now, actor=ACTOR)
    places = bells()
    derived = {"gallery_delivery": {"from": "wedding", "offset": "42d"}}

    together(
        lambda: runner.run(places=places, now=now),
        lambda: wedding_move(wedding=a_wedding(couple), date=was + timedelta(days=10), now=now, actor=ACTOR),
        lambda: rescheduling.reschedule(
            wedding=a_wedding(couple), date=was + timedelta(days=3), dry_run=True, now=now, actor=ACTOR
        ),
        lambda: vendor_change_settings(
            vendor=vendor, settings={"derived_anchors": derived}, now=now, actor=ACTOR
        ),
        lambda: zones.apply(now=now),
    )

    token = Schedule.objects.get(instance=instance)
    assert ("list", due + timedelta(days=10)) == (token.node_id, token.due_at)


def test_plan_is_confirmed_once(vendor, now):
    builder = a_journey().email("list", when={"kind": "anchor", "offset": "-90d"})
    definition = {**builder.definition(), "late_start": {"show_plan": True}}
    builder.definition = lambda: definition
    instance = instance_start(
        vendor=vendor,
        journey=builder.publish(vendor, now=now),
        client=a_couple(vendor, now=now, wedding_in=timedelta(days=40)),
        variables={},
        now=now,
        actor=ACTOR,
    )

    def confirm(choice: str):
        return lambda: late_plans.confirm(
            instance=Instance.objects.get(pk=instance.pk), choices={"all": choice}, now=now, actor=choice
        )

    results = together(confirm("send"), confirm("skip"), refusals=Conflict)

    assert ["no_plan"] == [one.code for one in results if isinstance(one, Conflict)], results
    plan = LatePlan.objects.get()
    assert {"list": plan.settled_by} == plan.choices
