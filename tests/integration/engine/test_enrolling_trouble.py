"""Enrollments that break, that die in between, and beside others: who is in is in once, and nobody is forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError, connection

from engine.models import DeadLetter, Enrollment, Instance, Schedule
from engine.services.dead_letters import dead_letter_replay
from engine.services.enrolling import carrying_out, judging, placing
from engine.services.enrolling.carrying_out import carry_on, carry_on_all
from engine.services.enrolling.requests import (
    Who,
    enrollment_resume,
)
from engine.services.instances import wedding_start
from journeys.errors import Conflict
from journeys.services.weddings import wedding_move
from tests.builders import ACTOR, a_couple, a_vendor
from tests.dead_letters import broken
from tests.drive import enter
from tests.enrollments import ask, counts, enroll, inside, published
from tests.racing import Gate, together


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying_out, "CHUNK", 3)


def test_one_client_who_breaks_does_not_keep_the_others_out(vendor, now):
    bad, good = a_couple(vendor, now=now), a_couple(vendor, now=now)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE journeys_client SET fields = 't1:broken' WHERE id = %s", [bad.pk])
    journey = published(vendor, now)

    run = enroll(journey, now, Who(condition="client.status == 'booked'"))

    assert {good.pk} == inside(journey)
    assert ("finished", {"broke": 1}) == (run.state, counts(run))


def test_a_request_that_breaks_does_not_hold_the_others_up(vendor, now, monkeypatch):
    a_couple(vendor, now=now)
    first, second = published(vendor, now), published(vendor, now)
    stuck, _ = ask(first, now), ask(second, now)
    next_clients = carrying_out._next_clients

    def breaks(run: Enrollment, most: int) -> list[int]:
        if run.pk == stuck.pk:
            raise RuntimeError
        return next_clients(run, most)

    with monkeypatch.context() as patch:
        patch.setattr(carrying_out, "_next_clients", breaks)
        carry_on_all(now=now, seconds=5)

    assert (set(), 1) == (inside(first), len(inside(second)))
    stuck.refresh_from_db()
    letter = DeadLetter.objects.get(kind="enrollment")
    assert ("paused", "RuntimeError") == (stuck.state, letter.error_class)

    dead_letter_replay(letter=letter, now=now, actor=ACTOR)
    carry_on_all(now=now, seconds=5)

    stuck.refresh_from_db()
    assert ("finished", 1) == (stuck.state, len(inside(first)))


def test_a_request_that_was_resumed_by_hand_closes_its_letter_when_it_ends(vendor, now, monkeypatch):
    a_couple(vendor, now=now)
    run = ask(published(vendor, now), now)
    with monkeypatch.context() as patch:
        patch.setattr(carrying_out, "_next_clients", broken)
        carry_on_all(now=now, seconds=5)
    enrollment_resume(enrollment=run, now=now, actor=ACTOR)

    carry_on_all(now=now, seconds=5)

    assert "replayed" == DeadLetter.objects.get(kind="enrollment").status


def test_a_request_that_lost_its_connection_goes_on_with_the_next_call(vendor, now, monkeypatch):
    a_couple(vendor, now=now)
    run = ask(published(vendor, now), now)
    with monkeypatch.context() as patch:
        patch.setattr(carrying_out, "_chunk", mock.Mock(side_effect=OperationalError("gone")))
        carry_on_all(now=now, seconds=5)

    carry_on_all(now=now, seconds=5)

    run.refresh_from_db()
    assert ("finished", 1) == (run.state, run.entered)
    assert not DeadLetter.objects.exists()


class Died(BaseException):
    """The process died here."""


@pytest.mark.parametrize("point", ["hold", "place"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_death_in_mid_enrolment_lets_everybody_in_once(vendor, now, small_chunks, monkeypatch, point, when):
    for _ in range(8):
        a_couple(vendor, now=now)
    journey = published(vendor, now, re_entry="always")
    run = ask(journey, now)
    whole, visits = getattr(placing, point), []

    def dies(*given: Any, **named: Any) -> Any:
        visits.append(1)
        if len(visits) == 2 and when == "before":
            raise Died
        found = whole(*given, **named)
        if len(visits) == 2:
            raise Died
        return found

    monkeypatch.setattr(placing, point, dies)
    with pytest.raises(Died):
        carry_on(enrollment=run, now=now)
    run.refresh_from_db()
    assert len(inside(journey)) == run.entered

    carry_on(enrollment=run, now=now)

    assert 8 == run.entered == Instance.objects.filter(journey=journey).count()
    assert 8 == Schedule.objects.filter(instance__journey=journey).count()


@pytest.mark.django_db(transaction=True)
def test_requests_and_single_starts_at_once_let_each_client_in_once(now, small_chunks):
    vendor = a_vendor(now=now)
    couples = [a_couple(vendor, now=now) for _ in range(12)]
    journey = published(vendor, now)
    first, second = ask(journey, now), ask(journey, now)

    together(
        lambda: carry_on(enrollment=first, now=now),
        lambda: carry_on(enrollment=first, now=now),
        lambda: carry_on(enrollment=second, now=now),
        *[lambda couple=couple: enter(journey, couple, now=now) for couple in couples[::3]],
        refusals=Conflict,
    )
    for run in (first, second):
        carry_on(enrollment=run, now=now)

    assert 12 == Instance.objects.filter(journey=journey).count()
    assert 12 == Schedule.objects.filter(instance__journey=journey).count()
    singles = 12 - first.entered - second.entered
    assert 0 <= singles <= 4
    assert 24 == first.examined + second.examined


@pytest.mark.django_db(transaction=True)
def test_who_is_being_decided_about_is_waited_for_by_a_single_start(now, threads, monkeypatch):
    """Also without a wedding, whose lock would do the same."""
    vendor = a_vendor(now=now)
    couple = a_couple(vendor, now=now)
    couple.weddings.all().delete()
    journey = published(vendor, now, re_entry="once")
    run, gate = ask(journey, now), Gate()
    monkeypatch.setattr(judging, "judge", gate.after(judging.judge))

    def refused() -> None:
        with pytest.raises(Conflict):
            enter(journey, couple, now=now)

    threads.overlap(gate, lambda: carry_on(enrollment=run, now=now), refused)

    assert (1, {couple.pk}) == (run.entered, inside(journey))


@pytest.mark.django_db(transaction=True)
def test_a_limit_holds_while_many_and_single_ones_enter_at_once(now, small_chunks):
    vendor = a_vendor(now=now)
    couples = [a_couple(vendor, now=now) for _ in range(9)]
    journey = published(vendor, now, entry={"max_live": 5})
    run = ask(journey, now)

    together(
        lambda: carry_on(enrollment=run, now=now),
        *[lambda couple=couple: enter(journey, couple, now=now) for couple in couples[4:]],
        refusals=Conflict,
    )

    assert 5 == Instance.objects.filter(journey=journey).count()


@pytest.mark.django_db(transaction=True)
def test_a_wedding_that_moves_meanwhile_takes_the_passage_along(now):
    vendor = a_vendor(now=now)
    couples = [a_couple(vendor, now=now) for _ in range(6)]
    journey = published(vendor, now)
    run = ask(journey, now)
    day = (now + timedelta(days=90)).date()

    together(
        lambda: carry_on(enrollment=run, now=now),
        *[
            lambda couple=couple: wedding_move(wedding=couple.weddings.get(), date=day, now=now, actor=ACTOR)
            for couple in couples
        ],
    )

    expected = wedding_start(couples[0].weddings.get())
    assert [expected] * 6 == list(Schedule.objects.values_list("wedding_at", flat=True))


def test_those_who_look_on_hear_of_those_who_entered(vendor, now):
    for _ in range(3):
        a_couple(vendor, now=now)

    with mock.patch("monitoring.receivers.tell") as tell:
        enroll(published(vendor, now), now)

    ((event,),) = [call.args[0] for call in tell.call_args_list if call.args[0]]
    assert (vendor.pk, "instance") == (event.vendor_id, event.kind)
