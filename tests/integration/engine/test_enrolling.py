"""Many clients enter a journey by one request: who, how fast, and what a death in between leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.models import Instance, LatePlan
from engine.services.enrolling import carrying_out
from engine.services.enrolling.carrying_out import carry_on, carry_on_all
from engine.services.enrolling.requests import (
    Who,
    enrollment_cancel,
    enrollment_pause,
    enrollment_resume,
)
from engine.services.instances import instance_cancel
from journeys.errors import Conflict, Invalid
from journeys.models import AuditRecord
from journeys.services.clients import tag_add
from journeys.services.journeys import journey_archive, journey_create, journey_publish
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import enter, run_until_idle
from tests.enrollments import ask, counts, enroll, inside, published

EVERYBODY = Who(everybody=True)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying_out, "CHUNK", 3)


def test_everybody_enters_and_the_request_says_so(vendor, now, small_chunks):
    couples = [a_couple(vendor, now=now) for _ in range(7)]
    a_couple(a_vendor(now=now, name="Somebody else"), now=now)
    journey = published(vendor, now)

    run = enroll(journey, now)

    assert {one.pk for one in couples} == inside(journey)
    assert ("finished", 7, 7, {}) == (run.state, run.examined, run.entered, run.refused)
    assert ["enrollment.begun", "enrollment.finished"] == list(
        AuditRecord.objects.filter(object_id=run.public_id).order_by("id").values_list("action", flat=True)
    )


def test_those_who_entered_go_their_way(vendor, now):
    a_couple(vendor, now=now)
    journey = published(vendor, now)
    enroll(journey, now)

    run_until_idle(now)
    run_until_idle(now + timedelta(days=11))

    assert "completed" == Instance.objects.get(journey=journey).status


def test_only_those_who_are_meant_enter(vendor, now):
    tagged, lead, married, other = (
        a_couple(vendor, now=now),
        a_couple(vendor, now=now, status="lead"),
        a_couple(vendor, now=now, wedding_in=timedelta(days=-30)),
        a_couple(vendor, now=now),
    )
    tag_add(client=tagged, name="vip", now=now, actor=ACTOR)

    def who_enters(who: Who) -> set[int]:
        journey = published(vendor, now)
        enroll(journey, now, who)
        return inside(journey)

    assert {tagged.pk} == who_enters(Who(tag="vip"))
    assert {lead.pk} == who_enters(Who(status="lead"))
    assert {married.pk} == who_enters(Who(condition="wedding.days_to < 0"))
    assert {other.pk} == who_enters(Who(clients=(other.public_id,)))
    assert set() == who_enters(Who(tag="vip", status="lead"))


def test_clients_who_come_later_are_not_meant(vendor, now):
    a_couple(vendor, now=now)
    journey = published(vendor, now)
    run = ask(journey, now)
    late = a_couple(vendor, now=now)

    carry_on(enrollment=run, now=now)

    assert late.pk not in inside(journey)


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (Who(), "nobody_named"),
        (Who(everybody=True, tag="vip"), "nobody_named"),
        (Who(clients=("cli_nobody",)), "unknown_client"),
        (Who(clients=tuple(f"cli_{number}" for number in range(10_001))), "too_many"),
        (Who(condition="client.status =="), "bad_condition"),
        (Who(condition="steps.hello.done"), "bad_condition"),
    ],
)
def test_a_request_that_names_nobody_or_cannot_be_read_is_refused(vendor, now, who, code):
    journey = published(vendor, now)

    with pytest.raises(Invalid) as refused:
        ask(journey, now, who)

    assert code == refused.value.code


def test_another_vendors_client_is_not_known(vendor, now):
    stranger = a_couple(a_vendor(now=now, name="Somebody else"), now=now)

    with pytest.raises(Invalid, match=stranger.public_id):
        ask(published(vendor, now), now, Who(clients=(stranger.public_id,)))


def test_a_journey_that_is_not_published_lets_nobody_in(vendor, now):
    draft = journey_create(vendor=vendor, name="A", definition=a_journey().definition(), now=now, actor=ACTOR)

    with pytest.raises(Conflict) as refused:
        ask(draft, now)

    assert "not_published" == refused.value.code


def test_a_missing_variable_is_named_before_anybody_enters(vendor, now):
    journey = a_journey().variable("album").wait("rest", for_="1d").publish(vendor, now=now)

    with pytest.raises(Invalid) as refused:
        ask(journey, now)

    assert "missing_variable" == refused.value.code


def test_a_journey_archived_in_between_lets_nobody_else_in(vendor, now, small_chunks):
    for _ in range(5):
        a_couple(vendor, now=now)
    journey = published(vendor, now)
    run = ask(journey, now)
    carry_on(enrollment=run, now=now, chunks=1)
    journey_archive(journey=journey, now=now, actor=ACTOR)

    carry_on(enrollment=run, now=now)

    assert (3, {"not_published": 2}) == (run.entered, counts(run))


def test_a_count_says_who_would_enter_and_why_the_others_not(vendor, now, small_chunks):
    couples = [a_couple(vendor, now=now) for _ in range(6)]
    lead = a_couple(vendor, now=now, status="lead")
    journey = published(vendor, now, entry={"max_live": 4})
    enter(journey, couples[0], now=now)

    condition = Who(condition="client.status == 'booked'")
    counted = enroll(journey, now, condition, dry_run=True)

    assert {couples[0].pk} == inside(journey)
    assert (3, {"already_active": 1, "filtered": 1, "limit_live": 2}) == (counted.entered, counts(counted))
    assert [lead.public_id] == counted.refused["filtered"]["examples"]

    real = enroll(journey, now, condition)
    assert (counted.entered, counted.refused) == (real.entered, real.refused)


def test_a_second_request_finds_everybody_inside(vendor, now):
    for _ in range(3):
        a_couple(vendor, now=now)
    journey = published(vendor, now)
    enroll(journey, now)

    again = enroll(journey, now)

    assert (0, {"already_active": 3}) == (again.entered, counts(again))
    assert 3 == Instance.objects.filter(journey=journey).count()


def test_so_many_an_hour_enter_evenly(vendor, now):
    for _ in range(5):
        a_couple(vendor, now=now)
    journey = published(vendor, now)
    run = ask(journey, now, per_hour=2)

    entered = []
    for minutes in (0, 29, 30, 59, 60, 91, 600):
        carry_on(enrollment=run, now=now + timedelta(minutes=minutes))
        entered.append(run.entered)

    assert [0, 0, 1, 1, 2, 3, 5] == entered
    assert "finished" == run.state


def test_a_pause_does_not_save_up_places(vendor, now):
    for _ in range(9):
        a_couple(vendor, now=now)
    run = ask(published(vendor, now), now, per_hour=2)
    carry_on(enrollment=run, now=now + timedelta(hours=1))
    enrollment_pause(enrollment=run, now=now + timedelta(hours=1), actor=ACTOR)
    assert 0 == carry_on_all(now=now + timedelta(hours=3), seconds=5)

    enrollment_resume(enrollment=run, now=now + timedelta(hours=5), actor=ACTOR)
    carry_on(enrollment=run, now=now + timedelta(hours=6))

    assert 4 == run.entered


def test_a_cancelled_request_leaves_those_inside_and_lets_nobody_else_in(vendor, now, small_chunks):
    for _ in range(5):
        a_couple(vendor, now=now)
    journey = published(vendor, now)
    run = ask(journey, now)
    carry_on(enrollment=run, now=now, chunks=1)

    enrollment_cancel(enrollment=run, now=now, actor=ACTOR)
    enrollment_cancel(enrollment=run, now=now, actor=ACTOR)
    carry_on(enrollment=run, now=now)

    assert ("cancelled", 3) == (run.state, len(inside(journey)))
    with pytest.raises(Conflict) as refused:
        enrollment_resume(enrollment=run, now=now, actor=ACTOR)
    assert "ended" == refused.value.code


def test_who_begins_late_is_held_where_the_journey_asks(vendor, now):
    builder = a_journey().email("early", when={"kind": "anchor", "anchor": "wedding", "offset": "-60d"})
    definition = builder.definition() | {"late_start": {"show_plan": True}}
    journey = journey_create(vendor=vendor, name="A", definition=definition, now=now, actor=ACTOR)
    journey_publish(journey=journey, now=now, actor=ACTOR)
    near, far = a_couple(vendor, now=now, wedding_in=timedelta(days=10)), a_couple(vendor, now=now)

    enroll(journey, now)

    assert [near.pk] == list(LatePlan.objects.values_list("instance__client_id", flat=True))
    assert {near.pk: "paused", far.pk: "active"} == dict(Instance.objects.values_list("client_id", "status"))


def test_a_client_without_a_wedding_enters_too(vendor, now):
    couple = a_couple(vendor, now=now)
    couple.weddings.all().delete()
    journey = published(vendor, now)

    enroll(journey, now)

    instance = Instance.objects.get(journey=journey)
    assert (couple.pk, None) == (instance.client_id, instance.wedding_id)


def test_who_was_inside_and_ended_enters_as_the_rule_says(vendor, now):
    couple = a_couple(vendor, now=now)
    again, once = published(vendor, now, re_entry="when_finished"), published(vendor, now)
    for journey in (again, once):
        instance = enter(journey, couple, now=now)
        instance_cancel(instance=instance, now=now, actor=ACTOR)

    assert [1, 0] == [enroll(journey, now).entered for journey in (again, once)]
