"""A vendor, a couple, and the day it is."""

from __future__ import annotations

from datetime import datetime

import pytest

from journeys.models import Client, Vendor
from tests.builders import a_couple, a_vendor


@pytest.fixture
def vendor(db: None, now: datetime) -> Vendor:
    return a_vendor(now=now)


@pytest.fixture
def couple(vendor: Vendor, now: datetime) -> Client:
    return a_couple(vendor, now=now)
