"""A vendor with couples on their way, and the people who look at them."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from engine.models import Instance
from engine.services.instances import instance_start
from journeys import clock
from journeys.models import Client, Journey, Membership, Vendor
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import run_until_idle


@pytest.fixture
def now(db: None) -> datetime:
    """The clock's own time, for the pages read it themselves."""
    return clock.now()


@pytest.fixture
def vendor(now: datetime) -> Vendor:
    return a_vendor(now=now)


@pytest.fixture
def couple(vendor: Vendor, now: datetime) -> Client:
    return a_couple(vendor, now=now)


@pytest.fixture
def journey(vendor: Vendor, now: datetime) -> Journey:
    return (
        a_journey()
        .email("welcome")
        .wait_for_date("month_before", "-30d")
        .sms("checklist")
        .publish(vendor, now=now, name="Photography")
    )


@pytest.fixture
def instance(vendor: Vendor, journey: Journey, couple: Client, now: datetime) -> Instance:
    started = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return started


def a_person(vendor: Vendor, role: str, *, now: datetime) -> User:
    user = User.objects.create_user(f"{role}@example.com", password="a long password", first_name="Mafalda")
    Membership.objects.create(vendor=vendor, user=user, role=role, created_at=now)
    return user


@pytest.fixture
def owner(vendor: Vendor, now: datetime) -> User:
    return a_person(vendor, "owner", now=now)


@pytest.fixture
def browser(owner: User) -> Browser:
    """A browser in which the owner has logged in."""
    browser = Browser()
    browser.force_login(owner)
    return browser
