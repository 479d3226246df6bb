"""The local sink: takes every message where no provider is configured, to be read under /sink/."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import Any, ClassVar

from django.db import transaction

from channels.contract import Adapter, LookUp, LookUpState, OutboundMessage, SendResult, Verdict
from channels.models import SinkMessage


class Sink(Adapter):
    """Keep the message as its receiver would have it; the same key is kept once."""

    name: ClassVar[str] = "sink"
    channels: ClassVar[tuple[str, ...]] = ("email", "sms")
    preference: ClassVar[int] = 0
    can_look_up: ClassVar[bool] = True
    title: ClassVar[str] = "The local sink"
    has_account: ClassVar[bool] = False

    def is_configured(self, settings: Any) -> bool:  # noqa: ARG002 the contract
        """Tell that the sink is always there."""
        return True

    def send(self, message: OutboundMessage) -> SendResult:
        """Store the message in a transaction of its own."""
        row = SinkMessage(
            vendor_id=message.vendor_id,
            key=message.key,
            channel=message.channel,
            sender=f"{message.sender_name} <{message.sender}>" if message.sender_name else message.sender,
            address=message.address,
            subject=message.subject,
            body_text=message.text,
            body_html=message.html,
            attachments=[
                {
                    "name": file.name,
                    "content_type": file.content_type,
                    "content": b64encode(file.content).decode(),
                }
                for file in message.attachments
            ]
            or None,
            received_at=message.handed_over_at,
        )
        with transaction.atomic():
            SinkMessage.objects.bulk_create([row], ignore_conflicts=True)
            stored = SinkMessage.objects.get(key=message.key)
        return SendResult(Verdict.ACCEPTED, provider_id=stored.public_id)

    def look_up(self, message: OutboundMessage, *, since: datetime) -> LookUp:  # noqa: ARG002 keys are exact
        """Find the message by its key."""
        stored = SinkMessage.objects.filter(key=message.key).first()
        if stored is None:
            return LookUp(LookUpState.ABSENT)
        return LookUp(LookUpState.FOUND, (stored.public_id,))
