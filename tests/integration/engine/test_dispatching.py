"""What was just placed is rung for by one statement, as the dispatcher's look would have done it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import connection, transaction

from engine import bells as bells_of
from engine.models import Instance, NodeExecution, QueueControl, Schedule
from engine.services import dispatch, runner
from engine.services.priorities import QUEUES, band_for, queue_span
from journeys.models import Journey, Vendor
from tests.builders import a_couple, a_journey
from tests.drive import bells, enter
from tests.racing import together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
State = Schedule.State
#: Right before, at and right behind every border between two queues, and beyond all of them.
DISTANCES = sorted(
    {
        border + step
        for queue in QUEUES
        for border in queue_span(queue)
        for step in (-TICK, timedelta(), TICK)
        if border < timedelta(days=36_500)
    }
)


@pytest.fixture
def journey(vendor: Vendor, now: datetime) -> Journey:
    return a_journey().condition("sure", "true").publish(vendor, now=now)


def placed(journey: Journey, *, now: datetime, number: int = 1, **fields: Any) -> list[int]:
    """Let couples in of whom nobody has been rung for yet."""
    instances = [enter(journey, a_couple(journey.vendor, now=now), now=now) for _ in range(number)]
    rows = Schedule.objects.filter(instance__in=instances)
    rows.update(**{"state": State.WAITING, "queue": "", "fence": 0, "lease_until": None, **fields})
    return list(rows.order_by("id").values_list("id", flat=True))


def queues() -> dict[int, str]:
    return dict(Schedule.objects.filter(state=State.QUEUED).values_list("id", "queue"))


def test_it_goes_into_the_queue_of_its_wedding(journey: Journey, now: datetime) -> None:
    ids = placed(journey, now=now, number=len(DISTANCES) + 1)
    wanted: dict[int, str] = {}
    for schedule_id, distance in zip(ids, [*DISTANCES, None], strict=True):
        wedding_at = None if distance is None else now + distance
        Schedule.objects.filter(id=schedule_id).update(wedding_at=wedding_at)
        wanted[schedule_id] = band_for(wedding_at=wedding_at, now=now).queue

    assert len(ids) == dispatch.dispatch(now=now, only=ids)

    assert wanted == queues()
    Schedule.objects.update(state=State.WAITING)
    assert len(ids) == dispatch.dispatch(now=now)
    assert wanted == queues(), "the look over all says the same"


def test_each_queue_takes_what_it_has_room_for_and_the_oldest_first(
    journey: Journey, now: datetime, settings: Any
) -> None:
    settings.QUEUE_DEPTH_PER_SLOT, settings.QUEUE_MAX_CONCURRENCY, settings.QUEUE_BATCH_SIZE = 1, 1, 3
    far, near = now + 100 * DAY, now + DAY / 2
    placed(journey, now=now, wedding_at=far, state=State.QUEUED, queue="low", lease_until=now)
    late, early, middle = placed(journey, now=now, number=3, wedding_at=far)
    urgent = placed(journey, now=now, number=2, wedding_at=near)
    for minutes, schedule_id in enumerate((early, middle, late)):
        Schedule.objects.filter(id=schedule_id).update(due_at=now - timedelta(hours=1, minutes=-minutes))

    assert 4 == dispatch.dispatch(now=now, only=[late, early, middle, *urgent])

    assert {early: "low", middle: "low", **dict.fromkeys(urgent, "critical")} == {
        key: queue for key, queue in queues().items() if key in {late, early, middle, *urgent}
    }
    assert State.WAITING == Schedule.objects.get(id=late).state


@pytest.mark.parametrize("only", [True, False], ids=["of these", "of all"])
def test_a_queue_holds_so_many_tasks_whatever_travels_in_them(
    journey: Journey, now: datetime, settings: Any, *, only: bool
) -> None:
    """Steps that reach outside travel alone, and so do those that may kill their worker."""
    settings.QUEUE_DEPTH_PER_SLOT, settings.QUEUE_MAX_CONCURRENCY, settings.QUEUE_BATCH_SIZE = 2, 2, 10
    ids = placed(journey, now=now, number=60)
    Schedule.objects.filter(id__in=ids[:10]).update(outside=True)
    Schedule.objects.filter(id__in=ids[10:12]).update(claims=1)

    def ring() -> list[list[bells_of.Place]]:
        rung: list[bells_of.Place] = []
        with mock.patch.object(dispatch, "ring_on_commit", rung.extend):
            dispatch.dispatch(now=now, only=ids if only else None)
        return bells_of.batches(rung)

    tasks = ring()
    alone = [[place.schedule_id for place in task] for task in tasks if task[0].outside]
    together = [[place.schedule_id for place in task] for task in tasks if not task[0].outside]
    assert [[key] for key in ids[:4]] == alone
    assert [ids[start : start + 10] for start in (12, 22, 32, 42)] == together
    assert [] == ring(), "no more before one of them is taken"

    Schedule.objects.filter(id__in=ids[:3]).delete()
    assert [True] * 3 == [task[0].outside for task in ring()]

    Schedule.objects.filter(id__in=ids[:11]).delete()
    Schedule.objects.filter(id__in=ids[12:22]).delete()
    assert [1, 8] == sorted(len(task) for task in ring())
    assert [] == ring()


@pytest.mark.parametrize("only", [True, False], ids=["of these", "of all"])
@pytest.mark.parametrize("flood", [True, False], ids=["outside", "instant"])
def test_a_flood_of_one_family_takes_no_room_from_the_other(
    journey: Journey, now: datetime, settings: Any, *, flood: bool, only: bool
) -> None:
    """However long they have been due."""
    settings.QUEUE_DEPTH_PER_SLOT, settings.QUEUE_MAX_CONCURRENCY, settings.QUEUE_BATCH_SIZE = 2, 2, 1
    ids = placed(journey, now=now, number=12)
    Schedule.objects.filter(id__in=ids[:10]).update(outside=flood, due_at=now - DAY)
    Schedule.objects.filter(id__in=ids[10:]).update(outside=not flood, due_at=now)

    assert 4 + 2 == dispatch.dispatch(now=now, only=ids if only else None)

    assert set(ids[10:]) <= set(queues())


@pytest.mark.parametrize(
    ("flood", "room", "index"),
    [
        ("instant", {"room": 0, "room_alone": 10}, "schedule_due_alone"),
        ("outside", {"room": 10, "room_alone": 0}, "schedule_due_steps"),
    ],
)
def test_a_look_for_one_family_does_not_pass_by_what_is_due_of_the_other(
    journey: Journey, now: datetime, flood: str, room: dict[str, int], index: str
) -> None:
    """Each has an index of its own, which holds nothing else."""
    (known,) = placed(journey, now=now)
    row = Schedule.objects.get(id=known)
    rows = (
        Schedule(
            vendor_id=row.vendor_id,
            instance_id=row.instance_id,
            node_id="sure",
            branch=f"b{nth}",
            due_at=now - DAY,
            placed_at=now,
            outside=(flood == "outside") != (nth % 500 == 0),
        )
        for nth in range(4000)
    )
    Schedule.objects.bulk_create(rows, batch_size=1000)
    asked = {"now": now, "after": now - DAY, "until": now, "queue": "low", "bell_lease": 3, **room}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE engine_schedule")
        cursor.execute(f"EXPLAIN {dispatch._TAKE_REST}", asked)
        plan = "\n".join(line[0] for line in cursor.fetchall())

    assert index in plan


@pytest.mark.parametrize("hindrance", ["stopped", "paused", "not due", "taken", "gone"])
def test_nothing_else_is_rung_for(journey: Journey, now: datetime, hindrance: str) -> None:
    ids = placed(journey, now=now)
    if hindrance == "stopped":
        QueueControl.objects.update_or_create(id=1, defaults={"running": False})
    elif hindrance == "paused":
        Instance.objects.update(status=Instance.Status.PAUSED)
    elif hindrance == "not due":
        Schedule.objects.update(due_at=now + TICK)
    elif hindrance == "taken":
        Schedule.objects.update(state=State.RUNNING, lease_until=now)
    else:
        Schedule.objects.all().delete()
    before = list(Schedule.objects.values_list("state", "fence"))

    assert 0 == dispatch.dispatch(now=now, only=ids)

    assert before == list(Schedule.objects.values_list("state", "fence"))


def test_two_at_once_ring_once_for_each(journey: Journey, now: datetime) -> None:
    ids = placed(journey, now=now, number=6)

    rung = together(*[lambda: dispatch.dispatch(now=now, only=ids)] * 3, lambda: dispatch.dispatch(now=now))

    assert len(ids) == sum(rung)
    assert {1} == set(Schedule.objects.values_list("fence", flat=True))


def test_nobody_is_waited_for(journey: Journey, now: datetime) -> None:
    held, free = placed(journey, now=now, number=2)
    with transaction.atomic():
        Schedule.objects.select_for_update().get(id=held)

        assert [1] == together(lambda: dispatch.dispatch(now=now, only=[held, free]))

    assert {free: "low"} == queues()


@pytest.mark.parametrize("only", [True, False], ids=["of these", "of all"])
def test_its_commit_does_not_wait_for_the_disk_and_others_do(
    journey: Journey, now: datetime, monkeypatch: pytest.MonkeyPatch, *, only: bool
) -> None:
    seen: list[str] = []

    def setting(_places: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            seen.append(cursor.fetchone()[0])

    ids = placed(journey, now=now)
    monkeypatch.setattr(dispatch, "ring_on_commit", setting)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = on")

        assert 1 == dispatch.dispatch(now=now, only=ids if only else None)

    assert ["on"] == seen, "inside somebody's transaction the setting is theirs"
    if not only:
        Schedule.objects.update(state=State.WAITING)
        assert 1 == dispatch.dispatch(now=now)
        assert ["on", "off"] == seen


def test_the_statement_of_these_turns_it_off_for_itself(journey: Journey, now: datetime) -> None:
    ids = placed(journey, now=now)
    asked = {"only": ids, "now": now, "capacity": 9, "capacity_alone": 3, "bell_lease": 3, "own": True}
    for queue in QUEUES[:-1]:
        after, until = queue_span(queue)
        asked |= {f"after_{queue}": now + after, f"until_{queue}": now + until}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = on")
        cursor.execute(dispatch._TAKE_THESE, asked)
        assert 1 == len(cursor.fetchall())
        cursor.execute("SHOW synchronous_commit")
        assert "off" == cursor.fetchone()[0]


def test_a_ringing_that_a_crash_takes_back_is_repeated_and_carried_out_once(
    journey: Journey, now: datetime
) -> None:
    ids = placed(journey, now=now)
    dispatch.dispatch(now=now, only=ids)
    first = bells()
    # As after a crash of PostgreSQL that has lost the ringing but not the bell.
    Schedule.objects.update(state=State.WAITING, queue="", fence=0, lease_until=None)
    assert 0 == runner.run(places=first, now=now), "the bell alone says nothing"

    dispatch.dispatch(now=now)

    assert first == bells(), "both bells say the same"
    assert 3 == runner.run(places=first, now=now)
    assert 0 == runner.run(places=first, now=now)
    assert {1} == set(NodeExecution.objects.values_list("visit", flat=True))
    assert 3 == NodeExecution.objects.count()
