from __future__ import annotations

from datetime import date

import pytest
from django.db import connection

from journeys import signals
from journeys.encryption import blind_index
from journeys.errors import Conflict, Invalid
from journeys.models import AuditRecord, Client, Stakeholder, Tag, Wedding
from journeys.services.clients import client_add, client_change, set_field, tag_add, tag_remove
from journeys.services.weddings import StakeholderData, WeddingData

ACTOR = "user:1"


def deeds(obj):
    records = AuditRecord.objects.filter(object_id=obj.public_id).order_by("id")
    return [record.action for record in records]


def test_a_new_client_has_wedding_people_tags_and_the_booking_date(client, wedding):
    assert client.display_name == "Inês & Tomás"
    assert (client.first_name, client.email, client.phone) == ("Inês", "ines@example.com", "+351912345678")
    assert sorted(client.tags.values_list("name", flat=True)) == ["destination", "small wedding"]
    assert wedding.date == date(2027, 6, 12)
    assert (wedding.region, wedding.time_zone) == ("PT", "Europe/Lisbon")
    assert sorted(wedding.stakeholders.values_list("role", flat=True)) == [
        "partner_1",
        "partner_2",
        "planner",
    ]
    assert wedding.anchors.get(name="booking").date == date(2027, 4, 14)


def test_a_new_client_is_written_down_and_told_about(vendor, now, told):
    added = client_add(
        vendor=vendor, display_name="Mei & Jo", wedding=WeddingData(), now=now, actor="key:abc"
    )

    assert deeds(added) == ["client.added"]
    record = AuditRecord.objects.get(object_id=added.public_id)
    assert (record.vendor_id, record.actor, record.at, record.object_type) == (
        vendor.pk,
        "key:abc",
        now,
        "client",
    )
    assert told == [
        ("client_added", {"client": added, "wedding": added.weddings.get(), "now": now, "actor": "key:abc"})
    ]


def test_a_client_without_wedding_is_told_about_without_one(vendor, now, told):
    added = client_add(vendor=vendor, first_name="Mei", now=now, actor=ACTOR)

    assert added.display_name == "Mei"
    assert told[0][1]["wedding"] is None
    assert not Wedding.objects.filter(client=added).exists()


def test_a_lead_has_no_booking_date_until_it_books(vendor, now, told):
    lead = client_add(vendor=vendor, first_name="Mei", wedding=WeddingData(), now=now, actor=ACTOR)
    wedding = lead.weddings.get()
    assert not wedding.anchors.exists()

    client_change(client=lead, status="booked", now=now, actor=ACTOR)

    assert wedding.anchors.get().name == "booking"
    assert [name for name, _ in told] == ["client_added", "wedding_moved", "client_changed"]


def test_nothing_of_a_client_is_written_when_somebody_above_refuses(vendor, now, refusing):
    refused = refusing(signals.client_added)
    records = AuditRecord.objects.count()

    with pytest.raises(refused):
        client_add(
            vendor=vendor, display_name="Mei & Jo", wedding=WeddingData(), tags=["new"], now=now, actor=ACTOR
        )

    assert not Client.objects.exists()
    assert not Wedding.objects.exists()
    assert not Tag.objects.exists()
    assert AuditRecord.objects.count() == records


def test_personal_data_is_unreadable_in_the_database(client):
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM journeys_client")
        row = " ".join(str(value) for value in cursor.fetchone())
        cursor.execute("SELECT * FROM journeys_stakeholder")
        row += " ".join(str(value) for stored in cursor.fetchall() for value in stored)

    assert not any(word in row for word in ("Inês", "Tomás", "example.com", "912345678", "luz.example"))


def test_personal_data_is_found_by_its_blind_index(client, vendor):
    assert Client.objects.get(vendor=vendor, email_index=blind_index("ines@example.com")) == client
    assert Client.objects.get(vendor=vendor, phone_index=blind_index("+351912345678")) == client
    assert Stakeholder.objects.get(email_index=blind_index("tomas@example.com")).role == "partner_2"


def test_an_encrypted_column_can_not_be_searched_by_mistake(client):
    with pytest.raises(TypeError, match="blind index"):
        list(Client.objects.filter(email="ines@example.com"))


