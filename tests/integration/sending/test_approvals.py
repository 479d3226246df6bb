"""Messages that wait for a person's yes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from channels.models import Message, SinkMessage
from engine.models import Approval, InterventionTicket, NodeExecution, Schedule
from engine.services.approvals import (
    approval_approve,
    approval_edit,
    approval_reject,
    approvals_decide,
    pending_approvals,
)
from engine.services.instances import instance_cancel, instance_pause, instance_resume
from engine.services.tickets import ticket_retry, ticket_skip
from engine.services.upcoming import approvals_prepare
from journeys.errors import Conflict, Invalid
from journeys.models import AuditRecord, Client, Stakeholder, Vendor
from journeys.services.clients import client_change
from journeys.services.vendors import vendor_change_settings
from journeys.services.weddings import wedding_move
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import enter, run_until_idle

Status = Approval.Status
ASKED = {"mode": "always", "expires": "2d"}


def asking(vendor: Vendor, couple: Client, *, now: datetime, **settings) -> Approval:
    """Run a journey up to its question."""
    builder = a_journey().email("note", **{"approval": ASKED, "to": ["couple"], **settings}).email("after")
    enter(builder.publish(vendor, now=now), couple, now=now)
    run_until_idle(now)
    return Approval.objects.get()


def fate(node_id: str) -> list[str]:
    rows = NodeExecution.objects.filter(node_id=node_id).order_by("id")
    return list(rows.values_list("status", flat=True))


def test_nothing_goes_out_before_the_yes(vendor: Vendor, couple: Client, now: datetime) -> None:
    approval = asking(vendor, couple, now=now)

    assert 0 == Message.objects.count()
    place = Schedule.objects.get()
    assert (now + timedelta(days=2), "Waits for your yes, until Friday 10:00.") == (
        place.due_at,
        place.reason,
    )
    assert ["partner_1", "partner_2"] == [copy["role"] for copy in approval.contents]
    assert ("About note", "Dear Inês") == (approval.contents[0]["subject"], approval.contents[0]["body"])
    assert [approval] == list(pending_approvals(vendor))

    approval_approve(approval=approval, now=now + timedelta(hours=1), actor=ACTOR)
    run_until_idle(now + timedelta(hours=1))

    assert ["About note", "About note", "About after"] == [
        message.subject for message in Message.objects.order_by("id")
    ]
    assert ["held", "succeeded"] == fate("note")
    approval.refresh_from_db()
    assert (Status.APPROVED, ACTOR) == (approval.status, approval.decided_by)
    assert [] == list(pending_approvals(vendor))


def test_what_was_edited_goes_out_word_for_word(vendor: Vendor, couple: Client, now: datetime) -> None:
    approval = asking(
        vendor,
        couple,
        now=now,
        body="Dear {{ recipient.first_name }}, see you at {{ wedding.venue | default: 'the venue' }}.",
    )
    approval_edit(
        approval=approval, edits={"partner_1": {"body": "Olá Inês, **18:15**."}}, now=now, actor=ACTOR
    )

    approval_approve(approval=approval, edits={"partner_1": {"subject": "The light"}}, now=now, actor=ACTOR)
    client_change(client=couple, first_name="Another", now=now, actor=ACTOR)
    run_until_idle(now)

    first, second = Message.objects.filter(node_id="note").order_by("id")
    assert "The light" == first.subject
    assert first.body_text.startswith("Olá Inês, 18:15.")
    assert "<strong>18:15</strong>" in first.body_html
    assert second.body_text.startswith("Dear Tomás, see you at Quinta da Serra.")
    approval.refresh_from_db()
    assert "Dear Inês, see you at Quinta da Serra." == approval.original[0]["body"]
    actions = AuditRecord.objects.filter(object_id=approval.public_id).order_by("at", "id")
    assert ["approval.asked", "approval.edited", "approval.edited", "approval.approved"] == [
        row.action for row in actions
    ]


def test_what_is_rejected_is_left_out_and_the_journey_goes_on(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    approval = asking(vendor, couple, now=now)

    approval_reject(approval=approval, note="Not this one", now=now, actor=ACTOR)
    run_until_idle(now)

    assert ["held", "skipped"] == fate("note")
    assert ["succeeded"] == fate("after")
    assert "Not sent: it was not approved." == NodeExecution.objects.get(status="skipped").reason


@pytest.mark.parametrize(
    ("on_expiry", "messages", "note"),
    [
        ("send", 3, ["held", "succeeded"]),
        ("skip", 1, ["held", "skipped"]),
        ("escalate", 0, ["held", "failed"]),
    ],
)
def test_nobody_decides_in_time(
    vendor: Vendor, couple: Client, now: datetime, on_expiry: str, messages: int, note: list[str]
) -> None:
    approval = asking(vendor, couple, now=now, approval={**ASKED, "on_expiry": on_expiry})

    run_until_idle(now + timedelta(days=2))

    approval.refresh_from_db()
    assert Status.EXPIRED == approval.status
    assert (messages, note) == (SinkMessage.objects.count(), fate("note"))


@pytest.mark.parametrize("deed", ["retry", "approve", "skip", "reject"])
def test_an_escalated_question_is_settled_by_a_person(
    vendor: Vendor, couple: Client, now: datetime, deed: str
) -> None:
    approval = asking(vendor, couple, now=now)
    later = now + timedelta(days=2)
    run_until_idle(later)
    ticket = InterventionTicket.objects.get()
    assert ("approval_expired", "support") == (ticket.code, ticket.level)
    assert [approval] == list(pending_approvals(vendor))

    if deed == "retry":
        ticket_retry(ticket=ticket, now=later, actor=ACTOR)
    elif deed == "skip":
        ticket_skip(ticket=ticket, now=later, actor=ACTOR)
    elif deed == "approve":
        approval_approve(approval=approval, now=later, actor=ACTOR)
    else:
        approval_reject(approval=approval, now=later, actor=ACTOR)
    run_until_idle(later)

    ticket.refresh_from_db()
    assert "resolved" == ticket.status
    assert (3 if deed in {"retry", "approve"} else 1) == SinkMessage.objects.count()
    assert [] == list(pending_approvals(vendor))


def test_a_question_that_expires_near_the_wedding_is_an_emergency(vendor: Vendor, now: datetime) -> None:
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=3))
    asking(vendor, couple, now=now)

    run_until_idle(now + timedelta(days=2))

    assert "emergency" == InterventionTicket.objects.get().level


def test_nobody_can_approve_what_would_come_behind_its_date(vendor: Vendor, now: datetime) -> None:
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=1))
    eve = {"kind": "anchor", "anchor": "wedding", "offset": "-1d", "at": "12:00"}
    noon = now + timedelta(hours=2)
    enter(
        a_journey().email("eve", when=eve, approval=ASKED, to=["couple"]).publish(vendor, now=now),
        couple,
        now=now,
    )
    run_until_idle(noon)
    approval = Approval.objects.get()
    # The ceremony is on Thursday at 15:30 in Lisbon: there is no time beyond it.
    assert datetime(2027, 4, 15, 14, 30, tzinfo=UTC) == approval.expires_at

    run_until_idle(approval.expires_at)

    assert ["held", "skipped"] == fate("eve")
    assert 0 == InterventionTicket.objects.count()


def test_the_gates_are_asked_again_after_the_yes(vendor: Vendor, couple: Client, now: datetime) -> None:
    vendor_change_settings(vendor=vendor, sending_hours={"every": ["09:00", "18:00"]}, now=now, actor=ACTOR)
    approval = asking(vendor, couple, now=now)
    evening = now + timedelta(hours=10)

    approval_approve(approval=approval, now=evening, actor=ACTOR)
    run_until_idle(evening)

    assert 0 == SinkMessage.objects.count()
    assert (
        "Put off until Thursday 09:00: 20:00 is outside your sending hours." == Schedule.objects.get().reason
    )
    run_until_idle(Schedule.objects.get().due_at)
    assert 3 == SinkMessage.objects.count()


def test_who_no_longer_wants_letters_gets_none_though_approved(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    approval = asking(vendor, couple, now=now)
    Stakeholder.objects.filter(role="partner_2").update(email_allowed=False)

    approval_approve(approval=approval, now=now, actor=ACTOR)
    run_until_idle(now)

    fates = Message.objects.filter(node_id="note").order_by("id").values_list("status", flat=True)
    assert ["accepted", "withheld"] == list(fates)


def test_the_first_sends_of_a_step_are_read_over_all_couples(vendor: Vendor, now: datetime) -> None:
    rule = {"mode": "first", "first": 2, "expires": "9d"}
    journey = a_journey().email("note", approval=rule).publish(vendor, now=now)

    for number in range(3):
        enter(journey, a_couple(vendor, now=now), now=now)
        run_until_idle(now)
        waiting = list(pending_approvals(vendor))
        assert (1 if number < 2 else 0) == len(waiting)
        for approval in waiting:
            approval_approve(approval=approval, now=now, actor=ACTOR)
        run_until_idle(now)

    assert 3 == SinkMessage.objects.count()


def test_one_couple_or_everybody_can_be_read_first(vendor: Vendor, couple: Client, now: datetime) -> None:
    journey = a_journey().email("note").publish(vendor, now=now)
    client_change(client=couple, approve_all=True, now=now, actor=ACTOR)
    other = a_couple(vendor, now=now)
    for one in (couple, other):
        enter(journey, one, now=now)
    run_until_idle(now)
    assert (1, 1) == (Approval.objects.count(), SinkMessage.objects.count())

    vendor_change_settings(vendor=vendor, contact_rules={"approve_all": True}, now=now, actor=ACTOR)
    enter(journey, a_couple(vendor, now=now), now=now)
    run_until_idle(now)
    assert (2, 1) == (Approval.objects.count(), SinkMessage.objects.count())

    # When nobody wants to read any more, what waits goes out by itself at the end of its time.
    vendor_change_settings(vendor=vendor, contact_rules={}, now=now, actor=ACTOR)
    client_change(client=couple, approve_all=False, now=now, actor=ACTOR)
    run_until_idle(now + timedelta(days=2))
    assert 3 == SinkMessage.objects.count()


def test_a_moved_wedding_is_asked_about_anew(vendor: Vendor, couple: Client, now: datetime) -> None:
    first = asking(vendor, couple, now=now, body="On {{ wedding.long_date | default: 'the day' }}")

    wedding_move(wedding=couple.weddings.get(), date=(now + timedelta(days=300)).date(), now=now, actor=ACTOR)
    run_until_idle(now)

    first.refresh_from_db()
    assert Status.WITHDRAWN == first.status
    second = Approval.objects.exclude(pk=first.pk).get()
    assert "On Tuesday 8 February 2028" == second.contents[0]["body"]
    assert first.place == second.place


def test_somebody_new_is_asked_about_and_edits_stay(vendor: Vendor, couple: Client, now: datetime) -> None:
    first = asking(vendor, couple, now=now, to=["couple", "planner"])
    approval_approve(approval=first, edits={"partner_1": {"body": "My own words"}}, now=now, actor=ACTOR)
    Stakeholder.objects.create(
        vendor=vendor,
        wedding=couple.weddings.get(),
        role="planner",
        first_name="Rita",
        email="rita@example.com",
        created_at=now,
    )

    run_until_idle(now)

    second = Approval.objects.exclude(pk=first.pk).get()
    assert Status.PENDING == second.status
    assert ["My own words", "Dear Tomás", "Dear Rita"] == [copy["body"] for copy in second.contents]
    approval_approve(approval=second, now=now, actor=ACTOR)
    run_until_idle(now)
    assert 3 == Message.objects.filter(node_id="note").count()


def test_decisions_are_made_once(vendor: Vendor, couple: Client, now: datetime) -> None:
    approval = asking(vendor, couple, now=now)
    approval_approve(approval=approval, now=now, actor=ACTOR)

    for deed in (approval_approve, approval_reject):
        with pytest.raises(Conflict) as refused:
            deed(approval=approval, now=now, actor=ACTOR)
        assert "decided" == refused.value.code


def test_an_ended_journey_leaves_nothing_to_decide(vendor: Vendor, couple: Client, now: datetime) -> None:
    approval = asking(vendor, couple, now=now)

    instance_cancel(instance=approval.instance, now=now, actor=ACTOR)

    assert [] == list(pending_approvals(vendor))
    with pytest.raises(Conflict) as refused:
        approval_approve(approval=approval, now=now, actor=ACTOR)
    assert "moved_on" == refused.value.code


def test_a_paused_journey_sends_what_was_approved_when_it_goes_on(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    approval = asking(vendor, couple, now=now)
    instance_pause(instance=approval.instance, now=now, actor=ACTOR)

    approval_approve(approval=approval, now=now, actor=ACTOR)
    run_until_idle(now)
    assert 0 == SinkMessage.objects.count()
    instance_resume(instance=approval.instance, now=now, actor=ACTOR)
    run_until_idle(now)

    assert 3 == SinkMessage.objects.count()


@pytest.mark.parametrize(
    ("edits", "code"),
    [
        ({"florist": {"body": "Hello"}}, "bad_recipient"),
        ({"partner_1": {"body": "   "}}, "bad_text"),
        ({"partner_1": {"subject": ""}}, "bad_text"),
        ({"partner_1": {"subject": "x" * 256}}, "bad_text"),
    ],
)
def test_words_that_could_not_be_sent_are_refused(
    vendor: Vendor, couple: Client, now: datetime, edits: dict, code: str
) -> None:
    approval = asking(vendor, couple, now=now)

    with pytest.raises(Invalid) as refused:
        approval_approve(approval=approval, edits=edits, now=now, actor=ACTOR)

    assert code == refused.value.code
    approval.refresh_from_db()
    assert Status.PENDING == approval.status


def test_many_are_decided_at_once(vendor: Vendor, now: datetime) -> None:
    journey = a_journey().email("note", approval=ASKED).publish(vendor, now=now)
    for _ in range(3):
        enter(journey, a_couple(vendor, now=now), now=now)
    run_until_idle(now)
    ids = list(Approval.objects.values_list("public_id", flat=True))
    approval_reject(approval=Approval.objects.get(public_id=ids[2]), now=now, actor=ACTOR)

    decided = approvals_decide(
        vendor=vendor, public_ids=[*ids, "apr_nobody"], approve=True, now=now, actor=ACTOR
    )
    run_until_idle(now)

    assert ids[:2] == decided.done
    assert {ids[2], "apr_nobody"} == set(decided.refused)
    assert 2 == SinkMessage.objects.count()


def test_names_with_marks_can_be_read_and_stay_names(vendor: Vendor, now: datetime) -> None:
    couple = a_couple(vendor, now=now, display_name="Ana_Maria & *Tom*")
    approval = asking(
        vendor,
        couple,
        now=now,
        body="Dear {{ client.display_name }}, on {{ wedding.date | default: 'the day' }}.",
    )

    approval_approve(approval=approval, now=now, actor=ACTOR)
    run_until_idle(now)

    message = Message.objects.filter(node_id="note").first()
    assert "Dear Ana_Maria & *Tom*, on 2027-10-31." in message.body_text


def dated(vendor: Vendor, couple: Client, *, now: datetime, days: int = 195) -> Schedule:
    """Stand before a step that is due so many days before the wedding, which is 200 days ahead."""
    when = {"kind": "anchor", "offset": f"-{days}d", "at": "09:00"}
    instance = enter(
        a_journey().email("note", when=when, approval=ASKED).publish(vendor, now=now), couple, now=now
    )
    run_until_idle(now)
    return Schedule.objects.get(instance=instance)


def test_a_week_of_notes_can_be_read_ahead(vendor: Vendor, couple: Client, now: datetime) -> None:
    place = dated(vendor, couple, now=now)
    dated(vendor, couple, now=now, days=150)

    assert 1 == approvals_prepare(vendor=vendor, days=7, now=now)
    assert 0 == approvals_prepare(vendor=vendor, days=7, now=now)

    approval = Approval.objects.get()
    assert (place.due_at, place.due_at + timedelta(days=2)) == (approval.goes_out_at, approval.expires_at)
    approval_approve(approval=approval, edits={"partner_1": {"body": "Early words"}}, now=now, actor=ACTOR)
    run_until_idle(now)
    assert 0 == Message.objects.count()
    run_until_idle(place.due_at)
    assert Message.objects.get().body_text.startswith("Early words")
    assert ["succeeded"] == fate("note")


def test_what_was_asked_ahead_and_not_decided_waits_when_it_is_due(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    place = dated(vendor, couple, now=now)
    approvals_prepare(vendor=vendor, days=7, now=now)

    run_until_idle(place.due_at)

    assert 0 == Message.objects.count()
    assert Schedule.objects.get(pk=place.pk).due_at == Approval.objects.get().expires_at


def test_what_was_rejected_ahead_is_left_out_when_it_is_due(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    place = dated(vendor, couple, now=now)
    approvals_prepare(vendor=vendor, days=7, now=now)
    approval_reject(approval=Approval.objects.get(), now=now, actor=ACTOR)

    run_until_idle(place.due_at)

    assert ["skipped"] == fate("note")


def test_looking_ahead_has_an_end(vendor: Vendor, now: datetime) -> None:
    with pytest.raises(Invalid):
        approvals_prepare(vendor=vendor, days=31, now=now)
