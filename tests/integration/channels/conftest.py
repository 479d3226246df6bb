"""A vendor with a couple, and everything going to the sink."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from channels.models import Message
from channels.services import sending
from journeys.models import Client, Vendor
from tests.builders import a_couple, a_vendor
from tests.fakes.messages import a_spec


@pytest.fixture(autouse=True)
def _only_the_sink(settings: Any) -> None:
    settings.SENDGRID_API_KEY = settings.SMTP_URL = settings.TWILIO_ACCOUNT_SID = ""


@pytest.fixture
def vendor(db: None, now: datetime) -> Vendor:
    return a_vendor(now=now)


@pytest.fixture
def client_of_vendor(vendor: Vendor, now: datetime) -> Client:
    return a_couple(vendor, now=now)


@pytest.fixture
def spec(vendor: Vendor, client_of_vendor: Client) -> sending.MessageSpec:
    return a_spec(vendor, client_of_vendor)


@pytest.fixture
def message(spec: sending.MessageSpec, now: datetime) -> Message:
    """A message that is being handed over with fence 1."""
    return sending.prepare(spec=spec, fence=1, now=now)