def test_the_audit_trail_holds_no_personal_data(client, now):
    client_change(client=client, email="new@example.com", first_name="Leonor", now=now, actor=ACTOR)

    trail = " ".join(str(record.detail) for record in AuditRecord.objects.all())
    assert not any(word in trail for word in ("Inês", "Leonor", "example.com", "91234"))


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "bad_name"),
        ({"display_name": "Mei", "email": "mei"}, "bad_email"),
        ({"display_name": "Mei", "phone": "12"}, "bad_phone"),
        ({"display_name": "Mei", "status": " "}, "bad_status"),
        ({"display_name": "Mei", "status": "s" * 41}, "bad_status"),
        ({"display_name": "Mei", "time_zone": "Mars/Base"}, "bad_time_zone"),
        ({"display_name": "Mei", "tags": [""]}, "bad_tag"),
        ({"display_name": "Mei", "tags": ["t" * 61]}, "bad_tag"),
        ({"display_name": "Mei", "fields": {"": 1}}, "bad_field"),
        ({"display_name": "Mei", "wedding": WeddingData(time_zone="Nowhere")}, "bad_time_zone"),
        ({"display_name": "Mei", "wedding": WeddingData(region="Portugal")}, "bad_region"),
        ({"display_name": "Mei", "wedding": WeddingData(guest_count=-1)}, "bad_guest_count"),
        (
            {"display_name": "Mei", "wedding": WeddingData(anchors={"wedding": date(2027, 1, 1)})},
            "bad_anchor",
        ),
        (
            {"display_name": "Mei", "wedding": WeddingData(anchors={"Day One": date(2027, 1, 1)})},
            "bad_anchor",
        ),
        ({"display_name": "Mei", "stakeholders": [StakeholderData(role="The Planner")]}, "bad_role"),
        (
            {"display_name": "Mei", "stakeholders": [StakeholderData(role="dj"), StakeholderData(role="dj")]},
            "bad_role",
        ),
        (
            {"display_name": "Mei", "stakeholders": [StakeholderData(role="partner_2", email="x")]},
            "bad_email",
        ),
    ],
)
def test_a_client_that_can_not_be_used_is_refused_whole(vendor, now, given, code):
    with pytest.raises(Invalid) as refusal:
        client_add(vendor=vendor, **given, now=now, actor=ACTOR)

    assert refusal.value.code == code
    assert not Client.objects.exists()


def test_a_reference_of_another_system_is_taken_once(vendor, other_vendor, now):
    client_add(vendor=vendor, display_name="Mei", external_ref="a-1", now=now, actor=ACTOR)
    client_add(vendor=other_vendor, display_name="Mei", external_ref="a-1", now=now, actor=ACTOR)

    with pytest.raises(Conflict) as refusal:
        client_add(vendor=vendor, display_name="Jo", external_ref="a-1", now=now, actor=ACTOR)

    assert refusal.value.code == "duplicate_external_ref"


def test_a_changed_contact_follows_to_the_first_partner(client, wedding, now, told):
    client_change(client=client, email="ines.alves@example.com", now=now, actor=ACTOR)

    partner = wedding.stakeholders.get(role="partner_1")
    assert (partner.email, partner.email_index) == (
        "ines.alves@example.com",
        blind_index("ines.alves@example.com"),
    )
    assert told == [("client_changed", {"clients": [client], "now": now})]


def test_a_change_of_status_is_written_down_with_what_it_was(client, now):
    client_change(client=client, status="delivered", now=now, actor="engine")

    detail = AuditRecord.objects.get(action="client.changed").detail
    assert detail == {"fields": ["status"], "status": "delivered", "was": "booked"}


def test_fields_are_laid_over_the_old_ones_and_taken_away(client, now):
    client_change(client=client, fields={"budget": 900, "gallery_url": None}, now=now, actor=ACTOR)
    set_field(client=client, name="album", value="linen", now=now, actor=ACTOR)

    client.refresh_from_db()
    assert client.fields == {"budget": 900, "album": "linen"}


def test_a_change_that_changes_nothing_is_told_to_nobody(client, now, told):
    before = deeds(client)

    client_change(client=client, status="booked", fields={}, now=now, actor=ACTOR)
    tag_add(client=client, name="destination", now=now, actor=ACTOR)
    tag_remove(client=client, name="unknown", now=now, actor=ACTOR)

    assert deeds(client) == before
    assert told == []


def test_tags_are_put_on_and_taken_off(client, now, told):
    tag_add(client=client, name=" VIP ", now=now, actor=ACTOR)
    tag_remove(client=client, name="destination", now=now, actor=ACTOR)

    assert sorted(client.tags.values_list("name", flat=True)) == ["VIP", "small wedding"]
    assert deeds(client)[-2:] == ["client.tag_added", "client.tag_removed"]
    assert [name for name, _ in told] == ["client_changed", "client_changed"]


def test_a_change_is_undone_when_somebody_above_refuses(client, now, refusing):
    refused = refusing(signals.client_changed)

    with pytest.raises(refused):
        client_change(client=client, status="lost", now=now, actor=ACTOR)
    with pytest.raises(refused):
        tag_add(client=client, name="VIP", now=now, actor=ACTOR)

    client.refresh_from_db()
    assert client.status == "booked"
    assert not client.tags.filter(name="VIP").exists()
