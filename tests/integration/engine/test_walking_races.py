"""Walks beside one another, and beside people: real threads, real connections."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from engine.models import Instance, NodeExecution, Schedule
from engine.services import instances, recovery, runner, writing
from engine.services.instances import instance_cancel, instance_pause
from engine.services.replaying import differences
from journeys.models import AuditRecord, Client, Vendor
from journeys.services.weddings import wedding_move
from tests.builders import ACTOR, JourneyBuilder, a_couple, a_journey
from tests.drive import bells, enter, run_until_idle
from tests.racing import Gate, Threads, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]

COUPLES = 8


@pytest.fixture
def couples(vendor: Vendor, now: datetime) -> list[Client]:
    return [a_couple(vendor, now=now) for _ in range(COUPLES)]


def marking(name: str) -> JourneyBuilder:
    """Changes before and after a look at them."""
    return (
        a_journey()
        .action("mark", {"kind": "add_tag", "tag": name})
        .condition("marked", f"'{name}' in client.tags")
        .action("count", {"kind": "increment", "name": "letters", "by": 1})
        .condition("on", "true")
    )


def enter_all(
    journey: JourneyBuilder, couples: list[Client], vendor: Vendor, name: str, *, now: datetime
) -> list[Instance]:
    published = journey.publish(vendor, now=now, name=name)
    return [enter(published, one, now=now) for one in couples]


def is_once(passages: list[Instance]) -> bool:
    rows = NodeExecution.objects.filter(instance__in=passages, status__in=NodeExecution.COMPLETED)
    places = Counter(rows.values_list("instance_id", "node_id", "branch", "visit"))
    return set(places.values()) == {1} and differences(passages) == {}


def test_batches_that_change_the_same_clients_come_through(
    vendor: Vendor, couples: list[Client], now: datetime
) -> None:
    passages = enter_all(marking("one"), couples, vendor, "One", now=now)
    first = bells()
    passages += enter_all(marking("two"), list(reversed(couples)), vendor, "Two", now=now)
    second = [place for place in bells() if place not in first]

    together(lambda: runner.run(places=first, now=now), lambda: runner.run(places=second, now=now))

    run_until_idle(now)
    assert {Instance.Status.COMPLETED} == set(Instance.objects.values_list("status", flat=True))
    assert is_once(passages)
    for one in couples:
        one.refresh_from_db()
        assert {"letters": 2} == one.fields
        assert {"one", "two"} == set(one.tags.values_list("name", flat=True))


def test_the_same_bell_at_four_workers_is_walked_once(
    vendor: Vendor, couples: list[Client], now: datetime
) -> None:
    passages = enter_all(marking("one"), couples, vendor, "One", now=now)
    places = bells()

    together(*[lambda: runner.run(places=places, now=now)] * 4)

    run_until_idle(now)
    assert is_once(passages)
    assert COUPLES == AuditRecord.objects.filter(action="client.tag_added").count()
    assert COUPLES == AuditRecord.objects.filter(action="instance.completed").count()


@pytest.mark.parametrize("deed", ["pause", "cancel"])
def test_a_person_who_comes_during_a_walk_waits_for_its_end(
    vendor: Vendor,
    couples: list[Client],
    threads: Threads,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    deed: str,
) -> None:
    journey = marking("one").wait("rest", for_="3d")
    instance, *_ = passages = enter_all(journey, couples, vendor, "One", now=now)
    places, gate = bells(), Gate()
    act = {"pause": instance_pause, "cancel": instance_cancel}[deed]
    with monkeypatch.context() as patch:
        patch.setattr(runner, "write", gate.after(writing.write))
        threads.overlap(
            gate,
            lambda: runner.run(places=places, now=now),
            lambda: act(instance=instance, now=now, actor=ACTOR),
        )

    run_until_idle(now)
    instance.refresh_from_db()
    standing = list(Schedule.objects.filter(instance=instance).values_list("node_id", flat=True))
    assert {"pause": ("paused", ["rest"]), "cancel": ("cancelled", [])}[deed] == (instance.status, standing)
    assert is_once(passages)
    assert instances.Status.ACTIVE == Instance.objects.get(id=passages[1].id).status


def test_a_wedding_that_moves_during_a_walk_moves_what_it_leads_to(
    vendor: Vendor,
    couples: list[Client],
    threads: Threads,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journey = a_journey().condition("sure", "true").wait_for_date("before", "-30d")
    instance, *_ = enter_all(journey, couples[:2], vendor, "One", now=now)
    wedding, places, gate = couples[0].weddings.get(), bells(), Gate()
    moved_to = wedding.date + timedelta(days=40)
    with monkeypatch.context() as patch:
        patch.setattr(runner, "write", gate.before(writing.write))
        threads.overlap(
            gate,
            lambda: runner.run(places=places, now=now),
            lambda: wedding_move(wedding=wedding, date=moved_to, now=now, actor=ACTOR),
        )

    recovery.sweep()
    place = Schedule.objects.get(instance=instance)
    assert ("before", moved_to - timedelta(days=30)) == (place.node_id, place.due_at.date())
