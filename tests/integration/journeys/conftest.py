"""A vendor with one couple, and ears for what is told."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import pytest

from journeys import signals
from journeys.services.clients import client_add
from journeys.services.vendors import vendor_add
from journeys.services.weddings import StakeholderData, WeddingData

ACTOR = "user:1"


@pytest.fixture(autouse=True)
def _database(db):
    """Every test here is about the database."""


@pytest.fixture
def vendor(now):
    return vendor_add(
        name="Luz & Linho",
        kind="photographer",
        email="Ola@Luz.example.com",
        region="PT",
        time_zone="Europe/Lisbon",
        settings={"review_url": "https://luz.example.com/review", "parameters": {"final_payment": "-45d"}},
        now=now,
        actor=ACTOR,
    )


@pytest.fixture
def other_vendor(now):
    return vendor_add(
        name="Alte Gärtnerei",
        kind="venue",
        email="hallo@alt.example.com",
        region="DE-BE",
        now=now,
        actor=ACTOR,
    )


@pytest.fixture
def client(vendor, now):
    return client_add(
        vendor=vendor,
        status="booked",
        tags=["destination", "small wedding"],
        fields={"gallery_url": "https://luz.example.com/g/1"},
        wedding=WeddingData(
            date=date(2027, 6, 12),
            time=time(15, 30),
            venue="Quinta da Serra",
            city="Sintra",
            region="pt",
            guest_count=80,
        ),
        stakeholders=[
            StakeholderData(
                role="partner_1",
                first_name="Inês",
                last_name="Alves",
                email="Ines@Example.com",
                phone="912 345 678",
            ),
            StakeholderData(role="partner_2", first_name="Tomás", email="tomas@example.com"),
            StakeholderData(role="planner", first_name="Rita", email="rita@example.com", locale="pt-PT"),
        ],
        now=now,
        actor=ACTOR,
    )


@pytest.fixture
def wedding(client):
    return client.weddings.get()


@pytest.fixture
def told():
    """Every signal of this layer that was sent, as (name, arguments)."""
    heard: list[tuple[str, dict[str, Any]]] = []
    ears = []
    for name in ("client_added", "wedding_moved", "client_changed", "version_published"):

        def ear(*, name: str = name, **arguments: Any) -> None:
            arguments.pop("signal")
            arguments.pop("sender")
            heard.append((name, arguments))

        getattr(signals, name).connect(ear, weak=False)
        ears.append((getattr(signals, name), ear))
    yield heard
    for signal, ear in ears:
        signal.disconnect(ear)


class Refused(Exception):
    """What a receiver raises in these tests."""


@pytest.fixture
def refusing():
    """Make a signal's receiver fail, as one of the layers above might."""
    connected = []

    def refuse(signal: Any) -> type[Exception]:
        def receiver(**_arguments: Any) -> None:
            raise Refused

        signal.connect(receiver, weak=False)
        connected.append((signal, receiver))
        return Refused

    yield refuse
    for signal, receiver in connected:
        signal.disconnect(receiver)
