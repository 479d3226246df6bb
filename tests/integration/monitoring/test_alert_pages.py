"""Alerts and doubts on the monitor."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from channels.models import Message
from engine.models import Schedule
from monitoring.models import Alert
from monitoring.services import examining
from monitoring.services.alerts import Trouble, report
from tests.builders import a_vendor
from tests.integration.monitoring.conftest import a_person

ALERTS = "/journey-monitor/alerts/"
DOUBTS = "/journey-monitor/in-doubt/"


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def an_alert(now, vendor=None, key="leak", title="It leaks."):
    trouble = Trouble(
        key, Alert.Level.CRITICAL, title, "A bucket helps.", vendor_id=vendor.pk if vendor else None
    )
    report(source=key, troubles=[trouble], now=now)
    return Alert.objects.get(key=key)


@pytest.fixture
def doubtful(instance, now):
    """A message of a step that waits for the answer."""
    Message.objects.update(status="in_doubt", in_doubt_since=now, settled_at=None, settled_by="")
    Schedule.objects.update(node_id="welcome", meant=None, due_at=now + timedelta(seconds=30))
    return Message.objects.get()


def test_pages_without_trouble_say_so(browser, instance):
    assert "Nothing is wrong." in text_of(browser.get(ALERTS))
    assert "Nothing is in doubt." in text_of(browser.get(DOUBTS))
    assert "something is not as it should be" not in text_of(browser.get("/journey-monitor/"))


def test_alert_is_named_on_every_page_and_listed(browser, vendor, instance, now):
    an_alert(now, vendor)
    for page in ("/journey-monitor/", "/journey-monitor/tickets/"):
        assert "1 alert: something is not as it should be. Look at it" in text_of(browser.get(page))
    assert "It leaks. Critical A bucket helps." in text_of(browser.get(ALERTS))


def test_alert_that_somebody_took_up_is_no_longer_announced(browser, owner, vendor, now):
    alert = an_alert(now, vendor)
    browser.post(f"{ALERTS}{alert.public_id}/acknowledge")
    alert.refresh_from_db()
    assert f"user:{owner.pk}" == alert.acknowledged_by
    assert "Somebody is at it" in text_of(browser.get(ALERTS))
    assert "something is not as it should be" not in text_of(browser.get("/journey-monitor/"))


def test_mended_alerts_are_listed_apart(browser, vendor, now):
    an_alert(now, vendor)
    report(source="leak", troubles=[], now=now)
    assert "Nothing is wrong." in text_of(browser.get(ALERTS))
    assert "It leaks. Mended" in text_of(browser.get(f"{ALERTS}?status=resolved"))


def test_alert_of_another_vendor_is_neither_shown_nor_taken_up(browser, now):
    alert = an_alert(now, a_vendor(now=now, name="Other"))
    assert "It leaks." not in text_of(browser.get(ALERTS))
    assert 404 == browser.post(f"{ALERTS}{alert.public_id}/acknowledge").status_code


def test_alerts_about_the_system_and_the_doctors_findings_are_for_its_operators(browser, owner, vendor, now):
    alert = an_alert(now)
    examining.examine_slice(now=now)
    assert "It leaks." not in text_of(browser.get(ALERTS))
    assert 404 == browser.post(f"{ALERTS}{alert.public_id}/acknowledge").status_code

    User.objects.filter(pk=owner.pk).update(is_staff=True)
    page = text_of(browser.get(ALERTS))
    assert "It leaks." in page
    assert "What the doctor watches over" in page
    assert "Holds" in page
    browser.post(f"{ALERTS}{alert.public_id}/acknowledge")
    assert Alert.objects.get().acknowledged_at


def test_viewer_sees_and_changes_nothing(vendor, doubtful, now):
    alert = an_alert(now, vendor)
    browser = Browser()
    browser.force_login(a_person(vendor, "viewer", now=now))
    assert "It leaks." in text_of(browser.get(ALERTS))
    assert 403 == browser.post(f"{ALERTS}{alert.public_id}/acknowledge").status_code
    assert "It was sent" not in text_of(browser.get(DOUBTS))
    assert 403 == browser.post(f"{DOUBTS}{doubtful.public_id}/settle", {"was": "sent"}).status_code


def test_message_in_doubt_is_announced_and_listed_with_what_is_being_done(browser, doubtful):
    assert "1 message in doubt: nobody knows yet whether it went out." in text_of(
        browser.get("/journey-monitor/")
    )
    page = text_of(browser.get(DOUBTS))
    assert "1 message: nobody knows whether it went out." in page
    assert "The provider is asked again; when nothing is found out, a person is asked." in page
    assert "Being found out" in page
    assert "next look" in page


@pytest.mark.parametrize(("was", "status"), [("sent", "accepted"), ("again", "retry")])
def test_person_says_what_is_true(browser, owner, doubtful, was, status):
    browser.post(f"{DOUBTS}{doubtful.public_id}/settle", {"was": was})
    doubtful.refresh_from_db()
    assert (status, "person") == (doubtful.status, doubtful.settled_by)
    again = browser.post(f"{DOUBTS}{doubtful.public_id}/settle", {"was": was}, follow=True)
    assert "It is settled already" in text_of(again)


def test_message_that_nothing_would_send_again_offers_only_what_is_possible(browser, doubtful):
    Schedule.objects.all().delete()
    page = text_of(browser.get(DOUBTS))
    assert "It was sent" in page
    assert "send it again" not in page


def test_word_that_is_none_is_not_found(browser, doubtful):
    assert 404 == browser.post(f"{DOUBTS}{doubtful.public_id}/settle", {"was": "perhaps"}).status_code


def test_message_of_another_vendor_is_not_found(browser, doubtful, now):
    Message.objects.update(vendor=a_vendor(now=now, name="Other"))
    assert 404 == browser.post(f"{DOUBTS}{doubtful.public_id}/settle", {"was": "sent"}).status_code


@pytest.mark.parametrize(
    "line",
    [
        'wedsync_alerts_open{level="critical"} 1',
        'wedsync_alerts_open{level="warning"} 0',
        "wedsync_messages_in_doubt 1",
        "wedsync_messages_unknown 0",
        'wedsync_promises_broken{promise="message_once"} 0',
    ],
)
def test_metrics_count_what_is_wrong(doubtful, vendor, now, line):
    an_alert(now, vendor)
    while examining.examine_slice(now=now):
        pass
    Alert.objects.exclude(key="leak").delete()
    assert line in Browser().get("/metrics").content.decode().splitlines()


@pytest.mark.parametrize("page", ["alert", "alertletter", "examination"])
def test_operators_read_it_in_the_admin(db, vendor, now, page):
    an_alert(now, vendor)
    browser = Browser()
    browser.force_login(User.objects.create_superuser("root@example.com"))
    assert 200 == browser.get(f"/admin/monitoring/{page}/").status_code


def test_alert_is_taken_up_in_the_admin(db, vendor, now):
    alert = an_alert(now, vendor)
    browser = Browser()
    browser.force_login(User.objects.create_superuser("root@example.com"))
    browser.post("/admin/monitoring/alert/", {"action": "acknowledge", "_selected_action": [alert.pk]})
    alert.refresh_from_db()
    assert alert.acknowledged_by.startswith("user:")
