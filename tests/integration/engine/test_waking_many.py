"""Many clients woken together: in one transaction, and one by one where that breaks."""

from __future__ import annotations

import contextlib
from collections import Counter
from datetime import datetime
from typing import Any
from unittest import mock

import pytest
from django.db import transaction

from engine.models import Instance, Schedule, Wake
from engine.services import ending, waking
from engine.services.instances import instance_cancel
from engine.services.sub_journeys import waiting_steps
from engine.services.waking import wake_all
from journeys.language.errors import DefinitionInvalid
from journeys.models import Client, Vendor
from journeys.services.clients import tags_add
from tests.builders import ACTOR, a_couple, a_journey
from tests.dead_letters import broken
from tests.drive import enter, run_until_idle
from tests.racing import WAIT_SECONDS, Threads, blocked_or_done, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]

COUPLES = 5


@pytest.fixture
def waiting(vendor: Vendor, now: datetime) -> list[Instance]:
    """Passages of several clients, each of which waits for a tag."""
    journey = a_journey().step("vip", "wait_until", **{"if": "'vip' in client.tags"}).publish(vendor, now=now)
    passages = [enter(journey, a_couple(vendor, now=now), now=now) for _ in range(COUPLES)]
    run_until_idle(now)
    return passages


def tag_all(passages: list[Instance], *, now: datetime) -> None:
    tags_add(clients=[(one.client, ACTOR) for one in passages], name="vip", now=now)


def statuses(passages: list[Instance]) -> Counter[str]:
    rows = Instance.objects.filter(id__in=[one.id for one in passages])
    return Counter(rows.values_list("status", flat=True))


def test_all_are_woken_in_one_transaction(waiting: list[Instance], now: datetime) -> None:
    with mock.patch.object(waking, "_wake_client", side_effect=AssertionError("one by one")):
        tag_all(waiting, now=now)
    assert not Wake.objects.exists()

    run_until_idle(now)

    assert {"completed": COUPLES} == statuses(waiting)


def test_one_that_breaks_is_put_off_and_holds_up_no_other(waiting: list[Instance], now: datetime) -> None:
    whole, odd = waking._wake_clients, waiting[2].client_id

    def half(clients: Any, *, now: datetime) -> int:
        return broken() if odd in clients else whole(clients, now=now)

    with mock.patch.object(waking, "_wake_clients", half):
        tag_all(waiting, now=now)

    assert [(odd, 1)] == list(Wake.objects.values_list("client_id", "broke"))
    run_until_idle(now)
    assert {"completed": COUPLES - 1, "active": 1} == statuses(waiting)


def test_a_rule_that_breaks_for_one_is_followed_for_the_others(
    waiting: list[Instance], now: datetime
) -> None:
    follow, odd, followed = ending.end_where_rules_hold, waiting[1].id, []

    def half(*, instance_ids: Any, now: datetime) -> list[int]:
        if odd in instance_ids:
            broken()
        followed.extend(instance_ids)
        return follow(instance_ids=instance_ids, now=now)

    with mock.patch.object(ending, "end_where_rules_hold", half):
        tag_all(waiting, now=now)

    assert {one.id for one in waiting} - {odd} == set(followed)
    assert not Wake.objects.exists(), "its steps are woken all the same"
    run_until_idle(now)
    assert {"completed": COUPLES} == statuses(waiting)


def test_what_was_rolled_back_wakes_nobody(waiting: list[Instance], now: datetime) -> None:
    with transaction.atomic():
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            wake_all(client_ids=[waiting[0].client_id], topics=["client"], now=now)
            broken()
        wake_all(client_ids=[waiting[1].client_id], topics=["client"], now=now)

    assert not Wake.objects.exists()
    fences = dict(Schedule.objects.values_list("instance_id", "fence"))
    assert fences[waiting[0].id] < fences[waiting[1].id]


def test_two_who_tell_of_the_same_clients_at_once_lose_nobody(waiting: list[Instance], now: datetime) -> None:
    with mock.patch.object(waking, "process", return_value=0):
        tag_all(waiting, now=now)
        wake_all(client_ids=[one.client_id for one in reversed(waiting)], topics=["client"], now=now)

    together(*[lambda: waking.process(now=now)] * 4)

    assert not Wake.objects.exists()
    run_until_idle(now)
    assert {"completed": COUPLES} == statuses(waiting)


def test_a_step_that_begins_to_wait_at_this_moment_is_waited_for_and_seen(
    vendor: Vendor, threads: Threads, now: datetime
) -> None:
    """The passages are locked before anybody looks where they stand."""
    journey = a_journey().step("vip", "wait_until", **{"if": "'vip' in client.tags"}).publish(vendor, now=now)
    couple: Client = a_couple(vendor, now=now)
    instance = enter(journey, couple, now=now)
    Wake.objects.create(client_id=couple.id, topics=["client"])
    with transaction.atomic():
        Instance.objects.select_for_update().get(id=instance.id)
        telling = threads.begin(lambda: waking.process(now=now))
        blocked_or_done(telling)
        Schedule.objects.filter(instance=instance).update(
            node_id="vip",
            awaits=["client"],
            waiting={"since": now.isoformat(), "timeout": None},
            state="parked",
        )
    telling.result(WAIT_SECONDS)

    assert Schedule.State.PARKED != Schedule.objects.get(instance=instance).state


def test_a_passage_whose_version_can_not_be_read_is_cancelled_all_the_same(
    waiting: list[Instance], now: datetime
) -> None:
    waiting_steps.cache_clear()
    unreadable = DefinitionInvalid([])
    with mock.patch("engine.services.sub_journeys.graph_of", side_effect=unreadable):
        instance_cancel(instance=waiting[0], now=now, actor=ACTOR)

    waiting[0].refresh_from_db()
    assert Instance.Status.CANCELLED == waiting[0].status
