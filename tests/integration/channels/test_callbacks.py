"""Reports of providers: once each, in any order, with the same end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.contract import DeliveryReport, ReportKind, SendResult, Verdict
from channels.models import DeliveryEvent, Message, Suppression
from channels.services import sending
from channels.services.callbacks import RANK, receive
from channels.signals import message_reported, message_settled
from tests.builders import a_vendor
from tests.fakes.messages import a_spec

Status = Message.Status
Delivery = Message.Delivery
SUPPRESS = {
    ReportKind.BOUNCED: "bounced",
    ReportKind.COMPLAINED: "complained",
    ReportKind.UNSUBSCRIBED: "unsubscribed",
}


def a_report(message: Message, kind: ReportKind, *, key: str = "", **changes: Any) -> DeliveryReport:
    return DeliveryReport(
        **{
            "provider": "sink",
            "event_key": key or f"e-{kind}",
            "message_id": message.public_id,
            "kind": kind,
            "occurred_at": None,
            "provider_id": "p1",
            "suppress": SUPPRESS.get(kind, ""),
            "raw": {"said": kind.value},
            **changes,
        }
    )


def heard(signal: Any) -> Iterator[list[dict[str, Any]]]:
    calls: list[dict[str, Any]] = []

    def listen(**kwargs: Any) -> None:
        calls.append(kwargs)

    signal.connect(listen)
    yield calls
    signal.disconnect(listen)


@pytest.fixture
def settled() -> Iterator[list[dict[str, Any]]]:
    yield from heard(message_settled)


@pytest.fixture
def reported() -> Iterator[list[dict[str, Any]]]:
    yield from heard(message_reported)


def test_report_is_stored_as_it_came(message: Message, now):
    receive(provider="sink", reports=[a_report(message, ReportKind.DELIVERED, occurred_at=now)], now=now)

    event = DeliveryEvent.objects.get()
    assert (event.kind, event.raw, event.occurred_at, event.received_at) == (
        "delivered", {"said": "delivered"}, now, now,
    )  # fmt: skip
    assert event.message == message


def test_same_report_counts_once(message: Message, now, reported):
    report = a_report(message, ReportKind.DELIVERED)

    first = receive(provider="sink", reports=[report, report], now=now)
    second = receive(provider="sink", reports=[report], now=now)

    assert (first, second) == (1, 0)
    assert DeliveryEvent.objects.count() == len(reported) == 1


@pytest.mark.parametrize("status", [Status.SENDING, Status.IN_DOUBT, Status.RETRY, Status.UNKNOWN])
def test_report_proves_that_the_provider_took_it(message: Message, now, settled, status: str):
    Message.objects.filter(pk=message.pk).update(status=status, in_doubt_since=now, reason="Nobody knows.")

    receive(provider="sink", reports=[a_report(message, ReportKind.QUEUED)], now=now)

    stored = Message.objects.get()
    assert (stored.status, stored.settled_by, stored.settled_at, stored.reason) == (
        Status.ACCEPTED, "callback", now, "",
    )  # fmt: skip
    assert (stored.provider_id, stored.delivery) == ("p1", Delivery.QUEUED)
    assert [(call["message"], call["now"]) for call in settled] == [(stored, now)]


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.REJECTED, Status.WITHHELD])
def test_report_does_not_settle_what_is_settled(message: Message, now, settled, status: str):
    Message.objects.filter(pk=message.pk).update(status=status, settled_by="response")

    receive(provider="sink", reports=[a_report(message, ReportKind.DELIVERED)], now=now)

    stored = Message.objects.get()
    assert (stored.status, stored.settled_by, stored.delivery) == (status, "response", Delivery.DELIVERED)
    assert settled == []


def test_response_that_comes_after_the_report_changes_nothing(message: Message, now):
    receive(provider="sink", reports=[a_report(message, ReportKind.DELIVERED)], now=now)

    stored = sending.record(
        message_id=message.pk, fence=1, result=SendResult(Verdict.IN_DOUBT, code="no_answer"), now=now
    )

    assert (stored.status, stored.settled_by) == (Status.ACCEPTED, "callback")


def test_every_delivery_has_a_rank():
    assert set(RANK) == set(Delivery)


@pytest.mark.parametrize(
    "order", list(itertools.permutations([ReportKind.DELIVERED, ReportKind.OPENED, ReportKind.BOUNCED]))
)
def test_order_of_arrival_does_not_matter(message: Message, now, order):
    for at, kind in enumerate(order):
        receive(provider="sink", reports=[a_report(message, kind)], now=now + timedelta(seconds=at))

    assert Message.objects.get().delivery == Delivery.OPENED
    assert Suppression.objects.get().reason == "bounced"


_KINDS = st.sampled_from([kind for kind in ReportKind if kind is not ReportKind.RESUBSCRIBED])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kinds=st.lists(_KINDS, min_size=1, max_size=6))
def test_any_order_and_any_repetition_have_the_same_end(
    data: st.DataObject, kinds: list[ReportKind], vendor, client_of_vendor, now: datetime
):
    reports = list(enumerate(kinds))
    orders = [reports, data.draw(st.permutations(reports + data.draw(st.lists(st.sampled_from(reports)))))]
    ends = []
    for order in orders:
        Message.objects.all().delete()
        Suppression.objects.all().delete()
        message = sending.prepare(spec=a_spec(vendor, client_of_vendor), fence=1, now=now)
        batch = data.draw(st.integers(1, 3))
        for start in range(0, len(order), batch):
            group = [
                a_report(message, kind, key=f"e{index}", provider_id=f"p{index}")
                for index, kind in order[start : start + batch]
            ]
            receive(provider="sink", reports=group, now=now)
        stored = Message.objects.get()
        suppressed = list(Suppression.objects.values_list("reason", flat=True))
        ends.append((stored.status, stored.delivery, suppressed, DeliveryEvent.objects.count()))

    assert ends[0] == ends[1]


def test_report_about_a_message_that_is_gone_is_left_out(message: Message, now):
    report = a_report(message, ReportKind.DELIVERED, message_id="msg_gone")

    assert receive(provider="sink", reports=[report], now=now) == 0


def test_report_of_another_provider_does_not_count(message: Message, now):
    assert receive(provider="sendgrid", reports=[a_report(message, ReportKind.DELIVERED)], now=now) == 0
    assert Message.objects.get().status == Status.SENDING


def test_listener_that_fails_takes_the_whole_report_back(message: Message, now):
    def fail(**_kwargs: Any) -> None:
        raise RuntimeError("boom")

    message_reported.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            receive(provider="sink", reports=[a_report(message, ReportKind.DELIVERED)], now=now)
    finally:
        message_reported.disconnect(fail)

    assert Message.objects.get().status == Status.SENDING
    assert not DeliveryEvent.objects.exists()


# STOP and START


def inbound(kind: ReportKind, *, key: str, suppress: str = "") -> DeliveryReport:
    return DeliveryReport(
        provider="twilio",
        event_key=key,
        message_id=None,
        kind=kind,
        occurred_at=None,
        suppress=suppress,
        channel="sms",
        address="+351912345678",
    )


STOP = inbound(ReportKind.UNSUBSCRIBED, key="SM1:received", suppress="stop")
START = inbound(ReportKind.RESUBSCRIBED, key="SM2:received")


def test_stop_is_heard_by_every_vendor_that_wrote_to_the_number(vendor, client_of_vendor, now):
    other = a_vendor(name="Never wrote", now=now)
    sending.prepare(spec=a_spec(vendor, client_of_vendor, channel="sms"), fence=1, now=now)

    assert receive(provider="twilio", reports=[STOP, STOP], now=now) == 1

    assert [(row.vendor_id, row.reason) for row in Suppression.objects.all()] == [(vendor.pk, "stop")]
    assert not Suppression.objects.filter(vendor=other).exists()


def test_start_lifts_a_stop_and_nothing_else(vendor, client_of_vendor, now):
    sending.prepare(spec=a_spec(vendor, client_of_vendor, channel="sms"), fence=1, now=now)
    receive(provider="twilio", reports=[STOP], now=now)

    receive(provider="twilio", reports=[START], now=now)
    assert not Suppression.objects.exists()

    receive(provider="twilio", reports=[STOP], now=now)
    assert not Suppression.objects.exists(), "the same STOP, delivered again, is not a new one"


def test_start_does_not_lift_what_a_person_of_the_vendor_decided(vendor, client_of_vendor, now):
    sending.prepare(spec=a_spec(vendor, client_of_vendor, channel="sms"), fence=1, now=now)
    Suppression.objects.create(
        vendor=vendor,
        channel="sms",
        address="+351912345678",
        address_index=Message.objects.get().address_index,
        reason="by_hand",
        created_at=now,
    )

    receive(provider="twilio", reports=[START], now=now)

    assert Suppression.objects.get().reason == "by_hand"
