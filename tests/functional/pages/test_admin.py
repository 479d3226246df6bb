"""Modules, forms, pages and secrets in the admin: changed through their services, and audited."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser

from engine.models import ModuleSetting
from journeys.models import AuditRecord, Form, InfoPage, Vendor
from journeys.services.secrets import secret_set
from tests.builders import ACTOR, a_vendor


@pytest.fixture
def vendor(db: None, now: datetime, settings: Any) -> Vendor:
    settings.WHITENOISE_AUTOREFRESH = True
    return a_vendor(now=now)


@pytest.fixture
def browser(vendor: Vendor) -> Browser:
    user = get_user_model().objects.create_superuser("root", password="journeys-2027")
    browser = Browser()
    browser.force_login(user)
    return browser


def test_a_module_is_switched_off_for_everybody_and_on_again(browser: Browser) -> None:
    given = {"vendor": "", "module": "review", "overrides": '{"limits": {"per_minute": 9}}'}

    answer = browser.post("/admin/engine/modulesetting/add/", given)

    setting = ModuleSetting.objects.get()
    assert answer.status_code == 302
    assert (setting.vendor, setting.enabled) == (None, False)
    assert setting.overrides == {"limits": {"per_minute": 9}}
    browser.post(
        "/admin/engine/modulesetting/", {"action": "switch_on", "_selected_action": [str(setting.pk)]}
    )
    setting.refresh_from_db()
    assert setting.enabled
    assert AuditRecord.objects.filter(action="module.changed").count() == 2


def test_limits_that_make_no_sense_are_refused_beside_the_field(browser: Browser) -> None:
    given = {"vendor": "", "module": "review", "overrides": '{"limits": {"per_minute": 0}}'}

    answer = browser.post("/admin/engine/modulesetting/add/", given)

    assert answer.status_code == 200
    assert "limits.per_minute" in answer.content.decode()
    assert not ModuleSetting.objects.exists()


def test_a_form_is_written_and_changed(browser: Browser, vendor: Vendor) -> None:
    fields = [{"name": "guests", "label": "Guests", "kind": "number"}]
    given = {"vendor": vendor.pk, "key": "headcount", "title": "How many?", "fields": json.dumps(fields)}

    browser.post("/admin/journeys/form/add/", given)

    form = Form.objects.get()
    assert [field["name"] for field in form.fields] == ["guests"]
    answer = browser.post(
        f"/admin/journeys/form/{form.pk}/change/", {**given, "title": "Heads?", "is_archived": "on"}
    )
    form.refresh_from_db()
    assert answer.status_code == 302
    assert (form.title, form.is_archived) == ("Heads?", True)
    wrong = browser.post("/admin/journeys/form/add/", {**given, "key": "other", "fields": '[{"name": "A"}]'})
    assert wrong.status_code == 200
    assert "fields.0" in wrong.content.decode()


def test_a_page_is_written_and_changed(browser: Browser, vendor: Vendor) -> None:
    given = {"vendor": vendor.pk, "key": "way", "title": "Way", "body": "Left."}
    browser.post("/admin/journeys/infopage/add/", given)
    page = InfoPage.objects.get()

    browser.post(f"/admin/journeys/infopage/{page.pk}/change/", {**given, "body": "Right."})
    wrong = browser.post(f"/admin/journeys/infopage/{page.pk}/change/", {**given, "body": "{{ client.x }}"})

    page.refresh_from_db()
    assert page.body == "Right."
    assert "client.x" in wrong.content.decode()


@pytest.mark.parametrize(
    "name",
    [
        "engine/modulesetting",
        "engine/webhookcall",
        "engine/incominghook",
        "engine/formsubmission",
        "engine/formdraft",
        "engine/pageview",
        "journeys/form",
        "journeys/infopage",
        "journeys/vendorsecret",
    ],
)
def test_every_list_opens(browser: Browser, name: str) -> None:
    assert browser.get(f"/admin/{name}/").status_code == 200


def test_a_secret_is_shown_to_nobody(browser: Browser, vendor: Vendor, now: datetime) -> None:
    secret = secret_set(vendor=vendor, name="crm", value="t0ps3cret", now=now, actor=ACTOR)

    page = browser.get(f"/admin/journeys/vendorsecret/{secret.pk}/change/")

    assert page.status_code == 200
    assert "t0ps3cret" not in page.content.decode()
