"""Two at once at one ticket: steps that fail together, people who work it together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import transaction

from engine.models import Instance, InterventionTicket, NodeExecution, Schedule, TicketLine
from engine.services import escalating, interventions
from engine.services.interventions import ticket_open
from engine.services.tickets import DEEDS, Worked, ticket_work
from journeys.errors import Conflict
from journeys.models import Client, Journey, Vendor
from tests.builders import ACTOR, a_journey
from tests.racing import WAIT_SECONDS, somebody_waits_for_a_lock, together, until
from tests.tickets import EXPIRED, parked_steps, stop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]


@pytest.fixture
def hello(vendor: Vendor, now: datetime) -> Journey:
    return a_journey().email("hello").publish(vendor, now=now)


def work(deed: str, *, now: datetime) -> Worked:
    return ticket_work(
        ticket=InterventionTicket.objects.get(), deed=DEEDS[deed], name=deed, now=now, actor=ACTOR
    )


def test_steps_that_fail_at_once_for_one_cause_open_one_ticket(
    hello: Journey, couple: Client, now: datetime
) -> None:
    claims = parked_steps(hello, couple, 24, now=now)

    def fail(part: int) -> Callable[[], None]:
        return lambda: stop(claims[part::6], EXPIRED, now=now)

    together(*(fail(part) for part in range(6)))

    assert 24 == InterventionTicket.objects.get().lines.filter(status="open").count()


def test_the_second_to_open_a_ticket_waits_for_the_first_and_adds_its_line(
    hello: Journey, couple: Client, now: datetime
) -> None:
    claims = parked_steps(hello, couple, 2, now=now)
    opened = threading.Event()

    def first() -> None:
        with transaction.atomic():
            ticket_open(claim=claims[0], draft=EXPIRED, now=now)
            opened.set()
            # The other one waits inside the statement that opens the ticket.
            until(somebody_waits_for_a_lock)

    def second() -> None:
        assert opened.wait(WAIT_SECONDS)
        stop(claims[1:], EXPIRED, now=now)

    together(first, second)
    assert 2 == InterventionTicket.objects.get().lines.count()


def test_a_first_that_comes_to_nothing_leaves_the_ticket_to_the_second(
    hello: Journey, couple: Client, now: datetime
) -> None:
    claims = parked_steps(hello, couple, 2, now=now)
    opened = threading.Event()

    def first() -> None:
        with transaction.atomic():
            ticket_open(claim=claims[0], draft=EXPIRED, now=now)
            opened.set()
            transaction.set_rollback(True)

    def second() -> None:
        assert opened.wait(WAIT_SECONDS)
        stop(claims[1:], EXPIRED, now=now)

    together(first, second)
    assert claims[1].schedule_id == TicketLine.objects.get().schedule_id


def test_two_people_who_skip_a_ticket_at_once_skip_each_step_once(
    hello: Journey, couple: Client, now: datetime
) -> None:
    stop(parked_steps(hello, couple, 8, now=now), EXPIRED, now=now)

    answers = together(lambda: work("skip", now=now), lambda: work("skip", now=now), refusals=Conflict)

    assert {8} == {sum(one.done for one in answers if isinstance(one, Worked))}
    assert 8 == NodeExecution.objects.filter(node_id="hello", status="skipped").count()
    assert "resolved" == InterventionTicket.objects.get().status


def test_a_step_that_fails_while_the_last_line_is_settled_is_not_lost(
    hello: Journey, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = parked_steps(hello, couple, 2, now=now)
    stop(claims[:1], EXPIRED, now=now)
    found, closed = threading.Event(), threading.Event()
    real = interventions._ticket_of

    def held_open(**given: Any) -> Any:
        answer = real(**given)
        found.set()
        assert closed.wait(WAIT_SECONDS)
        return answer

    monkeypatch.setattr(interventions, "_ticket_of", held_open)

    def settle() -> None:
        assert found.wait(WAIT_SECONDS)
        work("skip", now=now)
        closed.set()

    together(lambda: stop(claims[1:], EXPIRED, now=now), settle)

    escalating.tick(now=now)
    line = TicketLine.objects.select_related("ticket").get(schedule_id=claims[1].schedule_id)
    assert ("open", "open") == (line.status, line.ticket.status)
    assert 1 == InterventionTicket.objects.filter(status="open").count()


def test_two_lines_settled_at_once_close_their_ticket(hello: Journey, couple: Client, now: datetime) -> None:
    stop(parked_steps(hello, couple, 2, now=now), EXPIRED, now=now)
    ticket = InterventionTicket.objects.get()
    lines = list(ticket.lines.order_by("id"))

    def skip(line: TicketLine) -> Callable[[], Worked]:
        return lambda: ticket_work(
            ticket=InterventionTicket.objects.get(),
            deed=DEEDS["skip"],
            name="skip",
            line_ids=[line.public_id],
            now=now,
            actor=ACTOR,
        )

    answers = together(*(skip(line) for line in lines))

    assert [1, 1] == [one.done for one in answers]
    escalating.tick(now=now)
    ticket.refresh_from_db()
    assert "resolved" == ticket.status


def test_a_cancellation_and_a_retry_of_one_step_leave_one_of_them(
    hello: Journey, couple: Client, now: datetime
) -> None:
    stop(parked_steps(hello, couple, 1, now=now), EXPIRED, now=now)

    together(lambda: work("cancel", now=now), lambda: work("retry", now=now), refusals=Conflict)

    line, instance = TicketLine.objects.get(), Instance.objects.get()
    assert "resolved" == line.status
    if line.resolution == "cancel":
        assert ("cancelled", 0) == (instance.status, Schedule.objects.count())
    else:
        assert ("active", 1) == (instance.status, Schedule.objects.count())
