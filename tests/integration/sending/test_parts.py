"""Steps that send more than once: each sending is judged, approved and left out by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from channels.models import Message
from engine.models import Approval, Instance, NodeExecution, Schedule
from engine.services.approvals import approval_approve, approval_reject
from engine.services.instances import instance_start
from journeys.models import Client, Stakeholder, Vendor
from journeys.services.forms import form_add
from journeys.services.vendors import vendor_change_settings
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import run_until_idle

ASK = {
    "form": "headcount",
    "to": ["partner_1"],
    "subject": "How many?",
    "body": "Tell me: {{ link }}",
    "remind": ["3d", "7d"],
    "timeout": {"kind": "duration", "for": "20d"},
}


@pytest.fixture
def _form(vendor: Vendor, now: datetime) -> None:
    field = {"name": "guests", "label": "Guests", "kind": "number"}
    form_add(vendor=vendor, key="headcount", title="How many?", fields=[field], now=now, actor=ACTOR)


def ask(couple: Client, *, now: datetime, **settings: Any) -> Instance:
    builder = a_journey().step("ask", "form", **{**ASK, **settings})
    builder.edges.append({"from": "ask", "port": "timeout", "to": "end"})
    journey = builder.publish(couple.vendor, now=now)
    instance = instance_start(
        vendor=couple.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return instance


def sendings() -> list[str]:
    keys = Message.objects.order_by("id").values_list("key", flat=True)
    return [key.rpartition(":")[2].replace("partner_1", "ask", 1) for key in keys]


@pytest.mark.usefixtures("_form")
def test_every_sending_of_a_step_is_approved_by_itself(couple: Client, now: datetime) -> None:
    instance = ask(couple, now=now, approval={"mode": "always", "expires": "1d"})
    approval_approve(approval=Approval.objects.get(), now=now, actor=ACTOR)
    run_until_idle(now)
    assert ["ask"] == sendings()
    assert "Waits until the form is answered." == Schedule.objects.get(instance=instance).reason

    later = now + timedelta(days=3)
    run_until_idle(later)
    reminder = Approval.objects.get(status="pending")
    assert reminder.place.endswith("#reminder_1")
    approval_approve(approval=reminder, now=later, actor=ACTOR)
    run_until_idle(later)

    assert ["ask", "ask#reminder_1"] == sendings()
    assert "Waits until the form is answered." == Schedule.objects.get(instance=instance).reason


@pytest.mark.usefixtures("_form")
def test_a_rejected_reminder_leaves_the_step_waiting(couple: Client, now: datetime) -> None:
    instance = ask(couple, now=now, approval={"mode": "first", "first": 1, "expires": "9d"})
    approval_approve(approval=Approval.objects.get(), now=now, actor=ACTOR)
    Approval.objects.update(node_id="another")
    later = now + timedelta(days=3)
    run_until_idle(now)
    run_until_idle(later)

    approval_reject(approval=Approval.objects.get(status="pending"), now=later, actor=ACTOR)
    run_until_idle(later)

    place = Schedule.objects.get(instance=instance)
    assert place.waiting is not None
    assert ["ask"] == sendings()
    assert (
        "Not sent: it was not approved."
        == NodeExecution.objects.filter(instance=instance, node_id="ask").order_by("id").last().reason
    )


@pytest.mark.usefixtures("_form")
def test_a_rejected_letter_leaves_the_step_out(couple: Client, now: datetime) -> None:
    instance = ask(couple, now=now, approval={"mode": "always", "expires": "1d"})

    approval_reject(approval=Approval.objects.get(), now=now, actor=ACTOR)
    run_until_idle(now)

    instance.refresh_from_db()
    assert ("completed", []) == (instance.status, sendings())


@pytest.mark.usefixtures("_form")
def test_a_step_whose_letter_nobody_gets_waits_for_no_answer(couple: Client, now: datetime) -> None:
    Stakeholder.objects.filter(role="partner_1").update(email_allowed=False)

    instance = ask(couple, now=now)

    instance.refresh_from_db()
    assert "completed" == instance.status
    assert ["withheld"] == list(Message.objects.values_list("status", flat=True))


@pytest.mark.usefixtures("_form")
def test_a_reminder_is_spaced_from_other_journeys_and_the_wait_goes_on(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    vendor_change_settings(vendor=vendor, contact_rules={"spacing": {"hours": 24}}, now=now, actor=ACTOR)
    instance = ask(couple, now=now)
    other = a_journey().email("other").publish(vendor, now=now)
    later = now + timedelta(days=3)
    almost = later - timedelta(hours=1)
    instance_start(vendor=vendor, journey=other, client=couple, variables={}, now=almost, actor=ACTOR)
    run_until_idle(almost)

    run_until_idle(later)
    place = Schedule.objects.get(instance=instance)
    assert almost + timedelta(hours=24) == place.due_at
    assert place.waiting is not None

    run_until_idle(place.due_at)
    assert ["ask", "ask", "ask#reminder_1"] == sendings()


@pytest.mark.usefixtures("_form")
def test_a_reminder_that_would_come_behind_its_date_is_left_out(vendor: Vendor, now: datetime) -> None:
    vendor_change_settings(
        vendor=vendor,
        contact_rules={"blackout": {"days": [{"from": "2027-04-17", "until": "2027-06-01"}]}},
        now=now,
        actor=ACTOR,
    )
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=30))
    when = {"kind": "anchor", "offset": "-30d", "at": "09:00"}

    instance = ask(couple, now=now, when=when, purpose="marketing")
    run_until_idle(now + timedelta(days=3))

    last = NodeExecution.objects.filter(instance=instance, node_id="ask").order_by("id").last()
    assert last.reason.startswith("Skipped: it could not go out before its date had passed: ")
    assert "is a day you keep free" in last.reason
    assert ["ask"] == sendings()
    assert Schedule.objects.get(instance=instance).waiting is not None
