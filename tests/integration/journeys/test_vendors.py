from __future__ import annotations

from datetime import date

import pytest
from django.contrib.auth import get_user_model

from journeys.errors import Invalid
from journeys.models import ApiKey, AuditRecord, Membership, Task, Vendor
from journeys.services.api_keys import api_key_create, api_key_revoke
from journeys.services.tasks import task_add, task_finish
from journeys.services.vendors import membership_add, membership_remove, vendor_add, vendor_change_settings

ACTOR = "user:1"
GOOD = {"name": "Luz", "kind": "venue", "email": "a@example.com"}


def test_a_vendor_is_added_with_its_contact_in_one_form(vendor):
    assert (vendor.email, vendor.region) == ("ola@luz.example.com", "PT")
    assert vendor.public_id.startswith("ven_")
    assert len(vendor.public_id) == 26
    assert AuditRecord.objects.get(object_id=vendor.public_id).action == "vendor.added"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": " "}, "bad_name"),
        ({"kind": "magician"}, "bad_kind"),
        ({"email": ""}, "bad_email"),
        ({"email": "x"}, "bad_email"),
        ({"phone": "12"}, "bad_phone"),
        ({"region": "Atlantis"}, "bad_region"),
        ({"time_zone": "Mars"}, "bad_time_zone"),
        ({"sending_hours": {"someday": [["09:00", "18:00"]]}}, "bad_sending_hours"),
        ({"settings": {"parameters": ["-30d"]}}, "bad_settings"),
    ],
)
def test_a_vendor_that_can_not_be_worked_for_is_refused(now, given, code):
    with pytest.raises(Invalid) as refusal:
        vendor_add(**{**GOOD, **given}, now=now, actor=ACTOR)

    assert refusal.value.code == code
    assert not Vendor.objects.exists()


def test_settings_change_and_the_rest_stays(vendor, now):
    hours = {"every": [["09:00", "20:00"]]}

    vendor_change_settings(vendor=vendor, sending_hours=hours, is_active=False, now=now, actor=ACTOR)
    vendor_change_settings(vendor=vendor, sending_hours=hours, now=now, actor=ACTOR)

    vendor.refresh_from_db()
    assert (vendor.sending_hours, vendor.is_active, vendor.name) == (hours, False, "Luz & Linho")
    record = AuditRecord.objects.get(action="vendor.changed")
    assert record.detail == {"fields": ["sending_hours", "is_active"]}


def test_a_bad_setting_changes_nothing(vendor, now):
    with pytest.raises(Invalid):
        vendor_change_settings(vendor=vendor, name="New", time_zone="Mars", now=now, actor=ACTOR)

    vendor.refresh_from_db()
    assert vendor.name == "Luz & Linho"


@pytest.fixture
def user():
    return get_user_model().objects.create_user("rita")


def test_a_membership_is_given_changed_and_taken_away(vendor, user, now):
    given = {"vendor": vendor, "user": user, "now": now, "actor": ACTOR}

    membership_add(**given)
    membership = membership_add(**given, role="viewer")
    again = membership_add(**given, role="viewer")
    assert (Membership.objects.get().role, again) == ("viewer", membership)

    membership_remove(membership=membership, now=now, actor=ACTOR)
    membership_remove(membership=membership, now=now, actor=ACTOR)
    assert not Membership.objects.exists()
    actions = (
        AuditRecord.objects.filter(object_type="membership").order_by("id").values_list("action", flat=True)
    )
    assert list(actions) == ["membership.set", "membership.set", "membership.removed"]


def test_a_role_that_does_not_exist_is_refused(vendor, user, now):
    with pytest.raises(Invalid) as refusal:
        membership_add(vendor=vendor, user=user, role="boss", now=now, actor=ACTOR)

    assert refusal.value.code == "bad_role"


def test_a_key_is_shown_once_and_opens_until_it_is_revoked(vendor, now):
    key, plain = api_key_create(vendor=vendor, name=" CRM ", now=now, actor=ACTOR)

    assert (key.name, key.vendor) == ("CRM", vendor)
    assert ApiKey.objects.get_from_key(plain) == key
    assert plain.partition(".")[2] not in str(AuditRecord.objects.get(action="api_key.created").__dict__)

    api_key_revoke(key=key, now=now, actor=ACTOR)
    api_key_revoke(key=key, now=now, actor=ACTOR)
    assert not ApiKey.objects.is_valid(plain)
    assert AuditRecord.objects.filter(action="api_key.revoked").count() == 1


def test_a_key_needs_a_name(vendor, now):
    with pytest.raises(Invalid):
        api_key_create(vendor=vendor, name=" ", now=now, actor=ACTOR)


def test_a_task_of_a_step_is_made_once(client, now):
    given = {
        "client": client,
        "title": "Call them",
        "source": "ins_1:call:0:1",
        "now": now,
        "actor": "engine",
    }

    first = task_add(**given, note="About the list", due_on=date(2027, 5, 1))
    again = task_add(**given)

    assert again == first
    assert (first.vendor_id, first.due_on, first.note) == (
        client.vendor_id,
        date(2027, 5, 1),
        "About the list",
    )
    assert AuditRecord.objects.filter(action="task.added").count() == 1


def test_tasks_made_by_hand_are_as_many_as_were_made(client, now):
    for _ in range(2):
        task_add(client=client, title="Call them", now=now, actor=ACTOR)

    assert Task.objects.count() == 2


def test_a_task_is_finished_once(client, now):
    task = task_add(client=client, title="Call them", now=now, actor=ACTOR)

    task_finish(task=task, now=now, actor=ACTOR)
    task_finish(task=task, now=now, actor=ACTOR)

    task.refresh_from_db()
    assert task.done_at == now
    assert AuditRecord.objects.filter(action="task.finished").count() == 1


def test_a_task_needs_a_title(client, now):
    with pytest.raises(Invalid) as refusal:
        task_add(client=client, title="  ", now=now, actor=ACTOR)

    assert refusal.value.code == "bad_title"
