"""Our ledger beside the provider's own: a message that was taken is never sent again, one that was not is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from channels.models import Message
from channels.services import sending
from tests.builders import a_couple, a_vendor
from tests.fakes.messages import a_spec
from tests.fakes.provider import SENDGRID_KEY, TWILIO_SID, TWILIO_TOKEN, FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)
Status = Message.Status


@pytest.fixture
def provider(settings: Any, now: datetime, tmp_path: Path) -> Iterator[FakeProvider]:
    with FakeProvider(now=lambda: now, ledger=tmp_path / "ledger.jsonl") as fake:
        settings.SENDGRID_API_KEY = SENDGRID_KEY
        settings.SENDGRID_API_BASE = fake.url
        settings.TWILIO_ACCOUNT_SID = TWILIO_SID
        settings.TWILIO_AUTH_TOKEN = TWILIO_TOKEN
        settings.TWILIO_API_BASE = fake.url
        settings.TWILIO_FROM = "+351910000000"
        settings.PROVIDER_TIMEOUT_SECONDS = 1
        yield fake


@pytest.fixture(params=["email", "sms"])
def spec(request: pytest.FixtureRequest, now: datetime) -> sending.MessageSpec:
    vendor = a_vendor(now=now)
    return a_spec(vendor, a_couple(vendor, now=now), channel=request.param)


def attempt(spec: sending.MessageSpec, *, fence: int, now: datetime, dies: bool = False) -> Message:
    """Carry a step's message once, as a worker does; `dies` stops before the answer is written down."""
    with transaction.atomic():
        message = sending.prepare(spec=spec, fence=fence, now=now)
    if message.status == Status.IN_DOUBT:
        return sending.settle_in_doubt(message=message, now=now)
    if message.status != Status.SENDING:
        return message
    result = sending.hand_over(message)
    if dies:
        return message
    return sending.record(message_id=message.pk, fence=fence, result=result, now=now)


@pytest.mark.parametrize("fault", ["accept_then_close", "accept_then_5xx", "hang"])
def test_message_that_was_taken_is_never_sent_again(spec, provider: FakeProvider, now, fault: str):
    name = "sendgrid" if spec.channel == "email" else "twilio"
    provider.fail(name, fault)

    statuses = [
        attempt(spec, fence=fence, now=now + timedelta(minutes=fence)).status for fence in range(1, 5)
    ]

    assert statuses == [Status.IN_DOUBT, Status.ACCEPTED, Status.ACCEPTED, Status.ACCEPTED]
    assert len(provider.accepted()) == 1
    assert Message.objects.get().settled_by == "lookup"


@pytest.mark.parametrize("fault", ["close", "5xx"])
def test_message_that_was_not_taken_is_sent_after_the_grace(spec, provider: FakeProvider, now, fault: str):
    name = "sendgrid" if spec.channel == "email" else "twilio"
    provider.fail(name, fault)

    statuses = [
        attempt(spec, fence=1, now=now).status,
        attempt(spec, fence=2, now=now + timedelta(seconds=30)).status,
        attempt(spec, fence=3, now=now + timedelta(seconds=120)).status,
    ]
    assert statuses == [Status.IN_DOUBT, Status.IN_DOUBT, Status.RETRY]
    assert provider.accepted() == []

    assert attempt(spec, fence=4, now=now + timedelta(seconds=121)).status == Status.ACCEPTED
    assert len(provider.accepted()) == 1


def test_worker_that_dies_after_the_call_leaves_no_second_message(spec, provider: FakeProvider, now):
    attempt(spec, fence=1, now=now, dies=True)

    settled = attempt(spec, fence=2, now=now + timedelta(seconds=20))

    assert settled.status == Status.ACCEPTED
    assert [entry["id"] for entry in provider.accepted()] == [settled.provider_id.removesuffix(".filter")]


def test_ledger_outlives_the_provider(provider: FakeProvider, spec, now, tmp_path: Path):
    attempt(spec, fence=1, now=now)

    with FakeProvider(ledger=tmp_path / "ledger.jsonl") as again:
        assert again.accepted() == provider.accepted()
