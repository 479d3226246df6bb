"""A person who writes back has answered the last message that each vendor sent there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from channels.contract import DeliveryReport, ReportKind
from channels.models import DeliveryEvent, Message
from channels.services import sending
from channels.services.callbacks import receive
from channels.signals import message_reported
from journeys.models import Client, Vendor
from tests.builders import a_couple, a_vendor
from tests.fakes.messages import a_spec

ANSWER = DeliveryReport(
    provider="twilio",
    event_key="SM7:received",
    message_id=None,
    kind=ReportKind.ANSWERED,
    occurred_at=None,
    channel="sms",
    address="+351912345678",
    raw={"Body": "Yes, of course"},
)


@pytest.fixture
def told() -> Iterator[list[Message]]:
    """Gather the messages that observers are told of."""
    heard: list[Message] = []

    def keep(*, message: Message, **_more: Any) -> None:
        heard.append(message)

    message_reported.connect(keep)
    yield heard
    message_reported.disconnect(keep)


def a_text(vendor: Vendor, client: Client, *, key: str, now: datetime) -> Message:
    spec = a_spec(vendor, client, channel="sms", key=key)
    message = sending.prepare(spec=spec, fence=1, now=now)
    Message.objects.filter(id=message.id).update(status=Message.Status.ACCEPTED)
    return message


def test_an_answer_counts_for_the_last_message_of_each_vendor_that_wrote_there(
    vendor: Vendor, client_of_vendor: Client, told: list[Message], now: datetime
) -> None:
    a_text(vendor, client_of_vendor, key="a:one::1:partner_1", now=now)
    last = a_text(vendor, client_of_vendor, key="a:two::1:partner_1", now=now)
    other = a_vendor(name="Also wrote", now=now)
    also = a_text(other, a_couple(other, now=now), key="b:one::1:partner_1", now=now)

    assert 1 == receive(provider="twilio", reports=[ANSWER, ANSWER], now=now)
    assert 0 == receive(provider="twilio", reports=[ANSWER], now=now)

    answered = DeliveryEvent.objects.filter(kind="answered", message__isnull=False)
    assert {last.id, also.id} == set(answered.values_list("message_id", flat=True))
    assert {last.id, also.id} == {message.id for message in told}
    assert [None, None] == [one.raw for one in answered]
    assert {"Body": "Yes, of course"} == DeliveryEvent.objects.get(message=None).raw


def test_an_answer_to_a_message_that_never_went_out_is_only_kept(
    vendor: Vendor, client_of_vendor: Client, told: list[Message], now: datetime
) -> None:
    spec = a_spec(vendor, client_of_vendor, channel="sms")
    sending.prepare(spec=spec, fence=1, now=now)

    receive(provider="twilio", reports=[ANSWER], now=now)

    assert [] == told
    assert 1 == DeliveryEvent.objects.count()
