"""Files that went along with a message, in the sink."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser

from channels.models import SinkMessage
from journeys.models import Vendor
from tests.builders import a_vendor


@pytest.fixture
def vendor(db: None, now: datetime, settings: object) -> Vendor:
    settings.WHITENOISE_AUTOREFRESH = True  # type: ignore[attr-defined]
    return a_vendor(now=now)


@pytest.fixture
def taken(vendor: Vendor, now: datetime) -> SinkMessage:
    file = {
        "name": "invitation.ics",
        "content_type": "text/calendar",
        "content": b64encode(b"BEGIN").decode(),
    }
    return SinkMessage.objects.create(
        vendor=vendor,
        key="k",
        channel="email",
        address="ana@example.com",
        attachments=[file],
        received_at=now,
    )


def test_a_file_is_named_beside_the_letter_and_can_be_kept(taken: SinkMessage) -> None:
    browser = Browser()
    browser.force_login(get_user_model().objects.create_superuser("root"))

    page = browser.get(f"/sink/{taken.public_id}/").content.decode()
    file = browser.get(f"/sink/{taken.public_id}/files/0")

    assert "invitation.ics" in page
    assert (b"BEGIN", 'attachment; filename="invitation.ics"') == (file.content, file["Content-Disposition"])
    assert file["Content-Security-Policy"].startswith("sandbox ")
    assert 404 == browser.get(f"/sink/{taken.public_id}/files/1").status_code


def test_a_file_of_another_vendor_is_not_found(taken: SinkMessage) -> None:
    browser = Browser()
    browser.force_login(get_user_model().objects.create_user("somebody"))

    assert 404 == browser.get(f"/sink/{taken.public_id}/files/0").status_code
