"""Dates that follow from other dates by the vendor's settings, and what moves when the settings change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from engine.models import Instance, Schedule, TriggerEvent, Watermark
from engine.services import dates
from engine.services.instances import instance_start
from journeys.errors import Invalid
from journeys.selectors import calendar_of, client_facts
from journeys.services.vendors import vendor_change_settings
from journeys.services.weddings import anchor_set, wedding_move
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import run_until_idle

GALLERY = {"gallery_delivery": {"from": "wedding", "offset": "42d"}}
LADDER = {
    "gallery_delivery": {"from": "wedding", "offset": "6w"},
    "album_due": {"from": "gallery_delivery", "offset": "10bd", "at": "10:00"},
    "final_payment_due": {"offset": "-30d"},
}


def derive(vendor, derived, now):
    return vendor_change_settings(vendor=vendor, settings={"derived_anchors": derived}, now=now, actor=ACTOR)


@pytest.fixture
def instance(vendor, couple, now) -> Instance:
    when = {"kind": "anchor", "anchor": "gallery_delivery", "offset": "3d"}
    journey = a_journey().email("album", when=when).publish(vendor, now=now)
    started = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return started


def test_steps_hang_on_a_date_that_nobody_typed(vendor, couple, instance, now):
    token = Schedule.objects.get(instance=instance)
    wedding = couple.weddings.get()
    assert "parked" == token.state

    derive(vendor, GALLERY, now)
    token.refresh_from_db()
    assert wedding.date + timedelta(days=45) == token.due_at.date()

    derive(vendor, {"gallery_delivery": {"from": "wedding", "offset": "28d"}}, now)
    token.refresh_from_db()
    assert wedding.date + timedelta(days=31) == token.due_at.date()

    wedding_move(wedding=wedding, date=wedding.date + timedelta(days=7), now=now, actor=ACTOR)
    token.refresh_from_db()
    assert wedding.date + timedelta(days=31) == token.due_at.date()

    anchor_set(wedding=wedding, name="gallery_delivery", date=date(2028, 1, 5), now=now, actor=ACTOR)
    token.refresh_from_db()
    assert datetime(2028, 1, 8, 9, tzinfo=UTC) == token.due_at

    anchor_set(wedding=wedding, name="gallery_delivery", date=None, now=now, actor=ACTOR)
    token.refresh_from_db()
    assert wedding.date + timedelta(days=31) == token.due_at.date()

    derive(vendor, {}, now)
    token.refresh_from_db()
    assert "parked" == token.state


def test_dates_follow_from_one_another(vendor, couple, now):
    derive(vendor, LADDER, now)
    wedding = couple.weddings.get()
    wedding_move(wedding=wedding, date=date(2027, 6, 12), now=now, actor=ACTOR)

    anchors = calendar_of(wedding, vendor).anchors

    assert date(2027, 7, 24) == anchors["gallery_delivery"].day
    # Ten working days after Saturday 24 July, none of them a holiday in Portugal.
    assert date(2027, 8, 6) == anchors["album_due"].day
    assert date(2027, 5, 13) == anchors["final_payment_due"].day
    facts = client_facts(client_ids=[couple.id], now=now)[couple.id]
    assert "2027-08-06" == facts["wedding"]["anchors"]["album_due"]


def test_wedding_without_a_date_derives_none(vendor, now):
    derive(vendor, LADDER, now)
    couple = a_couple(vendor, now=now, wedding_in=None)

    assert {"booking"} == set(calendar_of(couple.weddings.get(), vendor).anchors)


@pytest.mark.parametrize(
    "derived",
    [
        ["gallery"],
        {"Gallery": {"offset": "1d"}},
        {"wedding": {"from": "booking", "offset": "1y"}},
        {"gallery": "42d"},
        {"gallery": {"from": "wedding", "offset": "soon"}},
        {"gallery": {"from": "wedding", "offset": "3h"}},
        {"gallery": {"from": "wedding", "offset": "1d", "at": "25:00"}},
        {"gallery": {"from": "gallery", "offset": "1d"}},
        {"a": {"from": "b", "offset": "1d"}, "b": {"from": "a", "offset": "1d"}},
        {"gallery": {"from": 7, "offset": "1d"}},
        {"gallery": {"from": "wedding", "offset": "1d", "why": "no"}},
    ],
)
def test_setting_that_can_not_be_used_is_refused(vendor, now, derived):
    with pytest.raises(Invalid) as refusal:
        derive(vendor, derived, now)

    assert "bad_derived_anchors" == refusal.value.code


def test_journeys_start_by_a_date_that_follows(vendor, couple, now):
    derive(vendor, LADDER, now)
    a_journey().trigger("date_based", anchor="album_due", offset="-1d").email("album").publish(
        vendor, now=now
    )
    wedding = couple.weddings.get()
    moment = calendar_of(wedding, vendor).anchors["album_due"].day - timedelta(days=1)
    Watermark.objects.create(name=dates.WATERMARK, at=now)

    made = [
        dates.follow_dates(now=datetime(moment.year, moment.month, moment.day, hour, tzinfo=UTC))
        for hour in (8, 9, 12)
    ]

    assert [0, 1, 0] == made
    assert moment.isoformat() in TriggerEvent.objects.get(type="date_based").event_id


def test_vendors_other_settings_move_nothing(vendor, couple, instance, now):
    fence = Schedule.objects.get(instance=instance).fence

    vendor_change_settings(vendor=vendor, name="Another name", now=now, actor=ACTOR)

    assert fence == Schedule.objects.get(instance=instance).fence
