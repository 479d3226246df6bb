"""One cause is one ticket, however many steps it stops."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from channels.services import sending
from engine.models import InterventionTicket, TicketLine
from engine.selectors_tickets import counted
from engine.services.tickets import DEEDS, ticket_work
from journeys.models import Client, Journey, Vendor
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.tickets import (
    BAD_NUMBER,
    BUSY,
    EXPIRED,
    TOO_LARGE,
    Provider,
    begin_all,
    deeds_of,
    parked_steps,
    stop,
)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Provider:
    provider = Provider(TOO_LARGE)
    monkeypatch.setattr(sending, "hand_over", provider)
    return provider


@pytest.fixture
def hello(vendor: Vendor, now: datetime) -> Journey:
    return a_journey().email("hello", to=["partner_1"]).publish(vendor, now=now)


def test_a_thousand_steps_that_one_cause_stops_are_one_ticket(
    hello: Journey, couple: Client, now: datetime
) -> None:
    claims = parked_steps(hello, couple, 1000, now=now)

    stop(claims[:999], EXPIRED, now=now)
    stop(claims[999:], EXPIRED, now=now + timedelta(minutes=5))

    ticket = counted(InterventionTicket.objects.all()).get()
    assert (1000, 1000) == (ticket.lines_open, ticket.lines_total)  # type: ignore[attr-defined]
    assert now + timedelta(minutes=5) == ticket.last_seen_at  # type: ignore[attr-defined]
    assert (now, EXPIRED.summary) == (ticket.created_at, ticket.summary)
    assert ["ticket.opened"] == deeds_of(ticket)


def test_a_step_that_is_wrong_for_everybody_is_one_ticket(
    hello: Journey, provider: Provider, now: datetime
) -> None:
    begin_all(hello, 3, now=now)

    ticket = InterventionTicket.objects.get()
    assert ("open", "engineering", "413") == (ticket.status, ticket.level, ticket.code)
    assert f"step:{hello.pk}:hello:413" == ticket.cause
    assert 3 == ticket.lines.count()


def test_a_provider_that_stays_away_is_one_ticket_over_all_journeys(
    vendor: Vendor, hello: Journey, provider: Provider, now: datetime, settings: pytest.FixtureRequest
) -> None:
    settings.QUEUE_MAX_RETRIES = 0  # type: ignore[attr-defined]
    provider.answer = BUSY
    other = a_journey().email("later", to=["partner_1"]).publish(vendor, now=now, name="Other")

    begin_all(hello, 1, now=now)
    begin_all(other, 1, now=now)

    ticket = InterventionTicket.objects.get()
    assert ("provider:sink:429", 2) == (ticket.cause, ticket.lines.count())
    assert not TicketLine.objects.filter(pauses=True).exists()


def test_wrong_data_is_one_ticket_for_each_couple(hello: Journey, provider: Provider, now: datetime) -> None:
    provider.answer = BAD_NUMBER

    begin_all(hello, 2, now=now)

    assert 2 == InterventionTicket.objects.filter(level="support").count()


def test_another_vendor_has_a_ticket_of_its_own(hello: Journey, couple: Client, now: datetime) -> None:
    other = a_vendor(now=now, name="Another")
    theirs = a_journey().email("hello").publish(other, now=now)
    stop(parked_steps(hello, couple, 1, now=now), EXPIRED, now=now)

    stop(parked_steps(theirs, a_couple(other, now=now), 1, now=now), EXPIRED, now=now)

    assert {1} == {one.lines.count() for one in InterventionTicket.objects.all()}
    assert 2 == InterventionTicket.objects.count()


def test_a_cause_that_comes_back_is_a_new_ticket(hello: Journey, couple: Client, now: datetime) -> None:
    claims = parked_steps(hello, couple, 2, now=now)
    stop(claims[:1], EXPIRED, now=now)
    first = InterventionTicket.objects.get()
    ticket_work(ticket=first, deed=DEEDS["skip"], name="skip", now=now, actor=ACTOR)

    stop(claims[1:], EXPIRED, now=now)

    assert ["resolved", "open"] == list(
        InterventionTicket.objects.order_by("id").values_list("status", flat=True)
    )


def test_a_line_that_presses_more_raises_the_ticket(hello: Journey, couple: Client, now: datetime) -> None:
    claims = parked_steps(hello, couple, 2, now=now)
    stop(claims[:1], EXPIRED, now=now)

    urgent = type(EXPIRED)("emergency", EXPIRED.code, EXPIRED.error_class, EXPIRED.summary, EXPIRED.cause)
    stop(claims[1:], urgent, now=now)

    ticket = InterventionTicket.objects.get()
    assert ("emergency", now) == (ticket.level, ticket.escalated_at)
    assert ["ticket.opened", "ticket.escalated"] == deeds_of(ticket)
