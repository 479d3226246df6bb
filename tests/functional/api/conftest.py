"""Vendors with keys, and a couple."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from django.test import override_settings

from journeys.models import Client, Vendor
from journeys.services.clients import client_add
from journeys.services.weddings import StakeholderData, WeddingData
from tests.builders import a_vendor
from tests.functional.api.calling import WRITTEN, Caller, make_caller


@pytest.fixture(autouse=True)
def _plenty() -> Iterator[None]:
    """Most tests are not about the rate limit, and none about static files."""
    with override_settings(API_RATE_PER_MINUTE=100_000, WHITENOISE_AUTOREFRESH=True):
        yield


@pytest.fixture
def vendor(db: None) -> Vendor:
    return a_vendor(now=WRITTEN)


@pytest.fixture
def api(vendor: Vendor) -> Caller:
    return make_caller(vendor)


@pytest.fixture
def stranger(db: None) -> Caller:
    """Another vendor, who must see nothing."""
    return make_caller(a_vendor(name="Somebody Else", now=WRITTEN))


@pytest.fixture
def couple(vendor: Vendor) -> Client:
    """Ana and Tom, booked, marrying in Lisbon on 12 June 2027."""
    return client_add(
        vendor=vendor,
        status="booked",
        external_ref="crm-1",
        tags=["outdoor"],
        wedding=WeddingData(date=date(2027, 6, 12), time_zone="Europe/Lisbon", region="PT"),
        stakeholders=[
            StakeholderData(role="partner_1", first_name="Ana", email="ana@example.com"),
            StakeholderData(role="partner_2", first_name="Tom", email="tom@example.com"),
        ],
        now=WRITTEN,
        actor="test",
    )
