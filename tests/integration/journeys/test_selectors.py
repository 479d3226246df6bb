from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from journeys.language.facts import PERSON, SCHEMA
from journeys.models import Client, Journey, Tag
from journeys.recipients import recipients
from journeys.scoping import owned_by
from journeys.selectors import calendar_of, calendars_of, client_facts, facts_of, long_date, main_wedding
from journeys.services.clients import client_add
from journeys.services.weddings import (
    StakeholderData,
    WeddingData,
    anchor_set,
    wedding_add,
    wedding_cancel,
    wedding_move,
)

ACTOR = "user:1"


def test_the_facts_of_a_couple_are_what_texts_read(client, now):
    facts = client_facts(client_ids=[client.pk], now=now)[client.pk]

    assert facts["client"] | {"id": "", "phone": ""} == {
        "id": "",
        "first_name": "Inês",
        "last_name": "Alves",
        "display_name": "Inês & Tomás",
        "email": "ines@example.com",
        "phone": "",
        "status": "booked",
        "locale": "en",
        "time_zone": "Europe/Lisbon",
        "tags": ["destination", "small wedding"],
        "fields": {"gallery_url": "https://luz.example.com/g/1"},
    }
    assert facts["wedding"] | {"id": ""} == {
        "id": "",
        "date": "2027-06-12",
        "time": "15:30",
        "long_date": "Saturday 12 June 2027",
        "venue": "Quinta da Serra",
        "city": "Sintra",
        "country": "PT",
        "time_zone": "Europe/Lisbon",
        "guest_count": 80,
        "days_to": 59,
        "status": "planned",
        "anchors": {"booking": "2027-04-14", "wedding": "2027-06-12"},
    }
    assert facts["people"]["partner_2"] == {
        "first_name": "Tomás",
        "last_name": "",
        "name": "Tomás",
        "email": "tomas@example.com",
    }
    assert facts["vendor"] == {
        "name": "Luz & Linho",
        "kind": "photographer",
        "email": "ola@luz.example.com",
        "phone": "",
        "website": "",
        "time_zone": "Europe/Lisbon",
        "fields": {"review_url": "https://luz.example.com/review"},
    }


@pytest.mark.parametrize("with_wedding", [True, False])
def test_facts_have_the_fields_of_the_schema_and_none_empty_that_may_not_be(vendor, now, with_wedding):
    wedding = WeddingData() if with_wedding else None
    bare = client_add(vendor=vendor, display_name="Mei & Jo", wedding=wedding, now=now, actor=ACTOR)

    facts = client_facts(client_ids=[bare.pk], now=now)[bare.pk]

    for root in ("client", "wedding", "vendor"):
        assert facts[root].keys() == SCHEMA[root].keys()
        empty = {
            name
            for name, fact in SCHEMA[root].items()
            if facts[root][name] in ("", None) and not fact.may_be_empty
        }
        assert empty == set()
    for person in facts["people"].values():
        assert person.keys() == PERSON.keys()


def test_facts_of_many_couples_take_as_many_queries_as_of_one(vendor, client, now, django_assert_num_queries):
    for number in range(8):
        client_add(
            vendor=vendor,
            first_name=f"Mei {number}",
            tags=["a"],
            wedding=WeddingData(date=date(2027, 8, 1)),
            now=now,
            actor=ACTOR,
        )
    ids = list(Client.objects.values_list("pk", flat=True))

    with django_assert_num_queries(5):
        one = client_facts(client_ids=[client.pk], now=now)
    with django_assert_num_queries(5):
        many = client_facts(client_ids=ids, now=now)

    assert len(many) == 9
    assert many[client.pk] == one[client.pk]


def test_a_client_who_is_gone_is_missing_in_the_facts(now):
    assert client_facts(client_ids=[4711], now=now) == {}


def test_days_are_counted_on_the_wedding_s_own_calendar(client, wedding, now):
    evening = now.replace(hour=23, minute=30)
    lisbon = facts_of(client=client, wedding=wedding, now=evening)["wedding"]["days_to"]
    wedding.time_zone = "Pacific/Honolulu"
    honolulu = facts_of(client=client, wedding=wedding, now=evening)["wedding"]["days_to"]

    # 00:30 on the 15th in Lisbon, 13:30 on the 14th in Honolulu.
    assert (lisbon, honolulu) == (58, 59)


def test_the_main_wedding_is_the_newest_that_is_not_cancelled(client, wedding, now):
    second = wedding_add(client=client, data=WeddingData(date=date(2028, 1, 1)), now=now, actor=ACTOR)
    assert main_wedding(client) == second

    wedding_cancel(wedding=second, now=now, actor=ACTOR)
    assert main_wedding(client) == wedding

    chosen = client_facts(client_ids=[client.pk], wedding_ids={client.pk: second.pk}, now=now)
    assert chosen[client.pk]["wedding"]["status"] == "cancelled"


