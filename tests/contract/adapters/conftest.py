"""Every adapter beside a stand-in for its provider."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from channels.contract import Adapter, OutboundMessage
from channels.models import SinkMessage
from channels.registry import adapter_named
from tests.builders import a_vendor
from tests.fakes.mail_server import FakeMailServer
from tests.fakes.messages import an_outbound
from tests.fakes.provider import SENDGRID_KEY, TWILIO_SID, TWILIO_TOKEN, FakeProvider


@dataclass
class Bench:
    """An adapter, a message for it, and what its provider really took."""

    adapter: Adapter
    message: OutboundMessage
    taken: Callable[[], int]
    #: Makes the provider do something; raises KeyError for what it can not do.
    fail: Callable[..., None]
    #: Points the adapter at an address where nobody listens.
    unplug: Callable[[], None]
    #: How an accepted message, whose answer is lost, is ordered.
    faults_in_doubt: tuple[str, ...] = field(default_factory=tuple)


def nobody_listens() -> int:
    """Find a port that is closed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
        settings.PUBLIC_URL = "https://journeys.example.com"
        yield fake


@pytest.fixture
def mail_server(settings: Any) -> Iterator[FakeMailServer]:
    with FakeMailServer() as fake:
        settings.SMTP_URL = fake.url
        settings.PROVIDER_TIMEOUT_SECONDS = 1
        yield fake


@pytest.fixture
def sendgrid(provider: FakeProvider, settings: Any, now: datetime) -> Bench:
    return Bench(
        adapter=adapter_named("sendgrid"),
        message=an_outbound("email", provider="sendgrid", now=now),
        taken=lambda: len(provider.accepted("sendgrid")),
        fail=lambda fault, **details: provider.fail("sendgrid", fault, **details),
        unplug=lambda: setattr(settings, "SENDGRID_API_BASE", f"http://127.0.0.1:{nobody_listens()}"),
        faults_in_doubt=("accept_then_close", "accept_then_5xx", "hang", "drip"),
    )


@pytest.fixture
def twilio(provider: FakeProvider, settings: Any, now: datetime) -> Bench:
    return Bench(
        adapter=adapter_named("twilio"),
        message=an_outbound("sms", provider="twilio", now=now),
        taken=lambda: len(provider.accepted("twilio")),
        fail=lambda fault, **details: provider.fail("twilio", fault, **details),
        unplug=lambda: setattr(settings, "TWILIO_API_BASE", f"http://127.0.0.1:{nobody_listens()}"),
        faults_in_doubt=("accept_then_close", "accept_then_5xx", "accept_then_garbage", "hang", "drip"),
    )


@pytest.fixture
def smtp(mail_server: FakeMailServer, settings: Any, now: datetime) -> Bench:
    orders = {
        "accept_then_close": {".": "take and cut"},
        "close": {"MAIL": "cut"},
        "429": {"MAIL": "421 later"},
        "reject": {".": "554 no"},
    }
    return Bench(
        adapter=adapter_named("smtp"),
        message=an_outbound("email", provider="smtp", now=now),
        taken=lambda: len(mail_server.mails),
        fail=lambda fault, **_details: mail_server.replies.update(orders[fault]),
        unplug=lambda: setattr(settings, "SMTP_URL", f"smtp://127.0.0.1:{nobody_listens()}"),
        faults_in_doubt=("accept_then_close",),
    )


@pytest.fixture
def sink(db: None, now: datetime) -> Bench:
    def can_not(*_arguments: Any, **_details: Any) -> None:
        pytest.skip("The sink has no network that could fail.")

    vendor = a_vendor(now=now)
    return Bench(
        adapter=adapter_named("sink"),
        message=an_outbound("email", provider="sink", now=now, vendor_id=vendor.pk),
        taken=SinkMessage.objects.count,
        fail=can_not,
        unplug=can_not,
    )


@pytest.fixture(params=["sendgrid", "twilio", "smtp", "sink"])
def bench(request: pytest.FixtureRequest) -> Bench:
    found: Bench = request.getfixturevalue(request.param)
    return found
