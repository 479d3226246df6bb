"""Journeys that start because something happened to the wedding's day."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.models import Instance, TriggerEvent
from engine.services import rescheduling
from journeys.services.weddings import anchor_set, wedding_cancel, wedding_move
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import run_until_idle


@pytest.fixture
def listening(vendor, now):
    """One journey for each way in which a date can be set, and for losing it."""
    for which in ("any", "first", "another"):
        a_journey().trigger("wedding_date_set", which=which).email("hello").publish(
            vendor, now=now, name=which
        )
    for event in ("wedding_postponed", "wedding_cancelled"):
        a_journey().trigger(event).email("hello").publish(vendor, now=now, name=event)


def started() -> set[str]:
    return set(Instance.objects.values_list("journey__name", flat=True))


def test_first_date_and_another_one_are_told_apart(vendor, listening, now):
    first = a_couple(vendor, now=now, wedding_in=None).weddings.get()
    wedding_move(wedding=first, date=(now + timedelta(days=300)).date(), now=now, actor=ACTOR)
    assert {"any", "first"} == started()

    other = a_couple(vendor, now=now).weddings.get()
    wedding_move(wedding=other, date=other.date + timedelta(days=7), now=now, actor=ACTOR)
    assert {"any", "first", "another"} == started()


def test_each_thing_that_happens_is_one_event(vendor, couple, listening, now):
    wedding = couple.weddings.get()
    day = wedding.date
    wedding_move(wedding=wedding, date=None, now=now, actor=ACTOR)
    wedding_move(wedding=wedding, date=None, now=now, actor=ACTOR)
    wedding_move(wedding=wedding, date=day, now=now, actor=ACTOR)
    wedding_cancel(wedding=wedding, now=now, actor=ACTOR)
    wedding_cancel(wedding=wedding, now=now, actor=ACTOR)

    happened = TriggerEvent.objects.filter(type__startswith="wedding_").order_by("id")
    assert [
        ("wedding_postponed", day.isoformat(), None),
        ("wedding_date_set", None, day.isoformat()),
        ("wedding_cancelled", day.isoformat(), day.isoformat()),
    ] == [(event.type, event.payload["was"], event.payload["date"]) for event in happened]


def test_other_dates_times_and_zones_are_no_new_date(couple, listening, now):
    wedding = couple.weddings.get()

    anchor_set(wedding=wedding, name="shoot", date=wedding.date, now=now, actor=ACTOR)
    wedding_move(wedding=wedding, date=wedding.date, time_zone="Atlantic/Azores", now=now, actor=ACTOR)

    assert not TriggerEvent.objects.filter(type__startswith="wedding_").exists()


def test_journey_for_cancelled_weddings_goes_on_and_the_others_end(vendor, couple, listening, now):
    wedding = couple.weddings.get()
    wedding_move(wedding=wedding, date=None, now=now, actor=ACTOR)

    wedding_cancel(wedding=wedding, now=now, actor=ACTOR)
    run_until_idle(now)

    assert {("wedding_postponed", "cancelled"), ("wedding_cancelled", "completed")} == set(
        Instance.objects.values_list("journey__name", "status")
    )


def test_move_that_is_taken_back_starts_nothing(vendor, listening, now):
    wedding = a_couple(vendor, now=now, wedding_in=None).weddings.get()
    rescheduling.reschedule(wedding=wedding, date=(now + timedelta(days=300)).date(), now=now, actor=ACTOR)
    before = Instance.objects.count()

    rescheduling.undo(wedding=wedding, now=now, actor=ACTOR)

    wedding.refresh_from_db()
    assert ("planned", None) == (wedding.status, wedding.date)
    assert before == Instance.objects.count()
    assert not TriggerEvent.objects.filter(type="wedding_postponed").exists()
