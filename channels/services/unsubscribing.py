"""The way out that every marketing message carries: one click, no login, no question."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from channels.addresses import masked
from channels.links import LinkInvalid, message_of_unsubscribe
from channels.models import Message
from channels.services.suppression import lift, suppress, suppressed_because
from channels.signals import message_reported


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a way out is about, as its page shows it."""

    vendor_name: str
    #: "email" or "sms".
    channel: str
    #: The address with most of its letters hidden.
    address: str
    #: Why nothing is sent there any more; "" while messages are sent.
    because: str


def subscription(*, token: str) -> Subscription:
    """Read what the link is about; changes nothing, however often a mail scanner opens it.

    Raises:
        LinkInvalid: the link is not ours, or its message was erased.
    """
    return _subscription(_message(token))


def unsubscribe(*, token: str, now: datetime) -> Subscription:
    """Keep the vendor from writing to this address again; a second call changes nothing.

    Raises:
        LinkInvalid: the link is not ours, or its message was erased.
    """
    with transaction.atomic():
        message = (
            Message.objects.select_related("vendor")
            .select_for_update(of=("self",))
            .get(pk=_message(token).pk)
        )
        suppress(
            vendor_id=message.vendor_id,
            channel=message.channel,
            address=message.address,
            reason="unsubscribed",
            now=now,
        )
        if message.delivery not in {Message.Delivery.UNSUBSCRIBED, Message.Delivery.COMPLAINED}:
            message.delivery = Message.Delivery.UNSUBSCRIBED
            message.save(update_fields=["delivery"])
            message_reported.send(sender=Message, message=message, event=None, now=now)
        return _subscription(message)


def resubscribe(*, token: str) -> Subscription:
    """Take an unsubscription back; any other reason for not writing stays.

    Raises:
        LinkInvalid: the link is not ours, or its message was erased.
    """
    message = _message(token)
    lift(
        vendor_id=message.vendor_id,
        channel=message.channel,
        address=message.address,
        reasons=("unsubscribed",),
    )
    return _subscription(message)


def _message(token: str) -> Message:
    message = Message.objects.select_related("vendor").filter(public_id=message_of_unsubscribe(token)).first()
    if message is None or not message.address:
        raise LinkInvalid
    return message


def _subscription(message: Message) -> Subscription:
    return Subscription(
        vendor_name=message.vendor.name,
        channel=message.channel,
        address=masked(message.address),
        because=suppressed_because(
            vendor=message.vendor, channel=message.channel, address_index=message.address_index
        ),
    )
