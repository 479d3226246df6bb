"""Pages of the monitor: what they say, and to whom."""

from __future__ import annotations

import re

import pytest
from django.test import Client as Browser

from journeys.models import Membership
from monitoring.selectors.couples import couple_page
from tests.builders import a_couple, a_journey, a_vendor
from tests.integration.monitoring.conftest import a_person

PAGES = [
    "/journey-monitor/",
    "/journey-monitor/instances/",
    "/journey-monitor/instances/?status=needs",
    "/journey-monitor/instances/?status=late",
    "/journey-monitor/couples/",
    "/journey-monitor/couples/?q=ines",
    "/journey-monitor/journeys/",
    "/journey-monitor/tickets/",
    "/journey-monitor/tickets/?status=resolved",
    "/journey-monitor/alerts/",
    "/journey-monitor/alerts/?status=resolved",
    "/journey-monitor/in-doubt/",
]


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.mark.parametrize("path", PAGES)
def test_page_is_shown_to_a_member_under_a_strict_policy(browser, instance, path):
    response = browser.get(path)
    assert 200 == response.status_code
    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert "unsafe-inline" not in response["Content-Security-Policy"]
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("path", PAGES)
def test_page_of_a_vendor_without_anything_says_what_will_be_there(browser, path):
    assert 200 == browser.get(path).status_code


@pytest.mark.parametrize("path", PAGES)
def test_page_asks_a_stranger_to_log_in(db, path):
    response = Browser().get(path)
    assert 302 == response.status_code
    assert response["Location"].startswith("/login/")


def test_overview_says_the_state_in_words_first(browser, instance):
    text = text_of(browser.get("/journey-monitor/"))
    assert "1 couple is on its way." in text
    assert "Everything that was due today went out." in text


def test_overview_costs_the_same_number_of_queries_however_many_couples(
    browser, vendor, journey, instance, now, django_assert_max_num_queries
):
    for _ in range(3):
        a_couple(vendor, now=now)
    with django_assert_max_num_queries(26):
        browser.get("/journey-monitor/")


def test_person_of_no_vendor_is_refused(db, django_user_model):
    browser = Browser()
    browser.force_login(django_user_model.objects.create_user("nobody@example.com"))
    assert 403 == browser.get("/journey-monitor/").status_code


def test_couple_of_another_vendor_does_not_exist(browser, now):
    other = a_couple(a_vendor(now=now, name="Other"), now=now)
    assert 404 == browser.get(f"/journey-monitor/couples/{other.public_id}/").status_code


def test_journey_of_another_vendor_does_not_exist(browser, now):
    other = a_journey().email("hello").publish(a_vendor(now=now, name="Other"), now=now)
    assert 404 == browser.get(f"/journey-monitor/journeys/{other.public_id}/").status_code


def test_journey_page_lists_steps_and_who_stands_there(browser, journey, instance):
    text = text_of(browser.get(f"/journey-monitor/journeys/{journey.public_id}/"))
    assert "30d before: wedding at 09:00" in text
    assert "1 couple inside." in text
    assert "1 here" in text


def test_person_of_two_vendors_chooses_which_one_to_look_at(browser, owner, vendor, now):
    second = a_vendor(now=now, name="Zimt & Rose")
    Membership.objects.create(vendor=second, user=owner, role="owner", created_at=now)
    browser.post("/journey-monitor/vendor", {"vendor": second.public_id})
    assert f'value="{second.public_id}" selected' in browser.get("/journey-monitor/").content.decode()


def test_vendor_of_somebody_else_can_not_be_chosen(browser, vendor, now):
    other = a_vendor(now=now, name="Other")
    browser.post("/journey-monitor/vendor", {"vendor": other.public_id})
    assert "Other" not in browser.get("/journey-monitor/").content.decode()


def test_viewer_sees_no_buttons(vendor, instance, now):
    browser = Browser()
    browser.force_login(a_person(vendor, "viewer", now=now))
    assert 'name="one"' not in browser.get("/journey-monitor/instances/").content.decode()


@pytest.mark.parametrize("query", ["INES", "tomás", "ines & tom", "  Inês "])
def test_couple_is_found_by_a_part_of_its_name(vendor, couple, now, query):
    assert [couple.public_id] == [
        row.client_id for row in couple_page(vendor=vendor, now=now, query=query).rows
    ]


def test_couple_is_found_by_either_partners_address(vendor, couple, now):
    emails = [
        couple.email,
        couple.weddings.get().stakeholders.get(role="partner_2").email.upper(),
        couple.phone,
    ]
    for address in emails:
        assert [couple.public_id] == [
            row.client_id for row in couple_page(vendor=vendor, now=now, query=address).rows
        ]


def test_couple_is_not_found_by_what_it_is_not(vendor, couple, now):
    for query in ("Clara", "nobody@example.com", "+351910000000"):
        assert [] == couple_page(vendor=vendor, now=now, query=query).rows


def test_couples_stand_in_the_order_of_their_weddings(vendor, now):
    from datetime import timedelta

    wanted = [
        a_couple(vendor, now=now, wedding_in=timedelta(days=days) if days is not None else None).public_id
        for days in (3, 90, -2, -40, None)
    ]
    assert wanted == [row.client_id for row in couple_page(vendor=vendor, now=now).rows]


def test_address_of_the_start_leads_to_the_monitor(db):
    assert "/journey-monitor/" == Browser().get("/")["Location"]


def test_browser_that_asks_for_an_icon_gets_ours():
    assert "/static/journeys/icon.svg" == Browser().get("/favicon.ico")["Location"]


def test_login_leads_to_the_monitor_and_logout_back(vendor, owner):
    browser = Browser()
    answer = browser.post("/login/", {"username": owner.username, "password": "a long password"})
    assert "/journey-monitor/" == answer["Location"]
    assert "/login/" == browser.post("/logout/")["Location"]
    assert 302 == browser.get("/journey-monitor/").status_code


def test_wrong_password_is_answered_with_a_sentence(vendor, owner):
    answer = Browser().post("/login/", {"username": owner.username, "password": "another"})
    assert "do not belong together" in answer.content.decode()
