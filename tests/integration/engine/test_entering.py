"""Who may enter a journey, how often, and how many at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from engine.models import Instance, TriggerEvent
from engine.services.instances import instance_cancel
from engine.services.triggering import event_receive
from journeys.errors import Conflict, Invalid
from journeys.models import Journey
from journeys.services.journeys import journey_change_draft, journey_create, journey_publish
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import enter, run_until_idle
from tests.enrollments import published
from tests.racing import WAIT_SECONDS, blocked_or_done, together


def refusal(deed: Callable[[], object]) -> str:
    with pytest.raises(Conflict) as refused:
        deed()
    return refused.value.code


@pytest.mark.parametrize("rule", ["once", "when_finished", "after_days"])
def test_a_client_who_is_inside_does_not_enter_again(vendor, couple, now, rule):
    journey = published(vendor, now, re_entry=rule, re_entry_days=30 if rule == "after_days" else None)
    enter(journey, couple, now=now)

    assert "already_active" == refusal(lambda: enter(journey, couple, now=now))


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
    instance_cancel(instance=enter(journey, couple, now=now - timedelta(days=1)), now=now, actor=ACTOR)
    again = now + timedelta(days=later)

    if code is None:
        assert Instance.Status.ACTIVE == enter(journey, couple, now=again).status
    else:
        assert code == refusal(lambda: enter(journey, couple, now=again))


def test_passages_side_by_side_run_each_for_itself(vendor, couple, now):
    journey = published(vendor, now, re_entry="always")

    first, second = enter(journey, couple, now=now), enter(journey, couple, now=now)
    run_until_idle(now)
    run_until_idle(now + timedelta(days=11))

    assert {Instance.Status.COMPLETED} == set(
        Instance.objects.filter(pk__in=[first.pk, second.pk]).values_list("status", flat=True)
    )


def test_a_rule_that_becomes_stricter_holds_for_those_inside_too(vendor, couple, now):
    journey = published(vendor, now, re_entry="always")
    enter(journey, couple, now=now)
    journey_change_draft(journey=journey, re_entry="once", expected_revision=1, now=now, actor=ACTOR)

    assert "already_active" == refusal(lambda: enter(journey, couple, now=now))


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
    enter(journey, first, now=now)
    inside = enter(journey, second, now=now)

    assert code == refusal(lambda: enter(journey, third, now=now))

    instance_cancel(instance=inside, now=now, actor=ACTOR)
    tomorrow = now + timedelta(days=1)
    if code == "limit_total":
        assert code == refusal(lambda: enter(journey, third, now=tomorrow))
    else:
        assert enter(journey, third, now=tomorrow)


def test_a_day_begins_where_the_vendor_is(db):
    vendor = a_vendor(now=datetime(2027, 4, 14, tzinfo=UTC), time_zone="Asia/Tokyo")
    before_midnight = datetime(2027, 4, 14, 14, 59, tzinfo=UTC)
    journey = published(vendor, before_midnight, entry={"max_per_day": 1})
    first, second = (a_couple(vendor, now=before_midnight) for _ in range(2))
    enter(journey, first, now=before_midnight)

    assert "limit_per_day" == refusal(lambda: enter(journey, second, now=before_midnight))
    assert enter(journey, second, now=before_midnight + timedelta(minutes=1))


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


@pytest.mark.django_db(transaction=True)
def test_a_limit_holds_when_many_enter_at_once(now):
    vendor = a_vendor(now=now)
    journey = published(vendor, now, entry={"max_live": 3})
    couples = [a_couple(vendor, now=now) for _ in range(8)]

    answers = together(
        *[lambda couple=couple: enter(journey, couple, now=now) for couple in couples], refusals=Conflict
    )

    assert 3 == Instance.objects.filter(journey=journey).count()
    assert ["limit_live"] * 5 == [one.code for one in answers if isinstance(one, Conflict)]


@pytest.mark.django_db(transaction=True)
def test_one_client_enters_once_when_many_events_arrive_at_once(now):
    vendor = a_vendor(now=now)
    journey = published(vendor, now)
    couple = a_couple(vendor, now=now)

    answers = together(*[lambda: enter(journey, couple, now=now)] * 6, refusals=Conflict)

    assert 1 == Instance.objects.filter(journey=journey).count()
    assert ["already_active"] * 5 == [one.code for one in answers if isinstance(one, Conflict)]


@pytest.mark.django_db(transaction=True)
def test_nobody_enters_a_version_that_a_publishing_has_just_replaced(now):
    vendor = a_vendor(now=now)
    journey = published(vendor, now, entry={"re_entry": "always"})
    definition = a_journey().wait("rest", for_="20d").definition()
    journey_change_draft(journey=journey, definition=definition, expected_revision=1, now=now, actor=ACTOR)
    couples = [a_couple(vendor, now=now) for _ in range(5)]
    stale = Journey.objects.select_related("current_version", "vendor").get(pk=journey.pk)

    together(
        lambda: journey_publish(journey=Journey.objects.get(pk=journey.pk), now=now, actor=ACTOR),
        *[lambda couple=couple: enter(stale, couple, now=now) for couple in couples],
    )

    late = enter(stale, a_couple(vendor, now=now), now=now)
    assert 2 == late.version.number
    numbers = list(Instance.objects.order_by("id").values_list("version__number", flat=True))
    assert sorted(numbers) == numbers


@pytest.mark.django_db(transaction=True)
def test_an_entry_waits_for_a_publishing_that_is_under_way(now, threads):
    vendor = a_vendor(now=now)
    journey = published(vendor, now)
    definition = a_journey().wait("rest", for_="20d").definition()
    journey_change_draft(journey=journey, definition=definition, expected_revision=1, now=now, actor=ACTOR)
    couple = a_couple(vendor, now=now)

    with transaction.atomic():
        journey_publish(journey=Journey.objects.get(pk=journey.pk), now=now, actor=ACTOR)
        entry = threads.begin(lambda: enter(journey, couple, now=now))
        blocked_or_done(entry)

    assert 2 == entry.result(WAIT_SECONDS).version.number
