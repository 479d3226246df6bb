"""Messages to be sent, for tests of the ledger and of adapters."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from channels.contract import OutboundMessage
from channels.links import callback_url, unsubscribe_url
from channels.services.sending import MessageSpec
from journeys.models import Client, Vendor
from journeys.recipients import Recipient

ANA = Recipient(
    role="partner_1",
    first_name="Ana",
    last_name="Alves",
    name="Ana Alves",
    email="ana@example.com",
    phone="+351912345678",
)


def a_spec(vendor: Vendor, client: Client, **changes: Any) -> MessageSpec:
    """Give an email to Ana; `changes` replaces fields of it."""
    spec = MessageSpec(
        vendor=vendor,
        client=client,
        key="ins_1:welcome::1:partner_1",
        instance_ref="ins_1",
        node_id="welcome",
        channel="email",
        purpose="transactional",
        recipient=ANA,
        subject="Welcome",
        text="Dear Ana",
        html="<p>Dear Ana</p>",
    )
    return replace(spec, **changes)


def an_outbound(
    channel: str, *, provider: str, now: datetime, vendor_id: int = 1, **changes: Any
) -> OutboundMessage:
    """Give a message to Ana as adapters get it."""
    by_email = channel == "email"
    message = OutboundMessage(
        key="ins_1:welcome::1:partner_1",
        message_id="msg_2345",
        vendor_id=vendor_id,
        channel=channel,
        sender="hello@luz.example.com" if by_email else "+351910000000",
        sender_name="Luz & Linho" if by_email else "",
        reply_to="ola@luz.example.com" if by_email else "",
        address="ana@example.com" if by_email else "+351912345678",
        recipient_name="Ana Alves",
        subject="Olá, Ana" if by_email else "",
        text="Dear Ana, até já",
        html="<p>Dear Ana, até já</p>" if by_email else "",
        callback_url=callback_url(provider, "msg_2345"),
        unsubscribe_url=unsubscribe_url("msg_2345") if by_email else None,
        handed_over_at=now,
    )
    return replace(message, **changes)