def test_the_calendar_knows_the_wedding_and_the_other_dates(wedding, vendor, now):
    anchor_set(
        wedding=wedding,
        name="engagement_shoot",
        date=date(2027, 5, 1),
        time=time(18),
        time_zone="America/New_York",
        now=now,
        actor=ACTOR,
    )

    calendar = calendar_of(wedding, vendor)

    assert (calendar.wedding_zone, calendar.vendor_zone, calendar.business.region) == (
        "Europe/Lisbon",
        "Europe/Lisbon",
        "PT",
    )
    assert {
        name: (moment.day.isoformat(), moment.at, moment.zone) for name, moment in calendar.anchors.items()
    } == {
        "wedding": ("2027-06-12", time(15, 30), "Europe/Lisbon"),
        "booking": ("2027-04-14", None, "Europe/Lisbon"),
        "engagement_shoot": ("2027-05-01", time(18), "America/New_York"),
    }


def test_a_postponed_wedding_has_no_day_and_a_cancelled_one_no_dates(wedding, vendor, now):
    wedding_move(wedding=wedding, date=None, now=now, actor=ACTOR)
    assert set(calendar_of(wedding, vendor).anchors) == {"booking"}

    wedding_cancel(wedding=wedding, now=now, actor=ACTOR)
    assert calendar_of(wedding, vendor).anchors == {}


def test_without_a_wedding_the_calendar_is_the_vendor_s(vendor):
    calendar = calendar_of(None, vendor)

    assert (calendar.anchors, calendar.wedding_zone) == ({}, "Europe/Lisbon")


def test_calendars_of_many_weddings_take_one_query(client, vendor, now, django_assert_num_queries):
    for _ in range(3):
        wedding_add(client=client, data=WeddingData(date=date(2027, 8, 1)), now=now, actor=ACTOR)
    weddings = list(client.weddings.all())

    with django_assert_num_queries(1):
        calendars = calendars_of(weddings=weddings, vendor=vendor)

    assert len(calendars) == 4


def test_a_long_date_reads_like_in_a_letter():
    assert [long_date(date(2027, 6, 12) + timedelta(days=days)) for days in (0, 19)] == [
        "Saturday 12 June 2027",
        "Thursday 1 July 2027",
    ]


def test_the_couple_is_both_partners(client, wedding):
    found = recipients(wedding, client, ["couple"])

    assert [(person.role, person.first_name, person.email) for person in found] == [
        ("partner_1", "Inês", "ines@example.com"),
        ("partner_2", "Tomás", "tomas@example.com"),
    ]
    assert found[0].stakeholder_id == wedding.stakeholders.get(role="partner_1").public_id


def test_a_text_goes_to_the_partner_who_has_a_phone(client, wedding):
    found = recipients(wedding, client, ["couple"], channel="sms")

    assert [(person.role, person.phone) for person in found] == [("partner_1", "+351912345678")]


def test_roles_are_resolved_in_order_and_nobody_gets_two_copies(client, wedding):
    found = recipients(wedding, client, ["planner", "couple", "partner_1", "vendor", "florist"])

    assert [person.role for person in found] == ["planner", "partner_1", "partner_2", "vendor"]
    assert (found[0].locale, found[1].locale) == ("pt-PT", "en")
    assert found[3].facts() == {
        "first_name": "Luz & Linho",
        "last_name": "",
        "name": "Luz & Linho",
        "role": "vendor",
        "email": "ola@luz.example.com",
        "locale": "en",
    }


def test_partners_who_share_an_address_get_one_copy(vendor, now):
    people = [
        StakeholderData(role="partner_1", first_name="Mei", email="us@example.com"),
        StakeholderData(role="partner_2", first_name="Jo", email="US@example.com"),
    ]
    client = client_add(vendor=vendor, stakeholders=people, now=now, actor=ACTOR)

    found = recipients(client.weddings.get(), client, ["couple"])

    assert [person.first_name for person in found] == ["Mei"]


def test_a_couple_without_people_is_the_client(vendor, now):
    client = client_add(vendor=vendor, first_name="Mei", email="mei@example.com", now=now, actor=ACTOR)

    found = recipients(None, client, ["couple"])

    assert [(person.role, person.name, person.email) for person in found] == [
        ("partner_1", "Mei", "mei@example.com")
    ]


def test_a_couple_that_can_not_be_reached_is_named_all_the_same(vendor, now):
    client = client_add(vendor=vendor, display_name="Mei & Jo", now=now, actor=ACTOR)

    found = recipients(None, client, ["couple"], channel="sms")

    assert [(person.first_name, person.phone) for person in found] == [("Mei & Jo", "")]


def test_a_vendor_sees_only_what_it_owns(vendor, other_vendor, client, now):
    theirs = client_add(vendor=other_vendor, display_name="Lena", tags=["a"], now=now, actor=ACTOR)

    assert list(owned_by(vendor, Client)) == [client]
    assert list(owned_by(other_vendor, Client)) == [theirs]
    assert list(owned_by(other_vendor, Tag).values_list("name", flat=True)) == ["a"]
    assert list(owned_by(other_vendor, Journey)) == []
