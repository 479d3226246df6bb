from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.urls import reverse

from engine.discovery import discover
from journeys.models import ApiKey, AuditRecord, Membership, Task, Vendor
from journeys.services.api_keys import api_key_create
from journeys.services.journeys import journey_create, journey_publish
from journeys.services.tasks import task_add
from journeys.services.templates import templates_sync

ACTOR = "user:1"
MODELS = sorted(apps.get_app_config("journeys").get_models(), key=lambda model: model.__name__)


@pytest.fixture(autouse=True)
def _static_files(settings, tmp_path):
    """Serve static files from a folder that exists."""
    settings.STATIC_ROOT = tmp_path


@pytest.fixture
def superuser():
    return User.objects.create_superuser("boss", "boss@example.com", "a long password")


@pytest.fixture
def page(superuser):
    browser = Browser()
    browser.force_login(superuser)
    return browser


@pytest.fixture
def helper_page():
    """A person of the staff who is no superuser, and may look at everything."""
    user = User.objects.create_user("staff", password="a long password", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="journeys"))
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture
def _records(client, vendor, superuser, now):
    discover()
    templates_sync(now=now)
    journey_publish(
        journey=journey_create(vendor=vendor, name="J", now=now, actor=ACTOR), now=now, actor=ACTOR
    )
    task_add(client=client, title="Call them", now=now, actor=ACTOR)
    api_key_create(vendor=vendor, name="CRM", now=now, actor=ACTOR)
    Membership.objects.create(vendor=vendor, user=superuser, created_at=now)


def address(model, view, *arguments):
    return reverse(f"admin:journeys_{model._meta.model_name}_{view}", args=arguments)


def test_every_record_has_its_place_in_the_admin():
    assert [model for model in MODELS if not admin.site.is_registered(model)] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_lists_and_details_open(_records, page, model):
    listed = page.get(address(model, "changelist"))
    assert listed.status_code == 200

    row = model.objects.first()
    if row is not None:
        detail = page.get(address(model, "change", row.pk))
        assert detail.status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_searching_a_list_reads_no_encrypted_column(_records, page, model):
    if admin.site.get_model_admin(model).search_fields:
        assert page.get(address(model, "changelist"), {"q": "ven_"}).status_code == 200


def test_personal_data_is_for_superusers_only(client, page, helper_page):
    where = address(type(client), "change", client.pk)

    assert "ines@example.com" in page.get(where).content.decode()
    seen = helper_page.get(where)
    assert seen.status_code == 200
    assert "ines@example.com" not in seen.content.decode()


@pytest.mark.parametrize("name", ["Version", "AuditRecord", "Client", "Wedding", "Journey"])
def test_what_has_consequences_is_not_changed_here(_records, page, name):
    model = apps.get_model("journeys", name)
    row = model.objects.first()

    assert page.get(address(model, "add")).status_code == 403
    assert page.post(address(model, "change", row.pk), {}).status_code == 403
    assert page.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403


FORM = {
    "name": "Casa do Lago",
    "kind": "venue",
    "region": "PT",
    "time_zone": "Europe/Lisbon",
    "sending_hours": "{}",
    "settings": "{}",
    "email": "Casa@Lago.example.com",
    "phone": "912 345 678",
    "website": "",
    "is_active": "on",
}


def test_a_vendor_is_added_through_the_service(page, superuser):
    answer = page.post(address(Vendor, "add"), FORM)

    assert answer.status_code == 302
    vendor = Vendor.objects.get()
    assert (vendor.email, vendor.phone) == ("casa@lago.example.com", "+351912345678")
    assert AuditRecord.objects.get(action="vendor.added").actor == f"user:{superuser.pk}"


def test_a_vendor_is_changed_through_the_service(page, vendor):
    answer = page.post(address(Vendor, "change", vendor.pk), FORM | {"is_active": ""})

    assert answer.status_code == 302
    vendor.refresh_from_db()
    assert (vendor.name, vendor.is_active) == ("Casa do Lago", False)
    assert set(AuditRecord.objects.get(action="vendor.changed").detail["fields"]) >= {"name", "is_active"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"time_zone": "Mars"}, "no time zone"),
        ({"email": "casa"}, "e-mail address can not be used"),
        ({"sending_hours": '{"someday": []}'}, "no day"),
    ],
)
def test_a_vendor_that_can_not_be_used_is_refused_at_the_form(page, change, says):
    answer = page.post(address(Vendor, "add"), FORM | change)

    assert answer.status_code == 200
    assert says in answer.content.decode()
    assert not Vendor.objects.exists()


def test_a_key_is_shown_once(page, vendor):
    answer = page.post(address(ApiKey, "add"), {"vendor": vendor.pk, "name": "CRM"}, follow=True)

    plain = answer.content.decode().partition("The key is ")[2].partition(". Copy")[0]
    assert ApiKey.objects.is_valid(plain)
    assert plain not in page.get(address(ApiKey, "changelist")).content.decode()


def act(page, model, action, row):
    return page.post(
        address(model, "changelist"), {"action": action, "_selected_action": [row.pk]}, follow=True
    )


def test_keys_are_revoked_and_tasks_finished_from_their_lists(_records, page):
    act(page, ApiKey, "revoke", ApiKey.objects.get())
    act(page, Task, "finish", Task.objects.get())

    assert ApiKey.objects.get().revoked is True
    assert Task.objects.get().done_at is not None
    assert {"api_key.revoked", "task.finished"} <= set(AuditRecord.objects.values_list("action", flat=True))


def test_memberships_are_given_changed_and_taken_away(page, vendor, superuser):
    given = {"vendor": vendor.pk, "user": superuser.pk, "role": "editor"}
    page.post(address(Membership, "add"), given)
    membership = Membership.objects.get()
    page.post(address(Membership, "change", membership.pk), {"role": "viewer"})
    assert Membership.objects.get().role == "viewer"

    page.post(address(Membership, "delete", membership.pk), {"post": "yes"})
    assert not Membership.objects.exists()
    assert AuditRecord.objects.filter(action__startswith="membership.").count() == 3
