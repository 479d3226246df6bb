"""A person works a ticket: all its steps, or one."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.contrib.auth import get_user_model

from channels.contract import SendResult, Verdict
from channels.models import Message, SinkMessage
from channels.services import sending
from engine.models import Instance, InterventionTicket, NodeExecution, Schedule, TicketLine
from engine.services import tickets
from engine.services.correcting import Correction, ticket_edit_and_retry
from engine.services.tickets import DEEDS, ticket_assign, ticket_work
from journeys.errors import Conflict, Invalid
from journeys.models import Client, Journey, Membership, Vendor
from tests.builders import ACTOR, a_journey
from tests.drive import run_until_idle
from tests.tickets import (
    ABOUT,
    BAD_NUMBER,
    EXPIRED,
    TAKEN,
    TOO_LARGE,
    Provider,
    begin,
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


def test_everything_one_cause_has_stopped_is_tried_again_at_once(
    hello: Journey, provider: Provider, now: datetime
) -> None:
    instances = begin_all(hello, 3, now=now)
    ticket = InterventionTicket.objects.get()
    provider.answer = TAKEN

    worked = tickets.ticket_retry(ticket=ticket, now=now, actor=ACTOR)
    run_until_idle(now)

    assert (3, {}, 0) == (worked.done, worked.refused, worked.left)
    assert ("resolved", "retry", ACTOR) == (
        worked.ticket.status,
        worked.ticket.resolution,
        worked.ticket.resolved_by,
    )
    assert {"completed"} == {Instance.objects.get(pk=one.pk).status for one in instances}
    assert {"ticket.opened", "ticket.worked", "ticket.resolved"} == set(deeds_of(ticket))
    assert all(["ticket.line_resolved"] == deeds_of(line) for line in ticket.lines.all())


def test_a_long_ticket_is_worked_piece_by_piece(
    hello: Journey, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tickets, "MOST", 5)
    monkeypatch.setattr(tickets, "CHUNK", 2)
    stop(parked_steps(hello, couple, 7, now=now), EXPIRED, now=now)
    ticket = InterventionTicket.objects.get()

    first = tickets.ticket_retry(ticket=ticket, now=now, actor=ACTOR)
    assert (5, 2, "open") == (first.done, first.left, first.ticket.status)
    second = tickets.ticket_retry(ticket=ticket, now=now, actor=ACTOR)

    assert (2, 0, "resolved") == (second.done, second.left, second.ticket.status)
    with pytest.raises(Conflict, match="resolved by test already"):
        tickets.ticket_retry(ticket=ticket, now=now, actor=ACTOR)


def test_what_one_line_refuses_does_not_stop_the_others(
    hello: Journey, couple: Client, now: datetime
) -> None:
    claims = parked_steps(hello, couple, 3, now=now)
    stop(claims, EXPIRED, now=now)
    Schedule.objects.filter(id=claims[1].schedule_id).update(state="waiting", due_at=now)
    ticket = InterventionTicket.objects.get()

    worked = tickets.ticket_skip(ticket=ticket, now=now, actor=ACTOR)

    line = TicketLine.objects.get(schedule_id=claims[1].schedule_id)
    assert (2, {line.public_id: "The step this ticket is about is no longer there."}) == (
        worked.done,
        worked.refused,
    )
    assert ("open", "open") == (line.status, worked.ticket.status)


def test_single_lines_are_worked_and_the_others_stay(hello: Journey, couple: Client, now: datetime) -> None:
    stop(parked_steps(hello, couple, 3, now=now), EXPIRED, now=now)
    ticket = InterventionTicket.objects.get()
    first, second, third = ticket.lines.order_by("id")

    ticket_work(
        ticket=ticket,
        deed=DEEDS["skip"],
        name="skip",
        line_ids=[first.public_id, third.public_id],
        now=now,
        actor=ACTOR,
    )

    assert [second] == list(ticket.lines.filter(status="open"))
    with pytest.raises(Invalid, match="is not an open line"):
        ticket_work(
            ticket=ticket,
            deed=DEEDS["skip"],
            name="skip",
            line_ids=[first.public_id],
            now=now,
            actor=ACTOR,
        )


def test_a_refused_message_is_sent_again(
    hello: Journey, couple: Client, provider: Provider, now: datetime
) -> None:
    provider.answer = BAD_NUMBER
    instance = begin(hello, couple, now=now)
    run_until_idle(now)
    ticket = InterventionTicket.objects.get()
    provider.answer = TAKEN

    ticket_work(ticket=ticket, deed=DEEDS["resend"], name="resend", now=now, actor=ACTOR)
    run_until_idle(now)

    instance.refresh_from_db()
    ticket.refresh_from_db()
    assert ("completed", 2, "resend") == (instance.status, provider.calls, ticket.resolution)
    assert Message.Status.ACCEPTED == Message.objects.get().status


def test_nothing_is_sent_again_where_nothing_was_refused(vendor: Vendor, now: datetime) -> None:
    journey = a_journey().variable("album").email("hello", body=ABOUT).publish(vendor, now=now)
    begin_all(journey, 1, now=now)
    ticket = InterventionTicket.objects.get()

    for deed, code in (("resend", "nothing_to_resend"), ("mark_sent", "nothing_in_doubt")):
        with pytest.raises(Conflict) as refused:
            ticket_work(ticket=ticket, deed=DEEDS[deed], name=deed, now=now, actor=ACTOR)
        assert code == refused.value.code
    ticket.refresh_from_db()
    assert "open" == ticket.status


@pytest.fixture
def doubtful(
    hello: Journey, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> InterventionTicket:
    """A message of which nobody can say whether it went out."""
    journey = a_journey().email("hello", to=["partner_1"]).action("after", {"kind": "add_tag", "tag": "on"})
    answer = SendResult(Verdict.IN_DOUBT, code="timeout", reason="It did not answer.")
    monkeypatch.setattr(sending, "hand_over", Provider(answer))
    monkeypatch.setattr(sending, "settle_in_doubt", lambda message, now: message)
    begin(journey.publish(hello.vendor, now=now, name="Doubt"), couple, now=now)
    run_until_idle(now)
    run_until_idle(now + timedelta(hours=1))
    ticket = InterventionTicket.objects.get()
    assert "in_doubt" == ticket.code
    return ticket


def test_a_message_in_doubt_is_marked_as_sent_and_the_journey_goes_on(
    doubtful: InterventionTicket, couple: Client, now: datetime
) -> None:
    later = now + timedelta(hours=1)

    ticket_work(ticket=doubtful, deed=DEEDS["mark_sent"], name="mark_sent", now=later, actor=ACTOR)
    run_until_idle(later)

    message = Message.objects.get()
    assert ("accepted", "person") == (message.status, message.settled_by)
    assert "completed" == Instance.objects.get().status
    assert couple.tags.filter(name="on").exists()
    assert "succeeded" == NodeExecution.objects.filter(node_id="hello").order_by("id").last().status  # type: ignore[union-attr]
    assert not SinkMessage.objects.exists()


def test_a_message_in_doubt_is_sent_again_when_a_person_says_so(
    doubtful: InterventionTicket, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = Provider(TAKEN)
    monkeypatch.setattr(sending, "hand_over", again)
    later = now + timedelta(hours=1)

    ticket_work(ticket=doubtful, deed=DEEDS["resend"], name="resend", now=later, actor=ACTOR)
    run_until_idle(later)

    assert (1, "accepted") == (again.calls, Message.objects.get().status)


def test_data_is_put_right_and_the_step_done_again(vendor: Vendor, couple: Client, now: datetime) -> None:
    body = ABOUT + " and {{ variables.song }}"
    journey = a_journey().variable("album").variable("song").email("hello", body=body, to=["partner_2"])
    instance = begin(journey.publish(vendor, now=now), couple, now=now)
    run_until_idle(now)
    ticket = InterventionTicket.objects.get()
    correction = Correction(
        email="new@example.com", role="partner_2", fields={"album": "green"}, variables={"song": "blue"}
    )

    worked = ticket_edit_and_retry(ticket=ticket, correction=correction, now=now, actor=ACTOR)
    run_until_idle(now)

    instance.refresh_from_db()
    assert (1, "edit", "completed") == (worked.done, worked.ticket.resolution, instance.status)
    sent = SinkMessage.objects.get()
    assert "About green and blue" in sent.body_text
    tomas = couple.weddings.get().stakeholders.get(role="partner_2")
    assert ("new@example.com", "Tomás") == (tomas.email, tomas.first_name)
    assert "instance.variables_set" in deeds_of(instance)


@pytest.mark.parametrize(
    ("correction", "code"),
    [
        (Correction(), "nothing_to_edit"),
        (Correction(variables={"nobody": "x"}), "unknown_variable"),
        (Correction(variables={"song": 7}), "bad_variable"),
        (Correction(email="x@example.com", role="florist"), "no_such_person"),
    ],
)
def test_data_that_can_not_be_used_changes_nothing(
    vendor: Vendor, couple: Client, now: datetime, correction: Correction, code: str
) -> None:
    journey = a_journey().variable("song").email("hello", body="{{ variables.song }}")
    begin(journey.publish(vendor, now=now), couple, now=now)
    run_until_idle(now)
    ticket = InterventionTicket.objects.get()

    with pytest.raises(Invalid) as refused:
        ticket_edit_and_retry(ticket=ticket, correction=correction, now=now, actor=ACTOR)

    assert code == refused.value.code
    ticket.refresh_from_db()
    assert "open" == ticket.status


def test_data_of_several_couples_is_put_right_one_by_one(
    hello: Journey, provider: Provider, now: datetime
) -> None:
    begin_all(hello, 2, now=now)
    ticket = InterventionTicket.objects.get()
    correction = Correction(phone="+351912345678")

    with pytest.raises(Conflict) as refused:
        ticket_edit_and_retry(ticket=ticket, correction=correction, now=now, actor=ACTOR)
    assert "several_clients" == refused.value.code
    first = ticket.lines.order_by("id")[0]
    ticket_edit_and_retry(
        ticket=ticket, correction=correction, line_ids=[first.public_id], now=now, actor=ACTOR
    )

    first.refresh_from_db()
    assert "+351912345678" == first.instance.client.phone
    assert ("edit", 1) == (first.resolution, ticket.lines.filter(status="open").count())


def test_a_ticket_is_given_to_somebody_of_the_vendor_and_back(
    hello: Journey, couple: Client, now: datetime
) -> None:
    stop(parked_steps(hello, couple, 1, now=now), EXPIRED, now=now)
    ticket = InterventionTicket.objects.get()
    users = get_user_model().objects
    ours, stranger = users.create_user("ours"), users.create_user("stranger")
    Membership.objects.create(vendor=hello.vendor, user=ours, created_at=now)

    ticket = ticket_assign(ticket=ticket, user=ours, now=now, actor=ACTOR)
    assert (ours, now) == (ticket.assignee, ticket.assigned_at)
    ticket_assign(ticket=ticket, user=ours, now=now + timedelta(hours=1), actor=ACTOR)
    with pytest.raises(Invalid):
        ticket_assign(ticket=ticket, user=stranger, now=now, actor=ACTOR)
    ticket = ticket_assign(ticket=ticket, user=None, now=now, actor=ACTOR)

    assert (None, None) == (ticket.assignee, ticket.assigned_at)
    assert ["ticket.opened", "ticket.assigned", "ticket.unassigned"] == deeds_of(ticket)
