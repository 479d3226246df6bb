"""The ledger in Django's admin."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser

from channels.contract import DeliveryReport, ReportKind
from channels.models import DeliveryEvent, Message, SinkMessage, Suppression
from channels.services import sending
from channels.services.callbacks import receive
from tests.builders import a_couple, a_vendor
from tests.fakes.messages import a_spec


@pytest.fixture
def browser(db: None, settings: Any) -> Browser:
    settings.WHITENOISE_AUTOREFRESH = True
    settings.SENDGRID_API_KEY = settings.SMTP_URL = settings.TWILIO_ACCOUNT_SID = ""
    browser = Browser()
    browser.force_login(get_user_model().objects.create_superuser("root"))
    return browser


@pytest.fixture
def message(browser: Browser, now: datetime) -> Message:
    vendor = a_vendor(now=now)
    message = sending.prepare(spec=a_spec(vendor, a_couple(vendor, now=now)), fence=1, now=now)
    sending.hand_over(message)
    receive(
        provider="sink",
        reports=[DeliveryReport("sink", "e1", message.public_id, ReportKind.DELIVERED, now)],
        now=now,
    )
    return message


@pytest.mark.parametrize("model", [Message, DeliveryEvent, SinkMessage])
def test_rows_can_be_read_and_not_changed(browser: Browser, message: Message, model: Any):
    base = f"/admin/channels/{model._meta.model_name}/"
    row = model.objects.get()

    assert browser.get(base).status_code == 200
    assert browser.get(f"{base}{row.pk}/change/").status_code == 200
    assert browser.get(f"{base}add/").status_code == 403
    assert browser.post(f"{base}{row.pk}/delete/").status_code == 403


def test_message_is_shown_with_what_was_heard_of_it(browser: Browser, message: Message):
    html = browser.get(f"/admin/channels/message/{message.pk}/change/").content.decode()

    assert "ana@example.com" in html
    assert "delivered" in html


def test_person_suppresses_an_address_by_hand(browser: Browser, message: Message, now):
    form = {
        "vendor": message.vendor_id,
        "channel": "email",
        "address": " Bea@Example.com",
        "reason": "by_hand",
    }
    answer = browser.post("/admin/channels/suppression/add/", form)

    assert answer.status_code == 302
    spec = a_spec(message.vendor, message.client, key="other")
    assert Suppression.objects.get().address == "Bea@Example.com"
    assert sending.withheld_because(spec, address_index=Suppression.objects.get().address_index).endswith(
        "(by hand)."
    )
