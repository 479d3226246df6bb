"""From an event through every step to the end, turned by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

from channels.models import Message, SinkMessage
from engine.models import Instance, NodeExecution, Schedule
from journeys.models import Client, Vendor
from journeys.services.vendors import vendor_change_settings
from journeys.services.weddings import wedding_move
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import enter, run_until_idle


def history(instance: Instance) -> list[tuple[str, str]]:
    return list(
        NodeExecution.objects.filter(instance=instance).order_by("id").values_list("node_id", "status")
    )


def test_a_journey_runs_from_start_to_end(vendor: Vendor, couple: Client, now: datetime) -> None:
    journey = a_journey().email("welcome").wait("pause", for_="3d").email("guide").publish(vendor, now=now)

    instance = enter(journey, couple, now=now)
    run_until_idle(now)

    assert ["About welcome"] == [one.subject for one in SinkMessage.objects.order_by("id")]
    assert "Inês" in SinkMessage.objects.get().body_text
    waiting = Schedule.objects.get(instance=instance)
    assert ("pause", now + timedelta(days=3)) == (waiting.node_id, waiting.due_at)

    run_until_idle(now + timedelta(days=3))

    instance.refresh_from_db()
    assert Instance.Status.COMPLETED == instance.status
    assert not Schedule.objects.filter(instance=instance).exists()
    assert [(name, "succeeded") for name in ("start", "welcome", "pause", "guide", "end")] == history(
        instance
    )
    assert {Message.Status.ACCEPTED} == set(Message.objects.values_list("status", flat=True))


def test_a_wedding_that_moves_takes_its_steps_along(vendor: Vendor, couple: Client, now: datetime) -> None:
    journey = a_journey().wait_for_date("month_before", "-30d").email("timeline").publish(vendor, now=now)
    instance = enter(journey, couple, now=now)
    run_until_idle(now)
    before = Schedule.objects.get(instance=instance)
    wedding = couple.weddings.get()

    wedding_move(wedding=wedding, date=wedding.date + timedelta(days=60), now=now, actor=ACTOR)

    after = Schedule.objects.get(instance=instance)
    assert timedelta(days=60) - (after.due_at - before.due_at) in (
        timedelta(),
        timedelta(hours=1),
        timedelta(hours=-1),
    )
    assert after.fence > before.fence


def test_a_wedding_without_a_date_parks_its_steps_until_there_is_one(vendor: Vendor, now: datetime) -> None:
    couple = a_couple(vendor, now=now, wedding_in=None)
    journey = a_journey().wait_for_date("month_before", "-30d").email("timeline").publish(vendor, now=now)
    instance = enter(journey, couple, now=now)
    run_until_idle(now)

    parked = Schedule.objects.get(instance=instance)
    assert (Schedule.State.PARKED, None) == (parked.state, parked.due_at)

    wedding_move(wedding=couple.weddings.get(), date=(now + timedelta(days=90)).date(), now=now, actor=ACTOR)

    assert Schedule.State.WAITING == Schedule.objects.get(instance=instance).state
    run_until_idle(now + timedelta(days=61))
    assert 1 == SinkMessage.objects.count()


def test_a_step_that_is_too_late_is_skipped_and_says_so(vendor: Vendor, now: datetime) -> None:
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=35))
    half_a_year = {"kind": "anchor", "anchor": "wedding", "offset": "-6mo", "at": "09:00"}
    journey = a_journey().email("half_a_year", when=half_a_year).publish(vendor, now=now)

    instance = enter(journey, couple, now=now)
    run_until_idle(now)

    assert 0 == SinkMessage.objects.count()
    row = NodeExecution.objects.get(instance=instance, node_id="half_a_year")
    assert NodeExecution.Status.SKIPPED == row.status
    assert "ago" in row.reason


def test_an_action_changes_the_client_with_its_step(vendor: Vendor, couple: Client, now: datetime) -> None:
    journey = (
        a_journey()
        .action(
            "mark",
            {"kind": "add_tag", "tag": "vip"},
            {"kind": "set_status", "status": "welcomed"},
            {"kind": "set_field", "name": "album", "value": "for {{ client.display_name }}"},
            {"kind": "create_task", "title": "Call {{ client.display_name }}", "due": "2d"},
        )
        .condition("is_vip", "'vip' in client.tags")
        .action("yes", {"kind": "add_tag", "tag": "checked"})
        .publish(vendor, now=now)
    )

    enter(journey, couple, now=now)
    run_until_idle(now)

    couple.refresh_from_db()
    assert "welcomed" == couple.status
    assert "for Inês & Tomás" == couple.fields["album"]
    assert {"vip", "checked"} == set(couple.tags.values_list("name", flat=True))
    task = couple.tasks.get()
    assert ("Call Inês & Tomás", (now + timedelta(days=2)).date()) == (task.title, task.due_on)


NIGHT = {"every": [], **{day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}}


def test_a_message_waits_for_the_sending_hours_and_is_not_late_for_that(
    vendor: Vendor, now: datetime
) -> None:
    vendor_settings_set(vendor, now=now)
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=35))
    # The wedding is on Wed 19 May 2027, so 30 days before is Mon 19 April; 20:00 is after hours.
    evening = {"kind": "anchor", "anchor": "wedding", "offset": "-30d", "at": "20:00"}
    journey = a_journey().email("evening", when=evening, late={"rule": "skip"}).publish(vendor, now=now)
    instance = enter(journey, couple, now=now)
    run_until_idle(now)
    due = Schedule.objects.get(instance=instance).due_at

    run_until_idle(due)
    held = Schedule.objects.get(instance=instance)
    assert "Put off until Tuesday 09:00: 20:00 is outside your sending hours." == held.reason
    assert timedelta(hours=13) == held.due_at - due

    run_until_idle(held.due_at)
    assert 1 == SinkMessage.objects.count()


def test_what_is_put_off_past_its_date_is_not_sent(vendor: Vendor, now: datetime) -> None:
    vendor_settings_set(vendor, now=now)
    # Saturday 17 April 2027; the eve is a Friday, after hours, and the next opening is Monday.
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=3))
    eve = {"kind": "anchor", "anchor": "wedding", "offset": "-1d", "at": "19:00"}
    journey = a_journey().email("eve", when=eve).publish(vendor, now=now)
    instance = enter(journey, couple, now=now)
    run_until_idle(now)

    for days in range(1, 8):
        run_until_idle(now + timedelta(days=days))

    assert 0 == SinkMessage.objects.count()
    states = NodeExecution.objects.filter(instance=instance, node_id="eve").order_by("id")
    assert ["skipped"] == [row.status for row in states]


def vendor_settings_set(vendor: Vendor, *, now: datetime) -> None:
    vendor_change_settings(vendor=vendor, sending_hours=NIGHT, now=now, actor=ACTOR)
