"""An information page: sent by a journey, read with the couple's own facts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from channels.models import SinkMessage
from engine.links import link_for
from engine.models import Instance, PageView
from engine.services.instances import instance_cancel, instance_start
from journeys.models import Client, InfoPage, Vendor
from journeys.services.forms import info_page_add, info_page_change
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import run_until_idle

BODY = """# To {{ wedding.venue | default: "the venue" }}

Dear {{ recipient.first_name }}, {{ client.display_name }}:

- take [the train](https://example.com/train)
- <script>alert(1)</script>
"""


@pytest.fixture(autouse=True)
def _only_the_sink(settings: Any) -> None:
    settings.SENDGRID_API_KEY = settings.SMTP_URL = settings.TWILIO_ACCOUNT_SID = ""
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def vendor(db: None, now: datetime) -> Vendor:
    return a_vendor(now=now)


@pytest.fixture
def couple(vendor: Vendor, now: datetime) -> Client:
    return a_couple(vendor, now=now)


@pytest.fixture
def page(vendor: Vendor, now: datetime) -> InfoPage:
    return info_page_add(vendor=vendor, key="way", title="How to find us", body=BODY, now=now, actor=ACTOR)


@pytest.fixture
def instance(vendor: Vendor, couple: Client, page: InfoPage, now: datetime) -> Instance:
    words = {"subject": "The way", "body": "See [the way]({{ link }})", "page": "way"}
    journey = (
        a_journey()
        .step("way", "info", **words)
        .wait(for_="1d")
        .condition("seen", "pages.way.views > 1")
        .action("tag", {"kind": "add_tag", "tag": "seen"})
        .publish(vendor, now=now)
    )
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return instance


def path_of(instance: Instance, role: str = "partner_1") -> str:
    url = link_for(kind="info", place=f"{instance.public_id}:way::1", role=role)
    return "/" + url.partition("//")[2].partition("/")[2]


def test_the_letter_leads_to_the_page(instance: Instance) -> None:
    letters = list(SinkMessage.objects.values_list("body_html", flat=True))

    assert len(letters) == 2
    assert any(path_of(instance) in letter for letter in letters)


def test_the_page_shows_the_couples_facts_and_nothing_that_runs(instance: Instance) -> None:
    page = Browser().get(path_of(instance))

    html = page.content.decode()
    assert page.status_code == 200
    assert "Quinta da Serra" in html
    assert "Dear Inês, Inês &amp; Tomás" in html
    assert '<a href="https://example.com/train"' in html
    assert "<script>alert" not in html
    assert "style=" not in html
    assert "Tomás, Inês" in Browser().get(path_of(instance, "partner_2")).content.decode()


def test_visits_are_counted_and_a_condition_reads_them(
    instance: Instance, couple: Client, now: datetime
) -> None:
    browser = Browser()
    browser.head(path_of(instance))
    browser.get(path_of(instance))
    browser.get(path_of(instance))

    assert PageView.objects.get().count == 2
    run_until_idle(now + timedelta(days=2))
    assert couple.tags.filter(name="seen").exists()


def test_a_change_is_seen_behind_links_that_were_sent_before(
    instance: Instance, page: InfoPage, now: datetime
) -> None:
    info_page_change(page=page, body="Turn left.", now=now, actor=ACTOR)

    assert "Turn left." in Browser().get(path_of(instance)).content.decode()


def test_a_page_that_is_gone_says_so(instance: Instance, page: InfoPage, now: datetime) -> None:
    token = path_of(instance).rpartition("/")[2]
    assert Browser().get(f"/f/{token}").status_code == 404
    assert Browser().get(f"/i/{token}x").status_code == 404

    info_page_change(page=page, is_archived=True, now=now, actor=ACTOR)
    assert Browser().get(path_of(instance)).status_code == 404


def test_a_page_of_a_passage_that_was_called_off_is_gone(instance: Instance, now: datetime) -> None:
    instance_cancel(instance=instance, reason="", now=now, actor=ACTOR)

    assert Browser().get(path_of(instance)).status_code == 404
