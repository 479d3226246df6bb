"""What holds a message back, in the running engine."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from channels.models import Message, SinkMessage
from engine.models import Instance, InterventionTicket, NodeExecution, Schedule
from engine.services.tickets import ticket_retry, ticket_skip
from journeys.models import Client, Vendor
from journeys.services.clients import client_change
from journeys.services.vendors import vendor_change_settings
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import enter, run_until_idle

OFFICE = {"every": ["09:00", "18:00"], "sat": [], "sun": []}


def rules(vendor: Vendor, *, now: datetime, hours: dict[str, Any] | None = None, **setting: Any) -> None:
    vendor_change_settings(vendor=vendor, contact_rules=setting, sending_hours=hours, now=now, actor=ACTOR)


def place(instance: Instance) -> Schedule:
    return Schedule.objects.get(instance=instance)


def steps(instance: Instance) -> list[tuple[str, str]]:
    return list(
        NodeExecution.objects.filter(instance=instance)
        .exclude(node_type__in=["start", "end"])
        .order_by("id")
        .values_list("node_id", "status")
    )


def test_the_wedding_day_of_another_couple_is_kept_free(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    rules(vendor, now=now, blackout={"own_weddings": True})
    a_couple(vendor, now=now, wedding_in=timedelta(days=0))
    instance = enter(a_journey().email("hello").publish(vendor, now=now), couple, now=now)

    run_until_idle(now)

    held = place(instance)
    assert "Put off until Thursday 00:00: Wednesday 14 April is one of your wedding days." == held.reason
    run_until_idle(held.due_at)
    assert 1 == SinkMessage.objects.count()
    assert [("hello", "held"), ("hello", "succeeded")] == steps(instance)


def test_the_day_before_another_wedding_is_written_about_all_the_same(vendor: Vendor, now: datetime) -> None:
    rules(vendor, now=now, blackout={"own_weddings": True})
    a_couple(vendor, now=now, wedding_in=timedelta(days=0))
    tomorrow = a_couple(vendor, now=now, wedding_in=timedelta(days=1))

    enter(a_journey().email("eve").publish(vendor, now=now), tomorrow, now=now)
    run_until_idle(now)

    assert 1 == SinkMessage.objects.count()


def test_the_cap_counts_over_all_journeys(vendor: Vendor, couple: Client, now: datetime) -> None:
    rules(vendor, now=now, cap={"marketing": {"count": 1, "days": 7}})
    first = a_journey().email("first", purpose="marketing", to=["couple"]).publish(vendor, now=now)
    second = a_journey().email("second", purpose="marketing", to=["couple"]).publish(vendor, now=now)
    third = a_journey().email("third", to=["couple"]).publish(vendor, now=now)

    enter(first, couple, now=now)
    run_until_idle(now)
    held = enter(second, couple, now=now + timedelta(days=2))
    enter(third, couple, now=now + timedelta(days=2))
    run_until_idle(now + timedelta(days=2))

    # Two copies of the first step and two of the transactional one; the second marketing step waits.
    assert 4 == SinkMessage.objects.count()
    assert now + timedelta(days=7) == place(held).due_at
    assert "they have had 1 marketing message within 7 days" in place(held).reason
    run_until_idle(now + timedelta(days=7))
    assert 6 == SinkMessage.objects.count()


def test_spacing_holds_the_second_message_to_one_person(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    rules(vendor, now=now, spacing={"hours": 4})
    enter(a_journey().email("one").email("two").publish(vendor, now=now), couple, now=now)

    run_until_idle(now)
    assert 1 == SinkMessage.objects.count()
    held = Schedule.objects.get(node_id="two")
    assert "Put off until 14:00 today: a message went out at 10:00, and 4 h lie between two." == held.reason

    run_until_idle(now + timedelta(hours=4))
    assert 2 == SinkMessage.objects.count()


def test_copies_of_one_step_do_not_hold_each_other(vendor: Vendor, couple: Client, now: datetime) -> None:
    rules(vendor, now=now, spacing={"hours": 4}, cap={"transactional": {"count": 1, "days": 7}})

    enter(a_journey().email("both", to=["couple"]).publish(vendor, now=now), couple, now=now)
    run_until_idle(now)

    assert 2 == SinkMessage.objects.count()


def test_texts_wait_for_the_morning_where_the_couple_lives(vendor: Vendor, now: datetime) -> None:
    rules(vendor, now=now)
    couple = a_couple(vendor, now=now)
    client_change(client=couple, time_zone="America/New_York", now=now, actor=ACTOR)
    instance = enter(a_journey().sms("text").publish(vendor, now=now), couple, now=now)

    run_until_idle(now)

    # 10:00 in Lisbon is 05:00 in New York; 08:00 there is noon in UTC.
    assert datetime(2027, 4, 14, 12, tzinfo=UTC) == place(instance).due_at
    assert "Put off until 13:00 today: quiet hours are 21:00 to 08:00." == place(instance).reason


def test_a_person_may_have_quiet_hours_of_their_own(vendor: Vendor, now: datetime) -> None:
    couple = a_couple(vendor, now=now, quiet_hours=["09:00", "12:00"])
    instance = enter(a_journey().email("hello").publish(vendor, now=now), couple, now=now)

    run_until_idle(now)

    assert datetime(2027, 4, 14, 11, tzinfo=UTC) == place(instance).due_at


EVE = {"kind": "anchor", "anchor": "wedding", "offset": "-1d", "at": "19:00"}


@pytest.fixture
def saturday(vendor: Vendor, now: datetime) -> Client:
    """Marry on Saturday 17 April 2027; the eve is a Friday."""
    rules(vendor, now=now, hours=OFFICE)
    return a_couple(vendor, now=now, wedding_in=timedelta(days=3))


def eve_at(hours: int) -> datetime:
    return datetime(2027, 4, 16, hours, tzinfo=UTC)


def test_what_is_meant_for_before_the_day_is_left_out_at_once(
    vendor: Vendor, saturday: Client, now: datetime
) -> None:
    instance = enter(a_journey().email("eve", when=EVE).publish(vendor, now=now), saturday, now=now)

    run_until_idle(eve_at(18))

    assert 0 == SinkMessage.objects.count()
    assert [("eve", "skipped")] == steps(instance)
    reason = NodeExecution.objects.get(instance=instance, node_id="eve").reason
    assert (
        "Skipped: it could not go out before its date had passed: 19:00 is outside your sending hours."
        == reason
    )


def test_a_step_behind_the_wait_hangs_on_the_waits_date(
    vendor: Vendor, saturday: Client, now: datetime
) -> None:
    journey = (
        a_journey()
        .wait_for_date("friday", "-1d", at="19:00")
        .condition("known", "client.status == 'booked'")
        .email("eve")
        .publish(vendor, now=now)
    )
    instance = enter(journey, saturday, now=now)

    run_until_idle(eve_at(18))

    assert ("eve", "skipped") == steps(instance)[-1]
    assert 0 == SinkMessage.objects.count()


def test_the_rule_send_goes_out_behind_its_date(vendor: Vendor, saturday: Client, now: datetime) -> None:
    journey = a_journey().email("eve", when=EVE, late={"rule": "send"}).publish(vendor, now=now)
    instance = enter(journey, saturday, now=now)

    run_until_idle(eve_at(18))
    assert datetime(2027, 4, 19, 8, tzinfo=UTC) == place(instance).due_at

    run_until_idle(datetime(2027, 4, 19, 8, tzinfo=UTC))
    assert 1 == SinkMessage.objects.count()


@pytest.mark.parametrize(("retry", "messages"), [(True, 1), (False, 0)])
def test_the_rule_ask_asks_a_person(
    vendor: Vendor, saturday: Client, now: datetime, *, retry: bool, messages: int
) -> None:
    journey = a_journey().email("eve", when=EVE, late={"rule": "ask"}).publish(vendor, now=now)
    enter(journey, saturday, now=now)
    run_until_idle(eve_at(18))
    ticket = InterventionTicket.objects.get()
    assert "late_ask" == ticket.code
    assert "19:00 is outside your sending hours" in ticket.summary

    (ticket_retry if retry else ticket_skip)(ticket=ticket, now=eve_at(18), actor=ACTOR)
    run_until_idle(eve_at(18))
    assert 0 == SinkMessage.objects.count()
    run_until_idle(datetime(2027, 4, 19, 8, tzinfo=UTC))

    assert messages == SinkMessage.objects.count()


def test_marketing_waits_until_their_day_is_over_and_what_is_for_the_day_does_not(
    vendor: Vendor, now: datetime
) -> None:
    rules(vendor, now=now, hours=OFFICE)
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=3))
    day = {"kind": "anchor", "anchor": "wedding", "offset": "0d", "at": "08:00"}
    card = a_journey().email("card", on_the_day=True, when=day).publish(vendor, now=now)
    offer = a_journey().wait(for_="3d").email("offer", purpose="marketing").publish(vendor, now=now)
    enter(card, couple, now=now)
    held = enter(offer, couple, now=now)
    run_until_idle(now)

    run_until_idle(now + timedelta(days=3))

    assert ["card"] == [message.node_id for message in Message.objects.all()]
    # The e-mail module keeps advertising away from the day as well; the vendor's office opens on Monday.
    run_until_idle(place(held).due_at)
    assert date(2027, 4, 19) == place(held).due_at.date()


def test_rules_that_contradict_each_other_need_a_person(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    rules(vendor, now=now, hours={"every": ["22:00", "23:00"]})

    enter(a_journey().sms("text").publish(vendor, now=now), couple, now=now)
    run_until_idle(now)

    assert "never_opens" == InterventionTicket.objects.get().code
