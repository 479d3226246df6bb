"""Roll back: nothing goes out twice unless somebody wants it, and the dry run says what will."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from channels.models import Message, SinkMessage
from engine.models import Instance, NodeExecution, RollBack
from engine.services.replaying import differences
from engine.services.roll_back_outlook import roll_back_preview, roll_back_told
from engine.services.rolling_back import Wish
from journeys.errors import ServiceError
from journeys.models import AuditRecord, Client, Vendor
from journeys.services.forms import form_add
from journeys.services.vendors import vendor_change_settings
from tests.builders import ACTOR, END, JourneyBuilder, a_journey, a_net, pause
from tests.drive import run_until_idle
from tests.integration.engine.rolling import (
    Start,
    a_letter_and_a_wait,
    history,
    roll_back,
    sent,
    stands,
    starter,
)


@pytest.fixture
def start(couple: Client, now: datetime) -> Start:
    return starter(couple, now=now)


def test_what_went_out_before_is_kept_and_the_history_says_when(start: Start, now: datetime) -> None:
    instance = start(a_letter_and_a_wait())
    run_until_idle(now + timedelta(days=3))
    assert ["hello", "more"] == sent()
    later = now + timedelta(days=5)

    roll_back(instance, "hello", now=later)
    run_until_idle(later)

    assert ["hello", "more"] == sent()
    assert [("rest", "", 2)] == stands(instance)
    kept = NodeExecution.objects.get(instance=instance, node_id="hello", visit=2)
    assert NodeExecution.Status.SKIPPED == kept.status
    assert f"partner 1 got it on {now.day} {now:%b %Y}" in kept.reason
    message = Message.objects.get(key__contains=":hello::2:")
    assert (Message.Status.WITHHELD, "sent_before", "") == (
        message.status,
        message.error_code,
        message.body_text,
    )
    run_until_idle(later + timedelta(days=3))
    instance.refresh_from_db()
    assert (Instance.Status.COMPLETED, ["hello", "more"]) == (instance.status, sent())
    assert {} == differences([instance])


def test_everything_is_sent_again_where_that_is_wanted(start: Start, now: datetime) -> None:
    instance = start(a_letter_and_a_wait())

    roll_back(instance, "hello", now=now, messages="send_again")
    run_until_idle(now)
    run_until_idle(now + timedelta(days=3))

    assert ["hello", "hello", "more"] == sent()
    assert 3 == Message.objects.filter(status=Message.Status.ACCEPTED).count()


def test_a_message_that_never_went_out_is_sent_although_messages_are_kept(
    start: Start, now: datetime
) -> None:
    instance = start(a_letter_and_a_wait())

    roll_back(instance, "hello", now=now)
    run_until_idle(now)
    run_until_idle(now + timedelta(days=3))

    assert ["hello", "more"] == sent()


def test_only_the_person_who_has_it_is_spared(start: Start, now: datetime) -> None:
    instance = start(a_journey().email("hello", to=["partner_1", "partner_2"]).wait("rest", for_="3d"))
    Message.objects.filter(recipient_role="partner_2").update(status=Message.Status.REJECTED)

    roll_back(instance, "hello", now=now)
    run_until_idle(now)

    keys = SinkMessage.objects.order_by("id").values_list("key", flat=True)
    assert ["partner_1", "partner_2", "partner_2"] == [key.rpartition(":")[2] for key in keys]
    done = NodeExecution.objects.get(instance=instance, node_id="hello", visit=2)
    assert "succeeded" == done.status
    assert "partner 1 got it" in done.reason


def test_a_message_whose_fate_nobody_knows_counts_as_sent(start: Start, now: datetime) -> None:
    instance = start(a_letter_and_a_wait())
    Message.objects.update(status=Message.Status.UNKNOWN)

    roll_back(instance, "hello", now=now)
    run_until_idle(now)

    assert ["hello"] == sent()
    assert "may have got it" in NodeExecution.objects.get(node_id="hello", visit=2).reason


def test_a_loop_is_silent_for_as_many_rounds_as_it_had_written(start: Start, now: datetime) -> None:
    net = a_net(
        {
            "letter": (
                "email",
                {"subject": "Again", "body": "Dear {{ recipient.first_name }}", "to": ["partner_1"]},
            ),
            "rest": pause("1d"),
            "done": ("condition", {"if": "'stop' in client.tags"}),
            "end": END,
        },
        *("start>letter", "letter>rest", "rest>done", "done.yes>end", "done.no>letter"),
    )
    instance = start(net)
    for day in (1, 2):
        run_until_idle(now + timedelta(days=day))
    assert 3 == len(sent())

    roll_back(instance, "letter", now=now + timedelta(days=2, hours=1))
    for day in (2, 3, 4):
        run_until_idle(now + timedelta(days=day, hours=1))
    assert 3 == len(sent())
    assert {} == differences([instance])

    run_until_idle(now + timedelta(days=5, hours=1))
    assert 4 == len(sent())


def test_a_second_roll_back_keeps_what_the_first_had_kept(start: Start, now: datetime) -> None:
    instance = start(a_letter_and_a_wait())

    for _ in range(2):
        roll_back(instance, "hello", now=now)
        run_until_idle(now)

    assert ["hello"] == sent()
    assert [("rest", "", 3)] == stands(instance)
    assert {} == differences([instance])


def test_a_dry_run_tells_everything_and_changes_nothing(start: Start, now: datetime) -> None:
    instance = start(
        a_journey().action("mark", {"kind": "add_tag", "tag": "vip"}).email("hello").wait("rest", for_="3d")
    )
    before = (history(instance), stands(instance), AuditRecord.objects.count())

    outlook = roll_back_preview(instance=instance, wish=Wish("mark"), now=now, actor=ACTOR)

    assert before == (history(instance), stands(instance), AuditRecord.objects.count())
    assert not RollBack.objects.exists()
    assert ["rest"] == [one.node_id for one in outlook.taken]
    assert [("hello", "partner_1", "accepted")] == [
        (one.node_id, one.role, one.status) for one in outlook.sent
    ]
    assert ("mark: What it has changed stays changed, and it makes the same changes again.",) == outlook.stays
    told = [(one.node_id, one.status, one.at) for one in outlook.next]
    assert [
        ("mark", "succeeded", now),
        ("hello", "skipped", now),
        ("rest", "succeeded", now + timedelta(days=3)),
        ("end", "succeeded", now + timedelta(days=3)),
    ] == told


@pytest.mark.parametrize("messages", ["keep", "send_again"])
def test_what_a_dry_run_foresees_comes_true(start: Start, now: datetime, messages: str) -> None:
    instance = start(a_letter_and_a_wait())
    wish = Wish("hello", messages=messages)
    foreseen = roll_back_preview(instance=instance, wish=wish, now=now, actor=ACTOR)

    made = roll_back_told(instance=instance, wish=wish, now=now, actor=ACTOR)
    run_until_idle(now)
    run_until_idle(now + timedelta(days=3))

    assert foreseen.next == made.next
    rows = NodeExecution.objects.filter(instance=instance, id__gt=made.row.after).order_by("id")
    assert [(one.node_id, one.status) for one in made.next] == list(rows.values_list("node_id", "status"))


def test_a_dry_run_refuses_what_would_be_refused(start: Start, now: datetime) -> None:
    instance = start(a_letter_and_a_wait())

    with pytest.raises(ServiceError) as refused:
        roll_back_preview(instance=instance, wish=Wish("more"), now=now, actor=ACTOR)

    assert "not_reached" == refused.value.code


def a_question(vendor: Vendor, *, now: datetime) -> JourneyBuilder:
    """Ask for something with a link, for a week at most, and write a letter after it."""
    field = {"name": "guests", "label": "Guests", "kind": "number"}
    form_add(vendor=vendor, key="headcount", title="How many?", fields=[field], now=now, actor=ACTOR)
    builder = a_journey().step(
        "ask",
        "form",
        form="headcount",
        to=["partner_1"],
        subject="How many?",
        body="Tell me: {{ link }}",
        timeout={"kind": "duration", "for": "7d"},
    )
    builder.edges.append({"from": "ask", "port": "timeout", "to": "end"})
    return builder.wait("rest", for_="3d")


def test_a_question_that_was_settled_is_not_asked_again_and_left_the_same_way(
    start: Start, vendor: Vendor, now: datetime
) -> None:
    instance = start(a_question(vendor, now=now))
    run_until_idle(now + timedelta(days=7))
    instance.refresh_from_db()
    assert Instance.Status.COMPLETED == instance.status
    later = now + timedelta(days=8)

    foreseen = roll_back_preview(instance=instance, wish=Wish("ask"), now=later, actor=ACTOR)
    roll_back(instance, "ask", now=later)
    run_until_idle(later)

    assert ["ask"] == sent()
    row = NodeExecution.objects.get(instance=instance, node_id="ask", visit=2)
    assert ("skipped", "timeout") == (row.status, row.port)
    assert row.reason.startswith("Not asked again: this was settled on ")
    assert ["ask", "end"] == [one.node_id for one in foreseen.next]
    assert {} == differences([instance])


def test_a_question_that_was_still_open_is_asked_anew_with_a_link_of_its_own(
    start: Start, vendor: Vendor, now: datetime
) -> None:
    instance = start(a_question(vendor, now=now))

    roll_back(instance, "ask", now=now)
    run_until_idle(now)

    assert ["ask", "ask"] == sent()
    assert [("ask", "", 2)] == stands(instance)
    bodies = list(SinkMessage.objects.values_list("body_text", flat=True))
    assert 2 == len(set(bodies))


def test_a_message_that_is_kept_needs_no_approval_and_waits_for_no_hours(
    start: Start, vendor: Vendor, now: datetime
) -> None:
    instance = start(a_letter_and_a_wait())
    vendor_change_settings(vendor=vendor, contact_rules={"approve_all": True}, now=now, actor=ACTOR)

    roll_back(instance, "hello", now=now)
    run_until_idle(now)

    assert [("rest", "", 2)] == stands(instance)
    assert ["hello"] == sent()


def test_other_deeds_are_done_again_and_the_dry_run_says_so(start: Start, now: datetime) -> None:
    instance = start(a_journey().action("mark", {"kind": "add_tag", "tag": "vip"}).wait("rest", for_="3d"))

    outlook = roll_back_preview(instance=instance, wish=Wish("start"), now=now, actor=ACTOR)

    assert 1 == len(outlook.stays)
    roll_back(instance, "start", now=now)
    run_until_idle(now)
    assert 2 == NodeExecution.objects.filter(node_id="mark", status="succeeded").count()
