"""Several steps in one transaction: the same as one by one, all or nothing, and never further than it may."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import psycopg
import pytest
from django.db import connection
from django.db.models.functions import Now
from django.db.utils import OperationalError

from engine.models import Instance, NodeExecution, Schedule, TicketLine, Worker
from engine.services import dispatch, recovery, runner, writing
from engine.services.claims import MAX_CLAIMS
from engine.services.replaying import differences
from journeys.models import AuditRecord, Vendor
from journeys.services.weddings import wedding_move
from tests.builders import ACTOR, END, a_couple, a_journey, a_net, merge, split_all
from tests.drive import bells, enter, run_until_idle
from tests.integration.engine.walks import JOURNEYS, conditions, tagged, told

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]

COUPLES = 6


@pytest.mark.parametrize("kind", JOURNEYS)
def test_a_walk_comes_to_what_step_by_step_does(
    vendor: Vendor, now: datetime, settings: Any, kind: str
) -> None:
    histories = {}
    for size in (1, 4, 10):
        settings.QUEUE_BATCH_SIZE = size
        journey = JOURNEYS[kind]().publish(vendor, now=now, name=f"{kind} by {size}")
        passages = [enter(journey, a_couple(vendor, now=now), now=now) for _ in range(COUPLES)]
        for moment in (now, now + timedelta(days=4)):
            run_until_idle(moment)
        histories[size] = [sorted(told(one)) for one in passages]
        for one in passages:
            one.refresh_from_db()
            assert (Instance.Status.COMPLETED, "completed") == (one.status, one.result)
            assert (
                1 == AuditRecord.objects.filter(action="instance.completed", object_id=one.public_id).count()
            )
        assert {} == differences(passages)
    assert not Schedule.objects.exists()
    assert histories[1] == histories[4] == histories[10]


def test_history_is_written_in_the_order_in_which_it_happened(vendor: Vendor, now: datetime) -> None:
    instance = enter(conditions(6).publish(vendor, now=now), a_couple(vendor, now=now), now=now)

    assert 8 == runner.run(places=bells(), now=now)

    assert ["start", *(f"c{index}" for index in range(6)), "end"] == [row[0] for row in told(instance)]
    places = NodeExecution.objects.filter(instance=instance).values_list("schedule_id", flat=True)
    assert 8 == len(set(places)), "each place has a number of its own"


@pytest.mark.parametrize("state", [Schedule.State.WAITING, Schedule.State.QUEUED, Schedule.State.RUNNING])
@pytest.mark.parametrize("how", ["take", "claim_now"])
def test_a_place_that_has_moved_on_gets_nothing_of_a_walk(
    vendor: Vendor, now: datetime, how: str, state: str
) -> None:
    instance = enter(
        a_journey().condition("sure", "true").wait_for_date("before", "-30d").publish(vendor, now=now),
        a_couple(vendor, now=now),
        now=now,
    )
    held_by = getattr(runner, how)

    def then_moved(places: Any, **kwargs: Any) -> Any:
        held = held_by(places, **kwargs)
        Schedule.objects.filter(instance=instance).update(fence=100, state=state)
        return held

    with mock.patch.object(runner, how, then_moved):
        assert 0 == runner.run(places=bells(), now=now, alone=how == "claim_now")

    assert [] == told(instance)
    assert "start" == Schedule.objects.get(instance=instance).node_id


def test_a_walk_that_breaks_off_leaves_nothing(vendor: Vendor, now: datetime) -> None:
    instance = enter(tagged().publish(vendor, now=now), a_couple(vendor, now=now), now=now)
    calls = Counter[str]()

    def second_time(*args: Any, **kwargs: Any) -> Any:
        calls["write"] += 1
        if calls["write"] == 2:
            raise SystemExit
        return writing.write(*args, **kwargs)

    with mock.patch.object(runner, "write", second_time), pytest.raises(SystemExit):
        runner.run(places=bells(), now=now)

    assert [] == told(instance)
    assert not instance.client.tags.exists()
    place = Schedule.objects.get(instance=instance)
    assert ("start", Schedule.State.QUEUED) == (place.node_id, place.state)
    end_leases()
    run_until_idle(now)
    assert Counter(row[0] for row in told(instance))["mark"] == 1


def test_what_broke_for_one_goes_step_by_step_for_all(vendor: Vendor, now: datetime) -> None:
    journey = (
        a_journey().action("count", {"kind": "increment", "name": "letters", "by": 1}).condition("on", "true")
    )
    published = journey.publish(vendor, now=now)
    couples = [
        a_couple(vendor, now=now, fields={"letters": "many"} if index == 2 else {}) for index in range(4)
    ]
    passages = [enter(published, couple, now=now) for couple in couples]

    run_until_idle(now)

    standing = {one.id: [row[0] for row in told(one)] for one in passages}
    assert ["start", "count", "on", "end"] == standing[passages[0].id] == standing[passages[3].id]
    assert ["start", "count"] == standing[passages[2].id]
    assert [passages[2].id] == list(TicketLine.objects.values_list("instance_id", flat=True))
    for couple in (couples[0], couples[3]):
        couple.refresh_from_db()
        assert {"letters": 1} == couple.fields


def test_what_postgresql_gave_up_for_another_is_done_alone(vendor: Vendor, now: datetime) -> None:
    journey = conditions(3).publish(vendor, now=now)
    passages = [enter(journey, a_couple(vendor, now=now), now=now) for _ in range(3)]
    decide, calls = runner._decide_and_commit, Counter[int]()

    def lost_once(claims: Any, **kwargs: Any) -> int:
        calls[len(claims)] += 1
        if len(claims) > 1:
            with connection.cursor() as cursor:
                cursor.execute("DO $$ BEGIN RAISE deadlock_detected; END $$")
        return decide(claims, **kwargs)

    with mock.patch.object(runner, "_decide_and_commit", lost_once):
        assert 3 == runner.run(places=bells(), now=now)

    assert {3: 1, 1: 3} == calls
    run_until_idle(now)
    assert {Instance.Status.COMPLETED} == set(
        Instance.objects.filter(id__in=[one.id for one in passages]).values_list("status", flat=True)
    )


def test_other_trouble_with_postgresql_is_left_to_the_lease(vendor: Vendor, now: datetime) -> None:
    enter(conditions(3).publish(vendor, now=now), a_couple(vendor, now=now), now=now)
    gone = OperationalError("gone")
    gone.__cause__ = psycopg.errors.AdminShutdown()

    with (
        mock.patch.object(runner, "_decide_and_commit", side_effect=gone),
        pytest.raises(OperationalError),
    ):
        runner.run(places=bells(), now=now)

    assert Schedule.State.QUEUED == Schedule.objects.get().state


def end_leases() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE engine_schedule SET lease_until = clock_timestamp() - interval '1 s' "
            "WHERE lease_until IS NOT NULL"
        )


@pytest.mark.parametrize("where", ["c0", "c2"])
def test_a_step_that_kills_its_workers_is_found_behind_the_claim_it_was_walked_from(
    vendor: Vendor, now: datetime, where: str
) -> None:
    instance = enter(conditions(4).publish(vendor, now=now), a_couple(vendor, now=now), now=now)
    neighbor = enter(conditions(1).publish(vendor, now=now, name="N"), a_couple(vendor, now=now), now=now)
    decide, killed = runner.decide, []

    def deadly(step: Any, **kwargs: Any) -> Any:
        if step.claim.instance_id == instance.id and step.claim.node_id == where:
            killed.append(step.claim.claims)
            raise SystemExit
        return decide(step, **kwargs)

    # Whoever dies in earnest is missed by its lock (test_workers.py).
    Worker.objects.create(name="dead", pid=1, missed_at=Now())
    with mock.patch.object(runner, "decide", deadly):
        for _ in range(MAX_CLAIMS + 12):
            recovery.sweep()
            dispatch.dispatch(now=now)
            for place in bells():
                try:
                    runner.run(places=[place], now=now)
                except SystemExit:
                    connection.close()
            end_leases()

    assert MAX_CLAIMS == len(killed)
    line = TicketLine.objects.get()
    assert (where, instance.id) == (line.node_id, line.instance_id)
    neighbor.refresh_from_db()
    assert Instance.Status.COMPLETED == neighbor.status


def test_a_wedding_that_moves_finds_the_places_behind_a_walk(vendor: Vendor, now: datetime) -> None:
    couple = a_couple(vendor, now=now)
    journey = a_journey().condition("sure", "true").wait_for_date("before", "-30d").publish(vendor, now=now)
    instance = enter(journey, couple, now=now)
    run_until_idle(now)
    wedding = couple.weddings.get()
    moved_to = wedding.date + timedelta(days=40)

    wedding_move(wedding=wedding, date=moved_to, now=now, actor=ACTOR)

    place = Schedule.objects.get(instance=instance)
    assert ("before", moved_to - timedelta(days=30)) == (place.node_id, place.due_at.date())


def test_steps_of_one_passage_in_one_batch_read_what_each_of_them_needs(
    vendor: Vendor, now: datetime, settings: Any
) -> None:
    settings.QUEUE_BATCH_SIZE = 1
    couple = a_couple(vendor, now=now, tags=["seen"])
    steps = {
        "split": split_all("a", "b"),
        "by_tag": ("condition", {"if": "'seen' in client.tags"}),
        "by_guests": ("condition", {"if": "wedding.guest_count > 10"}),
        "join": merge("split"),
        "end": END,
    }
    edges = (
        *("start>split", "split.a>by_tag", "split.b>by_guests", "by_tag.yes>join", "by_tag.no>join"),
        *("by_guests.yes>join", "by_guests.no>join", "join>end"),
    )
    instance = enter(a_net(steps, *edges).publish(vendor, now=now), couple, now=now)

    run_until_idle(now)

    ports = {row[0]: row[5] for row in told(instance)}
    assert ("yes", "yes") == (ports["by_tag"], ports["by_guests"])
