"""A wedding's dates change: what moves, what a person chooses, and the way back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from channels.models import Message
from engine.models import (
    Instance,
    InterventionTicket,
    NodeExecution,
    Schedule,
    TicketLine,
    TriggerEvent,
    WeddingMove,
)
from engine.services import rescheduling
from engine.services.instances import instance_start
from journeys.errors import Conflict, Invalid
from journeys.models import AuditRecord
from journeys.services.weddings import anchor_set, wedding_cancel, wedding_move
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import run_until_idle


def run_for_hours(now: datetime) -> None:
    """What is late goes out an hour behind the message before it."""
    for hours in range(4):
        run_until_idle(now + timedelta(hours=hours))


def at_nine(day: date) -> datetime:
    """09:00 in Lisbon in summer."""
    return datetime(day.year, day.month, day.day, 8, tzinfo=UTC)


@pytest.fixture
def wedding(couple):
    return couple.weddings.select_related("vendor", "client").get()


@pytest.fixture
def journey(vendor, now):
    return (
        a_journey()
        .email("welcome")
        .email("list", when={"kind": "anchor", "offset": "-90d"})
        .email("payment", when={"kind": "anchor", "offset": "-60d"}, late={"rule": "send"})
        .email("call", when={"kind": "anchor", "offset": "-30d"}, late={"rule": "ask"})
        .email("thanks", when={"kind": "anchor", "offset": "1d"})
        .publish(vendor, now=now, name="Photography")
    )


@pytest.fixture
def instance(vendor, journey, couple, now):
    started = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return started


def test_dry_run_tells_everything_and_changes_nothing(wedding, instance, now):
    later = wedding.date + timedelta(days=14)
    before = list(Schedule.objects.values())

    result = rescheduling.reschedule(wedding=wedding, date=later, dry_run=True, now=now, actor=ACTOR)

    assert ["list", "payment", "call", "thanks"] == [one.node_id for one in result.report.steps]
    assert [True, False, False, False] == [one.reached for one in result.report.steps]
    assert {timedelta(days=14)} == {one.after - one.before for one in result.report.steps}
    assert not result.report.past
    assert [("welcome", ("partner_1",))] == [
        (one.node_id, tuple(copy.role for copy in one.people)) for one in result.report.sent
    ]
    assert result.move is None
    assert before == list(Schedule.objects.values())
    assert not WeddingMove.objects.exists()
    assert not TriggerEvent.objects.filter(type="wedding_date_set").exists()
    assert not AuditRecord.objects.filter(action="wedding.moved").exists()


def test_dry_run_tells_what_the_move_then_does(wedding, instance, now):
    sooner = wedding.date - timedelta(days=125)

    told = rescheduling.reschedule(wedding=wedding, date=sooner, dry_run=True, now=now, actor=ACTOR)
    done = rescheduling.reschedule(wedding=wedding, date=sooner, now=now, actor=ACTOR)

    assert told.report == done.report
    wedding.refresh_from_db()
    assert sooner == wedding.date
    token = Schedule.objects.get(instance=instance)
    assert token.due_at == done.report.steps[0].after


def test_steps_that_are_past_follow_their_rules(wedding, instance, now):
    """The wedding comes to 20 days from now: 90, 60 and 30 days before it are past."""
    sooner = (now + timedelta(days=20)).date()

    report = rescheduling.reschedule(wedding=wedding, date=sooner, now=now, actor=ACTOR).report

    assert [("list", "within", "skip"), ("payment", "send", "send"), ("call", "ask", "ask")] == [
        (one.node_id, one.rule, one.will) for one in report.past
    ]
    run_for_hours(now)
    assert {"list": "skipped", "payment": "succeeded", "call": "failed"} == dict(
        NodeExecution.objects.filter(node_id__in=["list", "payment", "call"])
        .exclude(status="held")
        .values_list("node_id", "status")
    )
    assert "call" == TicketLine.objects.get().node_id


def test_choice_stands_above_the_rule(wedding, instance, now):
    sooner = (now + timedelta(days=20)).date()
    ref = instance.public_id
    choices = {f"{ref}:list": "send", f"{ref}:payment": "skip", "all": "skip"}

    result = rescheduling.reschedule(wedding=wedding, date=sooner, choices=choices, now=now, actor=ACTOR)

    assert {"list": "send", "payment": "skip", "call": "skip"} == {
        one.node_id: one.will for one in result.report.past
    }
    run_for_hours(now)
    statuses = dict(NodeExecution.objects.exclude(status="held").values_list("node_id", "status"))
    assert {"list": "succeeded", "payment": "skipped", "call": "skipped"} == {
        name: statuses[name] for name in ("list", "payment", "call")
    }
    assert result.move.choices == {f"{ref}:list": "send", f"{ref}:payment": "skip", f"{ref}:call": "skip"}


def test_choice_for_a_step_that_is_not_past_is_refused(wedding, instance, now):
    with pytest.raises(Invalid) as refusal:
        rescheduling.reschedule(
            wedding=wedding,
            date=wedding.date + timedelta(days=1),
            choices={f"{instance.public_id}:list": "send"},
            now=now,
            actor=ACTOR,
        )

    assert "unknown_step" == refusal.value.code
    wedding.refresh_from_db()
    assert not WeddingMove.objects.exists()


def test_next_move_forgets_what_was_chosen_for_the_last(wedding, instance, now):
    sooner = (now + timedelta(days=20)).date()
    rescheduling.reschedule(wedding=wedding, date=sooner, choices={"all": "skip"}, now=now, actor=ACTOR)

    rescheduling.reschedule(wedding=wedding, date=sooner + timedelta(days=300), now=now, actor=ACTOR)

    instance.refresh_from_db()
    assert instance.decisions is None
    run_until_idle(now)
    assert "list" == Schedule.objects.get(instance=instance).node_id


def test_date_that_is_taken_away_parks_and_one_that_comes_back_unparks(wedding, instance, now):
    day = wedding.date
    gone = rescheduling.reschedule(wedding=wedding, date=None, now=now, actor=ACTOR).report
    token = Schedule.objects.get(instance=instance)
    assert ("parked", "Waits until the wedding has a date.") == (token.state, token.reason)
    assert {"parks"} == {one.effect for one in gone.steps}
    wedding.refresh_from_db()
    assert "postponed" == wedding.status

    back = rescheduling.reschedule(wedding=wedding, date=day, now=now, actor=ACTOR).report

    token.refresh_from_db()
    assert ("waiting", "") == (token.state, token.reason)
    assert {"unparks"} == {one.effect for one in back.steps}
    events = TriggerEvent.objects.filter(type__startswith="wedding_").order_by("id")
    assert [("wedding_postponed", ""), ("wedding_date_set", "first")] == list(
        events.values_list("type", "topic")
    )


def test_undo_puts_the_date_back_and_names_what_stays_done(wedding, instance, now):
    was = wedding.date
    sooner = (now + timedelta(days=70)).date()
    now += timedelta(minutes=1)
    move = rescheduling.reschedule(wedding=wedding, date=sooner, now=now, actor=ACTOR).move
    run_until_idle(now)

    result = rescheduling.undo(wedding=wedding, now=now + timedelta(hours=1), actor="user:7")

    wedding.refresh_from_db()
    assert was == wedding.date
    assert [("list", "skipped")] == [(one.node_id, one.state) for one in result.report.stays_done]
    move.refresh_from_db()
    assert ("user:7", result.move) == (move.undone_by, move.undone_by_move)
    token = Schedule.objects.get(instance=instance)
    assert ("payment", at_nine(was - timedelta(days=60)).date()) == (token.node_id, token.due_at.date())


def test_undo_can_be_looked_at_first_and_taken_back_again(wedding, instance, now):
    was = wedding.date
    later = was + timedelta(days=7)
    rescheduling.reschedule(wedding=wedding, date=later, now=now, actor=ACTOR)

    rescheduling.undo(wedding=wedding, dry_run=True, now=now, actor=ACTOR)
    wedding.refresh_from_db()
    assert later == wedding.date

    rescheduling.undo(wedding=wedding, now=now, actor=ACTOR)
    rescheduling.undo(wedding=wedding, now=now, actor=ACTOR)
    wedding.refresh_from_db()
    assert later == wedding.date


def test_undo_is_refused_when_a_newer_move_exists(wedding, instance, now):
    first = rescheduling.reschedule(
        wedding=wedding, date=wedding.date + timedelta(days=7), now=now, actor=ACTOR
    )
    wedding_move(wedding=wedding, date=wedding.date + timedelta(days=7), now=now, actor=ACTOR)

    with pytest.raises(Conflict) as refusal:
        rescheduling.undo(wedding=wedding, move_ref=first.move.public_id, now=now, actor=ACTOR)

    assert "newer_move" == refusal.value.code


@pytest.mark.parametrize("cancelled", [False, True])
def test_undo_is_refused_where_there_is_nothing_to_take_back(wedding, now, cancelled):
    if cancelled:
        wedding_cancel(wedding=wedding, now=now, actor=ACTOR)

    with pytest.raises(Conflict) as refusal:
        rescheduling.undo(wedding=wedding, now=now, actor=ACTOR)

    assert ("cannot_undo" if cancelled else "nothing_to_undo") == refusal.value.code


def test_undo_takes_back_a_time_that_was_added(wedding, now):
    wedding_move(wedding=wedding, date=wedding.date, keep_time=False, now=now, actor=ACTOR)
    assert wedding.time is None
    rescheduling.undo(wedding=wedding, now=now, actor=ACTOR)
    rescheduling.undo(wedding=wedding, now=now, actor=ACTOR)

    wedding.refresh_from_db()
    assert wedding.time is None


def test_other_dates_are_moved_with_a_look_beforehand_and_undone(vendor, couple, wedding, now):
    when = {"kind": "anchor", "anchor": "engagement_shoot", "offset": "2d"}
    journey = a_journey().email("proofs", when=when).publish(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    token = Schedule.objects.get(instance=instance)
    assert ("parked", "Waits until the date of the engagement shoot is known.") == (token.state, token.reason)
    shoot = {"wedding": wedding, "name": "engagement_shoot", "now": now, "actor": ACTOR}

    told = rescheduling.reschedule_anchor(**shoot, date=date(2027, 5, 1), dry_run=True)
    done = rescheduling.reschedule_anchor(**shoot, date=date(2027, 5, 1))

    assert told.report == done.report
    assert [("proofs", "unparks", at_nine(date(2027, 5, 3)))] == [
        (one.node_id, one.effect, one.after) for one in done.report.steps
    ]
    token.refresh_from_db()
    assert at_nine(date(2027, 5, 3)) == token.due_at
    rescheduling.undo(wedding=wedding, now=now, actor=ACTOR)
    token.refresh_from_db()
    assert "parked" == token.state


def test_what_sending_hours_put_off_stays_put_off_when_another_date_moves(vendor, couple, wedding, now):
    journey = a_journey().email("list", when={"kind": "anchor", "offset": "-90d"}).publish(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    due = Schedule.objects.get(instance=instance).due_at
    Schedule.objects.filter(instance=instance).update(
        due_at=due + timedelta(hours=9), reason="Put off until 18:00."
    )

    anchor_set(wedding=wedding, name="shoot", date=date(2027, 5, 1), now=now, actor=ACTOR)
    assert due + timedelta(hours=9) == Schedule.objects.get(instance=instance).due_at

    wedding_move(wedding=wedding, date=wedding.date + timedelta(days=1), now=now, actor=ACTOR)
    token = Schedule.objects.get(instance=instance)
    assert (due + timedelta(days=1), "") == (token.due_at, token.reason)


def test_ticket_about_a_date_is_settled_by_another_date(wedding, instance, now):
    sooner = (now + timedelta(days=20)).date()
    rescheduling.reschedule(wedding=wedding, date=sooner, now=now, actor=ACTOR)
    run_for_hours(now)
    assert "late_ask" == InterventionTicket.objects.get().code

    rescheduling.reschedule(wedding=wedding, date=sooner + timedelta(days=100), now=now, actor=ACTOR)

    assert ("resolved", "moved") == InterventionTicket.objects.values_list("status", "resolution").get()
    token = Schedule.objects.get(instance=instance)
    assert ("call", "waiting") == (token.node_id, token.state)
    run_until_idle(now)
    assert 2 == Message.objects.count()


def test_journeys_that_start_by_the_date_are_told(vendor, couple, wedding, now):
    journey = (
        a_journey()
        .trigger("date_based", anchor="wedding", offset="-30d")
        .email("month_before")
        .publish(vendor, now=now, name="Month before")
    )
    effects = {}
    for days in (300, 10):
        result = rescheduling.reschedule(
            wedding=wedding, date=(now + timedelta(days=days)).date(), dry_run=True, now=now, actor=ACTOR
        )
        effects[days] = [(one.journey, one.effect) for one in result.report.triggers]
    gone = rescheduling.reschedule(wedding=wedding, date=None, dry_run=True, now=now, actor=ACTOR)

    assert {300: [(journey.public_id, "starts")], 10: [(journey.public_id, "missed")]} == effects
    assert ["waits"] == [one.effect for one in gone.report.triggers]


class TestCancelledWedding:
    def test_ends_what_only_made_sense_with_it(self, wedding, instance, now):
        told = rescheduling.cancel(wedding=wedding, dry_run=True, now=now, actor=ACTOR)
        wedding_cancel(wedding=wedding, now=now, actor=ACTOR)

        instance.refresh_from_db()
        assert [instance.public_id] == [one.instance for one in told.report.ended]
        assert ("cancelled", "wedding_cancelled", "The wedding is cancelled.") == (
            instance.status,
            instance.result,
            instance.reason,
        )
        assert not Schedule.objects.filter(instance=instance).exists()
        assert NodeExecution.objects.filter(node_id="list", status="cancelled").exists()

    def test_lets_journeys_go_on_that_say_so_with_the_right_sentence(self, vendor, couple, wedding, now):
        definition = a_journey().email("list", when={"kind": "anchor", "offset": "-90d"})
        written = definition.definition()
        definition.definition = lambda: {**written, "on_wedding_cancelled": "go_on"}
        journey = definition.publish(vendor, now=now)
        instance = instance_start(
            vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
        )
        run_until_idle(now)

        wedding_cancel(wedding=wedding, now=now, actor=ACTOR)

        instance.refresh_from_db()
        token = Schedule.objects.get(instance=instance)
        assert ("active", "parked") == (instance.status, token.state)
        assert token.reason.startswith("The wedding is cancelled")

    def test_starts_the_journeys_for_it_which_go_on(self, vendor, couple, wedding, instance, now):
        a_journey().trigger("wedding_cancelled").wait("rest", for_="14d").email("feedback").publish(
            vendor, now=now, name="Cancelled"
        )

        wedding_cancel(wedding=wedding, now=now, actor=ACTOR)
        run_until_idle(now)
        anchor_set(wedding=wedding, name="refund", date=date(2027, 6, 1), now=now, actor=ACTOR)

        started = Instance.objects.get(journey__name="Cancelled")
        assert "active" == started.status
        run_until_idle(now + timedelta(days=14))
        started.refresh_from_db()
        assert "completed" == started.status


def test_another_vendors_couples_stay_where_they_are(wedding, instance, now):
    other = a_couple(a_vendor(now=now, name="Somebody else"), now=now)
    result = rescheduling.reschedule(
        wedding=wedding, date=wedding.date + timedelta(days=1), now=now, actor=ACTOR
    )

    assert {instance.public_id} == {one.instance for one in result.report.steps}
    assert not WeddingMove.objects.filter(vendor=other.vendor).exists()
