"""Tickets are raised by age and by the nearness of a wedding, and what races left is mended."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from engine import signals
from engine.models import InterventionTicket, Schedule, TicketLine
from engine.services import escalating
from engine.services.results import TicketDraft
from journeys.models import AuditRecord, Client, Journey, Vendor
from tests.builders import a_journey
from tests.tickets import EXPIRED, parked_steps, stop

SUPPORT = TicketDraft("support", "no_recipient", "user", "Nobody is there to write to.")
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def hello(vendor: Vendor, now: datetime) -> Journey:
    return a_journey().email("hello").publish(vendor, now=now)


def a_ticket(
    journey: Journey,
    couple: Client,
    *,
    now: datetime,
    wedding_at: datetime | None = None,
    draft: TicketDraft = SUPPORT,
) -> InterventionTicket:
    """A ticket with one line, whose wedding's day begins then."""
    claims = parked_steps(journey, couple, 1, now=now)
    Schedule.objects.filter(id=claims[0].schedule_id).update(wedding_at=wedding_at)
    stop(claims, draft, now=now)
    return InterventionTicket.objects.get()


def level_at(ticket: InterventionTicket, moment: datetime) -> str:
    escalating.tick(now=moment)
    ticket.refresh_from_db()
    return ticket.level


HOURS, DAYS = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("until_wedding", "open_for", "level"),
    [
        # At once, from 48 hours before the day until a day after it has begun.
        (48 * HOURS, timedelta(0), "emergency"),
        (48 * HOURS + MOMENT, timedelta(0), "support"),
        (timedelta(0), timedelta(0), "emergency"),
        (-1 * DAYS + MOMENT, timedelta(0), "emergency"),
        (-1 * DAYS, timedelta(0), "support"),
        # Within seven days, after four hours.
        (7 * DAYS, 4 * HOURS, "emergency"),
        (7 * DAYS, 4 * HOURS - MOMENT, "support"),
        (7 * DAYS + MOMENT, 4 * HOURS, "support"),
        # By age alone, one level.
        (None, 24 * HOURS, "engineering"),
        (None, 24 * HOURS - MOMENT, "support"),
        (200 * DAYS, 24 * HOURS, "engineering"),
        (-30 * DAYS, 24 * HOURS, "engineering"),
    ],
)
def test_a_ticket_is_raised_at_the_border(
    hello: Journey,
    couple: Client,
    now: datetime,
    until_wedding: timedelta | None,
    open_for: timedelta,
    level: str,
) -> None:
    then = now + open_for
    day = then + until_wedding if until_wedding is not None else None

    ticket = a_ticket(hello, couple, now=now, wedding_at=day)

    assert level == level_at(ticket, then)
    assert (then if level != "support" else None) == ticket.escalated_at


def test_age_raises_a_ticket_once(hello: Journey, couple: Client, now: datetime) -> None:
    ticket = a_ticket(hello, couple, now=now)

    assert "engineering" == level_at(ticket, now + 24 * HOURS)
    assert "engineering" == level_at(ticket, now + 90 * DAYS)


def test_what_engineers_leave_lying_becomes_an_emergency(
    hello: Journey, couple: Client, now: datetime
) -> None:
    ticket = a_ticket(hello, couple, now=now, draft=EXPIRED)

    assert "emergency" == level_at(ticket, now + 24 * HOURS)


def test_the_hours_are_a_setting(
    hello: Journey, couple: Client, now: datetime, settings: pytest.FixtureRequest
) -> None:
    settings.TICKET_ESCALATE_HOURS = 3  # type: ignore[attr-defined]

    assert "engineering" == level_at(a_ticket(hello, couple, now=now), now + 3 * HOURS)


def test_raising_is_told_and_written_down_once(hello: Journey, couple: Client, now: datetime) -> None:
    told: list[str] = []

    def hear(*, ticket: InterventionTicket, **_kwargs: object) -> None:
        told.append(ticket.level)

    ticket = a_ticket(hello, couple, now=now, wedding_at=now + DAYS)
    signals.ticket_changed.connect(hear)
    try:
        assert 1 == escalating.tick(now=now)
        assert 0 == escalating.tick(now=now + MOMENT)
    finally:
        signals.ticket_changed.disconnect(hear)

    assert ["emergency"] == told
    record = AuditRecord.objects.get(object_id=ticket.public_id, action="ticket.escalated")
    assert {"before": "support", "after": "emergency", "why": "wedding_near"} == record.detail


def test_a_ticket_of_many_is_raised_for_the_nearest_wedding(
    hello: Journey, couple: Client, now: datetime
) -> None:
    claims = parked_steps(hello, couple, 3, now=now)
    Schedule.objects.filter(id=claims[1].schedule_id).update(wedding_at=now + DAYS)
    stop(claims, EXPIRED, now=now)

    assert "emergency" == level_at(InterventionTicket.objects.get(), now)


def test_a_settled_line_raises_nothing(hello: Journey, couple: Client, now: datetime) -> None:
    claims = parked_steps(hello, couple, 2, now=now)
    Schedule.objects.filter(id=claims[0].schedule_id).update(wedding_at=now + DAYS)
    stop(claims, EXPIRED, now=now)
    TicketLine.objects.filter(schedule_id=claims[0].schedule_id).update(status="resolved")

    assert "engineering" == level_at(InterventionTicket.objects.get(), now)


def test_a_line_that_pressed_while_the_ticket_was_being_written_raises_it_later(
    hello: Journey, couple: Client, now: datetime
) -> None:
    ticket = a_ticket(hello, couple, now=now)
    ticket.lines.update(level="emergency")

    assert "emergency" == level_at(ticket, now)


# -- what two at once may leave behind


def test_a_ticket_without_an_open_line_is_closed(hello: Journey, couple: Client, now: datetime) -> None:
    ticket = a_ticket(hello, couple, now=now)
    ticket.lines.update(status="resolved")

    escalating.tick(now=now)

    ticket.refresh_from_db()
    assert ("resolved", now) == (ticket.status, ticket.resolved_at)


def test_a_line_that_came_while_its_ticket_was_closed_opens_it_again(
    hello: Journey, couple: Client, now: datetime
) -> None:
    ticket = a_ticket(hello, couple, now=now)
    InterventionTicket.objects.update(status="resolved", resolved_at=now, resolved_by="x", resolution="skip")

    escalating.tick(now=now)

    ticket.refresh_from_db()
    assert ("open", None, "") == (ticket.status, ticket.resolved_at, ticket.resolution)


def test_such_a_line_goes_to_the_ticket_that_was_opened_for_its_cause_meanwhile(
    hello: Journey, couple: Client, now: datetime
) -> None:
    claims = parked_steps(hello, couple, 2, now=now)
    stop(claims[:1], EXPIRED, now=now)
    InterventionTicket.objects.update(status="resolved", resolved_at=now)
    stop(claims[1:], EXPIRED, now=now)

    escalating.tick(now=now)

    ticket = InterventionTicket.objects.get(status="open")
    assert 2 == ticket.lines.count()
    assert 1 == InterventionTicket.objects.filter(status="open").count()
