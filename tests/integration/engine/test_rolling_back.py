"""Roll back: what stands is taken away, and the passage begins anew at an earlier step."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from engine.models import Instance, InterventionTicket, NodeExecution, RollBack, Schedule
from engine.services.instances import instance_cancel, instance_pause, instance_start
from engine.services.pausing import TICKET, pause_for_ticket
from engine.services.replaying import differences
from engine.services.rolling_back import reached_steps
from journeys.errors import Conflict, Invalid
from journeys.models import AuditRecord, Client, Journey, Vendor
from journeys.services.weddings import wedding_move
from tests.builders import ACTOR, END, a_couple, a_journey, a_net, merge, pause, split_all, tag
from tests.drive import run_until_idle
from tests.integration.engine.rolling import (
    Start,
    a_letter_and_a_wait,
    roll_back,
    sent,
    stands,
    starter,
)


@pytest.fixture
def start(couple: Client, now: datetime) -> Start:
    return starter(couple, now=now)


def test_what_stands_is_taken_away_and_one_token_begins_anew(start: Start, now: datetime) -> None:
    instance = start(a_letter_and_a_wait())
    later = now + timedelta(days=1)

    row = roll_back(instance, "hello", now=later, reason="The wrong album.")

    assert (1, "hello", 2) == (row.number, row.node_id, row.visit)
    assert [("hello", "", 2)] == stands(instance)
    taken = NodeExecution.objects.get(instance=instance, status="cancelled")
    assert ("rest", 1, "wait") == (taken.node_id, taken.visit, taken.node_type)
    assert "Rolled back to hello by user:7. The wrong album." == taken.reason
    deed = AuditRecord.objects.get(action="instance.rolled_back")
    assert ("user:7", "hello", "keep") == (deed.actor, deed.detail["node"], deed.detail["messages"])
    assert {} == differences([instance])


def test_a_step_is_due_at_once_or_by_its_own_timing(start: Start, now: datetime) -> None:
    instance = start(a_letter_and_a_wait())
    later = now + timedelta(days=1)

    roll_back(instance, "rest", now=later)
    assert later + timedelta(days=3) == Schedule.objects.get(instance=instance).due_at

    roll_back(instance, "rest", now=later, due="now")
    assert later == Schedule.objects.get(instance=instance).due_at
    run_until_idle(later)
    assert ["hello", "more"] == sent()


def test_a_step_by_its_timing_follows_a_wedding_that_moves(
    start: Start, couple: Client, now: datetime
) -> None:
    instance = start(a_journey().wait_for_date("month_before", "-30d"))
    roll_back(instance, "start", now=now)
    run_until_idle(now)
    wedding = couple.weddings.get()

    roll_back(instance, "month_before", now=now)
    wedding_move(wedding=wedding, date=wedding.date + timedelta(days=9), now=now, actor=ACTOR)

    wedding.refresh_from_db()
    place = Schedule.objects.get(instance=instance)
    assert wedding.date - timedelta(days=30) == place.due_at.date()
    assert place.wedding_at is not None


@pytest.mark.parametrize("end", ["completed", "cancelled"])
def test_a_passage_that_has_ended_lives_again(start: Start, now: datetime, end: str) -> None:
    instance = start(a_letter_and_a_wait())
    if end == "completed":
        run_until_idle(now + timedelta(days=3))
    else:
        instance_cancel(instance=instance, now=now, actor=ACTOR, reason="By mistake.")
    instance.refresh_from_db()
    assert end == instance.status
    later = now + timedelta(days=4)

    row = roll_back(instance, "rest", now=later)

    instance.refresh_from_db()
    assert ("active", "", "", None) == (
        instance.status,
        instance.result,
        instance.reason,
        instance.finished_at,
    )
    assert (end, []) == (row.status_before, row.taken)
    assert [("rest", "", 2)] == stands(instance)
    assert {} == differences([instance])
    run_until_idle(later + timedelta(days=3))
    assert ["hello", "more"] == sent()


def test_an_ended_passage_stays_ended_while_the_client_is_in_a_newer_one(
    start: Start, vendor: Vendor, couple: Client, now: datetime
) -> None:
    instance = start(a_letter_and_a_wait(), re_entry="when_finished")
    instance_cancel(instance=instance, now=now, actor=ACTOR)
    instance_start(vendor=vendor, journey=instance.journey, client=couple, variables={}, now=now, actor=ACTOR)

    with pytest.raises(Conflict) as refused:
        roll_back(instance, "hello", now=now)

    assert "already_active" == refused.value.code
    instance.refresh_from_db()
    assert ("cancelled", []) == (instance.status, stands(instance))


def test_an_ended_passage_stays_ended_where_the_journey_is_gone(start: Start, now: datetime) -> None:
    instance = start(a_letter_and_a_wait())
    instance_cancel(instance=instance, now=now, actor=ACTOR)
    Journey.objects.update(status=Journey.Status.ARCHIVED)

    with pytest.raises(Conflict) as refused:
        roll_back(instance, "hello", now=now)

    assert "not_published" == refused.value.code


def test_a_step_in_a_branch_is_refused_with_the_split_to_go_back_to(start: Start, now: datetime) -> None:
    net = a_net(
        {
            "first": tag("first"),
            "s": split_all("a", "b"),
            "in_a": tag("in_a"),
            "in_b": pause("2d"),
            "m": merge("s"),
            "rest": pause("9d"),
            "end": END,
        },
        *("start>first", "first>s", "s.a>in_a", "s.b>in_b", "in_a>m", "in_b>m", "m>rest", "rest>end"),
    )
    instance = start(net)

    with pytest.raises(Invalid) as refused:
        roll_back(instance, "in_a", now=now)
    assert ("inside_split", {"split": "s"}) == (refused.value.code, refused.value.details)

    # From the split all branches begin anew, and come together again.
    roll_back(instance, "s", now=now)
    run_until_idle(now)
    assert {("m", "s@2.a", 1), ("in_b", "s@2.b", 1)} == set(stands(instance))
    assert {} == differences([instance])
    run_until_idle(now + timedelta(days=2))
    assert [("rest", "", 2)] == stands(instance)
    # The merge stands outside: who begins there waits for nobody.
    roll_back(instance, "m", now=now + timedelta(days=2))
    run_until_idle(now + timedelta(days=2))
    assert [("rest", "", 3)] == stands(instance)
    assert {} == differences([instance])


@pytest.mark.parametrize(("node_id", "code"), [("nowhere", "unknown_step"), ("more", "not_reached")])
def test_a_step_that_is_not_there_or_was_not_reached_is_refused(
    start: Start, now: datetime, node_id: str, code: str
) -> None:
    instance = start(a_letter_and_a_wait())

    with pytest.raises(Invalid) as refused:
        roll_back(instance, node_id, now=now)

    assert code == refused.value.code
    assert [("rest", "", 1)] == stands(instance)


def test_the_steps_to_choose_from_are_those_that_were_reached_outside_of_branches(
    start: Start, now: datetime
) -> None:
    instance = start(a_letter_and_a_wait())

    assert [("start", "start"), ("hello", "hello"), ("rest", "rest")] == reached_steps(instance)


def test_a_ticket_is_closed_and_the_step_tried_anew_in_a_new_place(start: Start, now: datetime) -> None:
    instance = start(a_journey().email("hello", to=["planner"]))
    assert InterventionTicket.objects.filter(status="open").exists()

    roll_back(instance, "start", now=now)

    assert not InterventionTicket.objects.filter(status="open").exists()
    run_until_idle(now)
    assert [("hello", "", 2)] == stands(instance)
    assert 1 == InterventionTicket.objects.filter(status="open").count()


def test_a_pause_of_a_person_stays_and_one_of_a_ticket_goes(start: Start, now: datetime) -> None:
    instance = start(a_letter_and_a_wait())
    instance_pause(instance=instance, now=now, actor="user:3", reason="Quiet, they said.")
    roll_back(instance, "hello", now=now, messages="send_again")
    instance.refresh_from_db()
    assert ("paused", "Quiet, they said.", "user:3") == (
        instance.status,
        instance.reason,
        instance.paused_by,
    )
    run_until_idle(now)
    assert ["hello"] == sent()

    Instance.objects.update(status="paused", paused_by=TICKET)
    roll_back(instance, "start", now=now)
    instance.refresh_from_db()
    assert ("active", "", "") == (instance.status, instance.reason, instance.paused_by)


def test_the_same_roll_back_again_changes_nothing(start: Start, now: datetime) -> None:
    instance = start(a_letter_and_a_wait())
    first = roll_back(instance, "rest", now=now, number=1)
    run_until_idle(now + timedelta(days=3))

    again = roll_back(instance, "rest", now=now, number=1)

    assert first == again
    assert 1 == RollBack.objects.count()
    with pytest.raises(Conflict) as refused:
        roll_back(instance, "hello", now=now, number=1)
    assert "rolled_back_meanwhile" == refused.value.code


def test_a_second_click_before_anything_happened_changes_nothing(start: Start, now: datetime) -> None:
    instance = start(a_letter_and_a_wait())

    assert roll_back(instance, "rest", now=now) == roll_back(instance, "rest", now=now)
    assert [("rest", "", 2)] == stands(instance)


def test_a_journey_that_a_withdrawn_step_waited_for_ends(
    start: Start, vendor: Vendor, couple: Client, now: datetime
) -> None:
    inner = a_journey().wait("long", for_="9d").publish(vendor, now=now, name="Inner")
    instance = start(a_journey().step("sub", "journey", journey=inner.public_id, wait=True), name="Outer")
    child = Instance.objects.get(journey=inner)
    assert "active" == child.status

    roll_back(instance, "start", now=now)

    child.refresh_from_db()
    assert "cancelled" == child.status


def test_a_cancelled_passage_has_a_row_of_history_for_each_token(start: Start, now: datetime) -> None:
    net = a_net(
        {"s": split_all("a", "b"), "x": pause("2d"), "y": pause("3d"), "m": merge("s"), "end": END},
        *("start>s", "s.a>x", "s.b>y", "x>m", "y>m", "m>end"),
    )
    instance = start(net)

    instance_cancel(instance=instance, now=now, actor=ACTOR, reason="The wedding is off.")

    rows = NodeExecution.objects.filter(instance=instance, status="cancelled").order_by("node_id")
    assert [("x", "The wedding is off."), ("y", "The wedding is off.")] == list(
        rows.values_list("node_id", "reason")
    )
    assert {} == differences([instance])


def test_a_ticket_does_not_lift_the_pause_of_a_person(start: Start, now: datetime) -> None:
    instance = start(a_letter_and_a_wait())
    assert pause_for_ticket(instance=instance, reason="Look at the ticket.", now=now)
    assert TICKET == Instance.objects.get(id=instance.id).paused_by

    instance_pause(instance=instance, now=now, actor="user:3", reason="Mine.")

    instance.refresh_from_db()
    assert ("paused", "user:3", "Mine.") == (instance.status, instance.paused_by, instance.reason)


def test_two_couples_are_rolled_back_each_on_its_own(start: Start, vendor: Vendor, now: datetime) -> None:
    instance = start(a_letter_and_a_wait())
    other = instance_start(
        vendor=vendor,
        journey=instance.journey,
        client=a_couple(vendor, now=now),
        variables={},
        now=now,
        actor=ACTOR,
    )
    run_until_idle(now)

    roll_back(instance, "hello", now=now, messages="send_again")
    run_until_idle(now)

    assert [("rest", "", 1)] == stands(other)
    assert 3 == len(sent())
