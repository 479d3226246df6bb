"""A vendor, its couples, and the providers over real HTTP, with a key that can be broken and mended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from channels.services import circuits
from engine.services.delivering import barring
from journeys.models import Client, Vendor
from tests.builders import a_couple, a_vendor
from tests.fakes.provider import SENDGRID_KEY, TWILIO_SID, TWILIO_TOKEN, FakeProvider


@pytest.fixture
def vendor(db: None, now: datetime) -> Vendor:
    return a_vendor(now=now)


@pytest.fixture
def couple(vendor: Vendor, now: datetime) -> Client:
    return a_couple(vendor, now=now)


@pytest.fixture
def provider(settings: Any, now: datetime) -> Iterator[FakeProvider]:
    with FakeProvider(now=lambda: now) as fake:
        settings.SENDGRID_API_KEY = SENDGRID_KEY
        settings.SENDGRID_API_BASE = fake.url
        settings.TWILIO_ACCOUNT_SID = TWILIO_SID
        settings.TWILIO_AUTH_TOKEN = TWILIO_TOKEN
        settings.TWILIO_API_BASE = fake.url
        settings.TWILIO_FROM = "+351910000000"
        settings.PROVIDER_TIMEOUT_SECONDS = 1
        yield fake


@pytest.fixture
def full_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every pause and every spread be as long as it may be."""
    monkeypatch.setattr(circuits.random, "random", lambda: 1.0)
    monkeypatch.setattr(barring.random, "random", lambda: 1.0)
