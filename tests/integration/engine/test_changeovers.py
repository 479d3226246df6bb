"""What becomes of those inside when a journey is published anew: they stay, move, or are pinned, and back."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from unittest import mock

import pytest
from django.db import connection

from channels.models import Message
from engine.models import Changeover, ChangeoverEntry, DeadLetter, Instance, Schedule
from engine.services import changeovers, dispatch, publishing, runner
from engine.services.dead_letters import dead_letter_replay
from engine.services.instances import instance_cancel, instance_start
from engine.services.landing import judge, set_down
from journeys import validation
from journeys.errors import Conflict
from journeys.models import AuditRecord, Journey, Vendor
from tests.builders import ACTOR, a_couple, a_journey
from tests.dead_letters import broken
from tests.drive import bells, run_until_idle
from tests.integration.engine.changing import DAY, edit, enter, outcomes, publish, token, undo, version_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def journey(vendor: Vendor, now: datetime) -> Journey:
    return a_journey().wait("rest", for_="10d").email("letter").publish(vendor, now=now)


def test_those_inside_stay_when_nothing_is_chosen(journey, couple, now):
    instance = enter(journey, couple, now)
    edit(journey, a_journey().wait("rest", for_="20d").email("letter"), now)

    changeover = publish(journey, "stay", now)

    assert 1 == version_of(instance)
    assert now + 10 * DAY == token(instance).due_at
    assert changeover.finished_at is not None
    assert [] == outcomes(changeover)


def test_those_inside_move_and_their_moment_is_computed_anew_from_when_they_came(journey, couple, now):
    instance = enter(journey, couple, now)
    edit(journey, a_journey().wait("rest", for_="20d").email("letter"), now)

    changeover = publish(journey, "move", now + 3 * DAY)

    assert 2 == version_of(instance)
    assert now + 20 * DAY == token(instance).due_at
    assert [("moved", "")] == outcomes(changeover)
    (place,) = ChangeoverEntry.objects.get().places
    assert ("rest", (now + 10 * DAY).isoformat(), (now + 20 * DAY).isoformat()) == (
        place["node"],
        place["before"],
        place["after"],
    )
    assert AuditRecord.objects.filter(action="instance.moved", object_id=instance.public_id).exists()
    run_until_idle(now + 19 * DAY)
    assert not Message.objects.exists()
    run_until_idle(now + 20 * DAY)
    assert 1 == Message.objects.count()


def test_a_moment_that_has_passed_by_the_new_timing_is_due_at_once(journey, couple, now):
    instance = enter(journey, couple, now)
    edit(journey, a_journey().wait("rest", for_="2d").email("letter"), now)

    publish(journey, "move", now + 3 * DAY)

    assert now + 2 * DAY == token(instance).due_at
    run_until_idle(now + 3 * DAY)
    assert 1 == Message.objects.count()


def test_moving_there_and_back_restores_the_moment(journey, couple, now):
    instance = enter(journey, couple, now)
    before = token(instance)
    edit(journey, a_journey().wait("rest", kind="anchor", anchor="wedding", offset="-30d", at="09:00"), now)
    changeover = publish(journey, "move", now + DAY)
    assert before.due_at != token(instance).due_at

    undo(changeover, now + 2 * DAY)

    after = token(instance)
    assert 1 == version_of(instance)
    assert (before.due_at, before.meant) == (after.due_at, after.meant)
    assert ["moved_back"] == list(ChangeoverEntry.objects.values_list("undone", flat=True))
    journey.refresh_from_db()
    assert 1 == journey.current_version.number


def test_what_can_not_be_moved_back_says_why(journey, vendor, couple, now):
    inside, done = enter(journey, couple, now), enter(journey, a_couple(vendor, now=now), now)
    edit(journey, a_journey().wait("rest", for_="1d").wait("more", for_="30d"), now)
    changeover = publish(journey, "move", now)
    instance_cancel(instance=done, now=now, actor=ACTOR)
    run_until_idle(now + 2 * DAY)

    undo(changeover, now + 2 * DAY)

    assert 2 == version_of(inside)
    assert [("kept", "step_gone"), ("kept", "ended")] == list(
        ChangeoverEntry.objects.order_by("id").values_list("undone", "undo_code")
    )


def test_only_new_ones_enter_and_those_inside_are_pinned_until_the_pin_is_taken_out(
    journey, vendor, couple, now
):
    inside = enter(journey, couple, now)
    edit(journey, a_journey().wait("rest", for_="20d"), now)
    pinning = publish(journey, "only_new", now)
    fresh = enter(journey, a_couple(vendor, now=now), now)
    edit(journey, a_journey().wait("rest", for_="30d"), now)

    publish(journey, "move", now)

    assert (1, 3) == (version_of(inside), version_of(fresh))
    assert [("pinned", "")] == outcomes(pinning)

    publishing.instance_pin(instance=inside, pinned=False, now=now, actor=ACTOR)
    later = publishing.move_to(journey=journey, number=3, now=now, actor=ACTOR)
    changeovers.carry_on(changeover=later, now=now)
    assert 3 == version_of(inside)


def test_undoing_takes_the_pins_out(journey, couple, now):
    inside = enter(journey, couple, now)
    edit(journey, a_journey().wait("rest", for_="20d"), now)

    changeover = undo(publish(journey, "only_new", now), now)

    inside.refresh_from_db()
    journey.refresh_from_db()
    assert (False, 1) == (inside.pinned, journey.current_version.number)
    assert changeover.undo_finished_at is not None


def test_a_publishing_is_undone_only_while_it_is_the_newest(journey, couple, now):
    enter(journey, couple, now)
    edit(journey, a_journey().wait("rest", for_="20d"), now)
    first = publish(journey, "move", now)
    edit(journey, a_journey().wait("rest", for_="30d"), now)
    second = publish(journey, "move", now)

    with pytest.raises(Conflict) as refused:
        publishing.undo(changeover=first, now=now, actor=ACTOR)
    assert "newer_publishing" == refused.value.code

    undo(second, now)
    undo(first, now)
    assert 1 == version_of(Instance.objects.get())


def test_undoing_the_first_publishing_makes_the_journey_a_draft_again(vendor, now):
    journey = Journey.objects.get(pk=a_journey().wait("rest", for_="1d").publish(vendor, now=now).pk)
    edit(journey, a_journey().wait("rest", for_="2d"), now)
    changeover = publish(journey, "stay", now)
    Changeover.objects.filter(pk=changeover.pk).update(previous=None)
    changeover.refresh_from_db()

    undo(changeover, now)

    journey.refresh_from_db()
    assert ("draft", None) == (journey.status, journey.current_version)


def test_numbers_are_never_used_twice(journey, now):
    edit(journey, a_journey().wait("rest", for_="20d"), now)
    undo(publish(journey, "stay", now), now)

    again = publish(journey, "stay", now)

    assert 3 == again.version.number


def test_an_older_version_is_published_again_under_a_new_number(journey, couple, now):
    draft = a_journey().wait("rest", for_="20d").definition()
    edit(journey, draft, now)
    publish(journey, "stay", now)

    published = publishing.repeat(journey=journey, number=1, now=now, actor=ACTOR)

    journey.refresh_from_db()
    assert (3, 1) == (published.version.number, published.version.repeats)
    assert draft == journey.draft
    publishing.repeat(journey=journey, number=2, replace_draft=True, now=now, actor=ACTOR)
    publishing.repeat(journey=journey, number=1, replace_draft=True, now=now, actor=ACTOR)
    journey.refresh_from_db()
    assert "10d" == journey.draft["nodes"][1]["settings"]["when"]["for"]


STUCK = {
    "step_gone": a_journey().email("letter"),
    "type_changed": a_journey().step("rest", "action", do=[{"kind": "add_tag", "tag": "x"}]),
    "variable_missing": a_journey().variable("gallery").wait("rest", for_="10d"),
}


@pytest.mark.parametrize("code", sorted(STUCK))
def test_who_can_not_move_stays_and_is_told_why(journey, couple, now, code):
    instance = enter(journey, couple, now)
    before = token(instance)
    edit(journey, STUCK[code], now)

    shown = publishing.preview(journey=journey, now=now)
    changeover = publish(journey, "move", now)

    assert (1, [code]) == (shown.total, [one.stuck.code for one in shown.stuck])
    assert [("kept", code)] == outcomes(changeover)
    assert 1 == version_of(instance)
    assert (before.due_at, before.fence) == (token(instance).due_at, token(instance).fence)


def test_a_way_that_leads_through_a_step_that_was_done_is_refused(journey, couple, vendor, now):
    journey = (
        a_journey().email("letter").wait("rest", for_="10d").wait("more", for_="3d").publish(vendor, now=now)
    )
    instance = enter(journey, couple, now)
    edit(journey, a_journey().wait("rest", for_="10d").email("letter").wait("more", for_="3d"), now)

    changeover = publish(journey, "move", now)

    assert [("kept", "done_ahead")] == outcomes(changeover)
    assert 1 == version_of(instance)


def test_a_new_variable_takes_its_default_and_old_values_stay(vendor, couple, now):
    journey = a_journey().variable("color", default="red").wait("rest", for_="10d").publish(vendor, now=now)
    instance = enter(journey, couple, now)
    edit(journey, a_journey().variable("size", kind="number", default=3).wait("rest", for_="10d"), now)

    publish(journey, "move", now)

    instance.refresh_from_db()
    assert {"color": "red", "size": 3} == instance.variables


def test_a_preview_says_who_will_stand_where_and_changes_nothing(journey, couple, now):
    instance = enter(journey, couple, now)
    edit(journey, a_journey().wait("rest", for_="20d").email("letter"), now)

    shown = publishing.preview(journey=journey, now=now)

    (one,) = shown.judged
    (spot,) = one.spots
    assert (1, 1, instance.pk) == (shown.total, shown.movable, one.instance.pk)
    assert (now + 10 * DAY, now + 20 * DAY) == (spot.before, spot.after)
    assert 1 == version_of(instance)
    assert now + 10 * DAY == token(instance).due_at


def test_a_step_that_is_being_carried_out_outside_is_left_for_later(vendor, couple, now):
    journey = a_journey().email("letter").wait("rest", for_="10d").publish(vendor, now=now)
    instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)
    dispatch.dispatch(now=now)
    runner.run(places=bells(), now=now)
    place = Schedule.objects.get(node_id="letter")
    Schedule.objects.filter(pk=place.pk).update(state="running", fence=place.fence + 1)
    edit(journey, a_journey().email("letter").wait("rest", for_="20d"), now)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE engine_schedule SET lease_until = clock_timestamp() + interval '1 minute' WHERE id = %s",
            [place.pk],
        )

    changeover = publish(journey, "move", now)
    assert [("busy", "")] == outcomes(changeover)
    assert changeover.finished_at is None

    Schedule.objects.filter(pk=place.pk).update(state="waiting", lease_until=None)
    changeovers.carry_on_all(now=now)
    changeover.refresh_from_db()
    assert [("moved", "")] == outcomes(changeover)
    assert changeover.finished_at is not None


def test_a_large_journey_moves_in_batches_that_can_be_taken_up_again(journey, vendor, now, monkeypatch):
    monkeypatch.setattr(changeovers, "BATCH", 2)
    instances = [enter(journey, a_couple(vendor, now=now), now) for _ in range(5)]
    edit(journey, a_journey().wait("rest", for_="20d").email("letter"), now)
    changeover = publishing.publish(journey=journey, choice="move", now=now, actor=ACTOR).changeover

    assert 2 == changeovers.carry_on(changeover=changeover, now=now, batches=1)
    assert [2, 2, 1, 1, 1] == [version_of(one) for one in instances]

    assert 3 == changeovers.carry_on_all(now=now)
    changeover.refresh_from_db()
    assert [2] * 5 == [version_of(one) for one in instances]
    assert changeover.finished_at is not None
    assert 0 == changeovers.carry_on_all(now=now)


def test_a_changeover_that_breaks_holds_no_other_up_and_is_done_again(journey, vendor, couple, now):
    other = a_journey().wait("rest", for_="10d").publish(vendor, now=now, name="Another")
    passages = [enter(one, couple, now) for one in (journey, other)]
    for one in (journey, other):
        edit(one, a_journey().wait("rest", for_="20d"), now)
        publishing.publish(journey=one, choice="move", now=now, actor=ACTOR)
    whole = changeovers._move_those

    def half(changeover: Changeover, *given: Any, **named: Any) -> int:
        return broken() if changeover.journey_id == journey.pk else whole(changeover, *given, **named)

    with mock.patch.object(changeovers, "_move_those", half):
        changeovers.carry_on_all(now=now)
        changeovers.carry_on_all(now=now)

    assert [1, 2] == [version_of(one) for one in passages]
    letter = DeadLetter.objects.get(kind="changeover")
    assert (2, "ZeroDivisionError") == (letter.times, letter.error_class)
    dead_letter_replay(letter=letter, now=now, actor=ACTOR)
    changeovers.carry_on_all(now=now)
    assert [2, 2] == [version_of(one) for one in passages]


def test_a_letter_about_a_changeover_is_closed_when_it_came_to_its_end(journey, couple, now):
    enter(journey, couple, now)
    edit(journey, a_journey().wait("rest", for_="20d"), now)
    publishing.publish(journey=journey, choice="move", now=now, actor=ACTOR)
    with mock.patch.object(changeovers, "_move_those", broken):
        changeovers.carry_on_all(now=now)

    changeovers.carry_on_all(now=now)

    assert "replayed" == DeadLetter.objects.get(kind="changeover").status


def test_a_judgment_of_one_that_is_stuck_is_not_carried_out(journey, couple, now):
    enter(journey, couple, now)
    target = validation.graph_of(a_journey().email("letter").definition())
    (judged,) = judge(list(changeovers.inside(journey)), target=target, now=now)

    with pytest.raises(ValueError, match="judge it first"):
        set_down(judged, version=journey.current_version, target=target, now=now, actor=ACTOR)
