"""Webhook steps and the circuit of the service that they call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from channels.models import Circuit
from channels.services import circuits
from channels.services.circuits import circuit_set
from engine.models import Instance, NodeExecution, Schedule, TicketLine, WebhookCall
from engine.services.instances import instance_start
from journeys.models import Client, Vendor
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import run_until_idle
from tests.fakes.webhook_server import Service, a_service

DOWN = (503, {}, b"")
FINE = (200, {}, b"{}")


@pytest.fixture
def service(settings: Any) -> Iterator[Service]:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with a_service() as running:
        settings.WEBHOOK_PORTS = {running.port}
        yield running


def begin(vendor: Vendor, service: Service, *, couples: int, now: datetime, **settings: Any) -> None:
    journey = a_journey().step("call", "webhook", url=service.url + "/", **settings).publish(vendor, now=now)
    for _ in range(couples):
        couple = a_couple(vendor, now=now)
        instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)
    run_until_idle(now)


def test_service_that_is_down_is_spared_and_everybody_gets_through_in_the_end(
    vendor: Vendor, now: datetime, service: Service, full_jitter: None
) -> None:
    service.answers = [DOWN]
    begin(vendor, service, couples=12, now=now)

    circuit = Circuit.objects.get()
    assert len(service.told) == circuits.TROUBLES
    assert (circuit.kind, circuit.name, circuit.vendor, circuit.code) == (
        "host",
        "127.0.0.1",
        vendor,
        "http_503",
    )
    assert WebhookCall.objects.count() == circuits.TROUBLES
    assert sorted(Schedule.objects.values_list("attempt", flat=True)) == [0] * 7 + [1] * 5

    for minutes in range(1, 30):
        run_until_idle(now + timedelta(minutes=minutes))
    assert len(service.told) < circuits.TROUBLES + 12
    assert not TicketLine.objects.exists()
    service.answers = [FINE]
    for minutes in range(30, 60, 2):
        run_until_idle(now + timedelta(minutes=minutes))

    assert Instance.objects.filter(status="completed").count() == 12
    assert WebhookCall.objects.filter(status="answered").count() == 12


def test_service_that_refuses_one_step_is_not_down(vendor: Vendor, now: datetime, service: Service) -> None:
    service.answers = [(401, {}, b"")]

    begin(vendor, service, couples=6, now=now)

    assert not Circuit.objects.exists()
    assert TicketLine.objects.count() == len(service.told) == 6


def test_one_vendors_trouble_is_not_anothers(vendor: Vendor, now: datetime, service: Service) -> None:
    service.answers = [DOWN]
    begin(vendor, service, couples=5, now=now)
    service.answers = [FINE]

    begin(a_vendor(name="Somebody Else", now=now), service, couples=1, now=now)

    assert len(service.told) == 6
    assert Circuit.objects.get().state == "open"


def test_service_that_mostly_works_stays_open_to_all(vendor: Vendor, now: datetime, service: Service) -> None:
    service.answers = [*[FINE, FINE, DOWN] * 7, FINE]

    begin(vendor, service, couples=18, now=now)

    assert Circuit.objects.get().state == "closed"


def test_call_that_would_come_behind_its_date_is_left_out(
    vendor: Vendor, now: datetime, service: Service, settings: Any
) -> None:
    settings.CIRCUIT_GIVE_UP_HOURS = 48
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=1))
    line = circuits.host_of(vendor, "127.0.0.1", went_well=lambda _since: 0)
    circuits.heard(line, circuits.Sign.BROKEN, reason="It is gone.", now=now)
    circuit_set(circuit=Circuit.objects.get(), forced="open", now=now, actor=ACTOR)
    journey = (
        a_journey()
        .wait_for_date("day_before", "-1d", at="12:00")
        .step("call", "webhook", url=service.url + "/")
        .publish(vendor, now=now)
    )
    instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)

    for hours in (0, 3, 20, 29, 29.2, 29.4, 29.6):
        run_until_idle(now + timedelta(hours=hours))

    row = NodeExecution.objects.filter(node_id="call").order_by("-id")[0]
    assert (row.status, service.told) == ("skipped", [])
    assert row.reason == (
        "Skipped: it could not be called before its date had passed: it was stopped by hand."
    )
    assert Instance.objects.get().status == "completed"


def test_refused_address_says_nothing_about_the_service(
    vendor: Vendor, couple: Client, now: datetime, service: Service, settings: Any
) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = False

    begin(vendor, service, couples=6, now=now)

    assert not Circuit.objects.exists()
