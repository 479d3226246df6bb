"""Who may enter a journey, how often, and how many at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import close_old_connections, connection

from engine.models import Instance, TriggerEvent
from engine.services.instances import instance_cancel, instance_start
from engine.services.triggering import event_receive
from journeys.errors import Conflict, Invalid
from journeys.models import Client, Journey, Vendor
from journeys.services.journeys import journey_change_draft, journey_create, journey_publish
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import run_until_idle


def published(
    vendor: Vendor, now: datetime, *, entry: dict[str, Any] | None = None, **fields: Any
) -> Journey:
    definition = a_journey().wait("rest", for_="10d").definition()
    if entry is not None:
        definition["entry"] = entry
    journey = journey_create(
        vendor=vendor, name="A journey", definition=definition, now=now, actor=ACTOR, **fields
    )
    journey_publish(journey=journey, now=now, actor=ACTOR)
    return journey


def enter(journey: Journey, client: Client, now: datetime) -> Instance:
    return instance_start(
        vendor=journey.vendor, journey=journey, client=client, variables={}, now=now, actor=ACTOR
    )


def refusal(deed: Callable[[], object]) -> str:
    with pytest.raises(Conflict) as refused:
        deed()
    return refused.value.code


@pytest.mark.parametrize("rule", ["once", "when_finished", "after_days"])
def test_a_client_who_is_inside_does_not_enter_again(vendor, couple, now, rule):
    journey = published(vendor, now, re_entry=rule, re_entry_days=30 if rule == "after_days" else None)
    enter(journey, couple, now)

    assert "already_active" == refusal(lambda: enter(journey, couple, now))


@pytest.mark.parametrize(
    ("rule", "days", "later", "code"),
    [
        ("once", None, 1000, "already_entered"),
        ("when_finished", None, 0, None),
        ("after_days", 30, 29, "entered_recently"),
        ("after_days", 30, 30, None),
        ("always", None, 0, None),
    ],
)
@pytest.mark.parametrize("said_by", ["journey", "version"])
def test_a_client_whose_passage_has_ended_enters_as_the_rule_says(
    vendor, couple, now, rule, days, later, code, said_by
):
    if said_by == "journey":
        journey = published(vendor, now, re_entry=rule, re_entry_days=days)
    else:
        entry = {"re_entry": rule, **({"days": days} if days else {})}
        journey = published(vendor, now, entry=entry)
    instance_cancel(instance=enter(journey, couple, now - timedelta(days=1)), now=now, actor=ACTOR)
    again = now + timedelta(days=later)

    if code is None:
        assert Instance.Status.ACTIVE == enter(journey, couple, again).status
    else:
        assert code == refusal(lambda: enter(journey, couple, again))


def test_passages_side_by_side_run_each_for_itself(vendor, couple, now):
    journey = published(vendor, now, re_entry="always")

    first, second = enter(journey, couple, now), enter(journey, couple, now)
    run_until_idle(now)
    run_until_idle(now + timedelta(days=11))

    assert {Instance.Status.COMPLETED} == set(
        Instance.objects.filter(pk__in=[first.pk, second.pk]).values_list("status", flat=True)
    )


def test_a_rule_that_becomes_stricter_holds_for_those_inside_too(vendor, couple, now):
    journey = published(vendor, now, re_entry="always")
    enter(journey, couple, now)
    journey_change_draft(journey=journey, re_entry="once", expected_revision=1, now=now, actor=ACTOR)

    assert "already_active" == refusal(lambda: enter(journey, couple, now))


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"max_live": 2}, "limit_live"),
        ({"max_per_day": 2}, "limit_per_day"),
        ({"max_total": 2}, "limit_total"),
    ],
)
def test_a_full_journey_lets_nobody_in(vendor, now, entry, code):
    journey = published(vendor, now, entry=entry)
    first, second, third = (a_couple(vendor, now=now) for _ in range(3))
    enter(journey, first, now)
    inside = enter(journey, second, now)

    assert code == refusal(lambda: enter(journey, third, now))

    instance_cancel(instance=inside, now=now, actor=ACTOR)
    tomorrow = now + timedelta(days=1)
    if code == "limit_total":
        assert code == refusal(lambda: enter(journey, third, tomorrow))
    else:
        assert enter(journey, third, tomorrow)


def test_a_day_begins_where_the_vendor_is(db):
    vendor = a_vendor(now=datetime(2027, 4, 14, tzinfo=UTC), time_zone="Asia/Tokyo")
    before_midnight = datetime(2027, 4, 14, 14, 59, tzinfo=UTC)
    journey = published(vendor, before_midnight, entry={"max_per_day": 1})
    first, second = (a_couple(vendor, now=before_midnight) for _ in range(2))
    enter(journey, first, before_midnight)

    assert "limit_per_day" == refusal(lambda: enter(journey, second, before_midnight))
    assert enter(journey, second, before_midnight + timedelta(minutes=1))


def test_a_refused_entry_is_written_into_the_event(vendor, now):
    definition = a_journey().trigger("form_submitted").wait("rest", for_="10d").definition()
    definition["entry"] = {"max_total": 1}
    journey = journey_create(vendor=vendor, name="A", definition=definition, now=now, actor=ACTOR)
    journey_publish(journey=journey, now=now, actor=ACTOR)
    events = [
        event_receive(
            vendor=vendor,
            type="form_submitted",
            event_id=f"form-{number}",
            client=a_couple(vendor, now=now),
            topic="inquiry",
            payload={},
            now=now,
            actor=ACTOR,
        )
        for number in range(2)
    ]

    assert [["started"], ["limit_total"]] == [
        [one["outcome"] for one in event.outcomes]
        for event in TriggerEvent.objects.filter(pk__in=[event.pk for event in events]).order_by("pk")
    ]


@pytest.mark.parametrize(("rule", "days"), [("after_days", None), ("after_days", 0), ("once", 3)])
def test_days_belong_to_their_rule(vendor, now, rule, days):
    with pytest.raises(Invalid) as refused:
        journey_create(vendor=vendor, name="A", re_entry=rule, re_entry_days=days, now=now, actor=ACTOR)

    assert "bad_re_entry" == refused.value.code


def at_once(deeds: list[Callable[[], object]]) -> list[object]:
    """Do all of them at the same moment, each on a connection of its own; give results or refusals."""
    barrier = threading.Barrier(len(deeds))
    answers: list[object] = [None] * len(deeds)

    def work(number: int) -> None:
        close_old_connections()
        barrier.wait()
        try:
            answers[number] = deeds[number]()
        except Conflict as refused:
            answers[number] = refused.code
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(deeds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


@pytest.mark.django_db(transaction=True)
def test_a_limit_holds_when_many_enter_at_once(now):
    vendor = a_vendor(now=now)
    journey = published(vendor, now, entry={"max_live": 3})
    couples = [a_couple(vendor, now=now) for _ in range(8)]

    answers = at_once([lambda couple=couple: enter(journey, couple, now) for couple in couples])

    assert 3 == Instance.objects.filter(journey=journey).count()
    assert 5 == answers.count("limit_live")


@pytest.mark.django_db(transaction=True)
def test_one_client_enters_once_when_many_events_arrive_at_once(now):
    vendor = a_vendor(now=now)
    journey = published(vendor, now)
    couple = a_couple(vendor, now=now)

    answers = at_once([lambda: enter(journey, couple, now)] * 6)

    assert 1 == Instance.objects.filter(journey=journey).count()
    assert 5 == answers.count("already_active")


@pytest.mark.django_db(transaction=True)
def test_nobody_enters_a_version_that_a_publishing_has_just_replaced(now):
    vendor = a_vendor(now=now)
    journey = published(vendor, now, entry={"re_entry": "always"})
    definition = a_journey().wait("rest", for_="20d").definition()
    journey_change_draft(journey=journey, definition=definition, expected_revision=1, now=now, actor=ACTOR)
    couples = [a_couple(vendor, now=now) for _ in range(5)]
    stale = Journey.objects.select_related("current_version", "vendor").get(pk=journey.pk)

    at_once(
        [
            lambda: journey_publish(journey=Journey.objects.get(pk=journey.pk), now=now, actor=ACTOR),
            *[lambda couple=couple: enter(stale, couple, now) for couple in couples],
        ]
    )

    late = enter(stale, a_couple(vendor, now=now), now)
    assert 2 == late.version.number
    assert {1, 2} >= set(Instance.objects.values_list("version__number", flat=True))
