"""Note that somebody answered a message, where no provider tells: letters are answered to the vendor's own mailbox."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from channels.contract import ReportKind
from channels.models import DeliveryEvent, Message
from channels.signals import message_reported
from journeys.errors import Conflict
from journeys.services import audit

#: Stands in the place of a provider's name where a person or an integration of the vendor said it.
BY_HAND = "vendor"


def answer_note(*, message: Message, now: datetime, actor: str) -> Message:
    """Write down that a message was answered; steps that wait for the answer go on. A second call changes nothing.

    Raises:
        Conflict: it has not gone out (`not_sent`).
    """
    with transaction.atomic():
        message = Message.objects.select_for_update(of=("self",)).get(pk=message.pk)
        if message.status != Message.Status.ACCEPTED:
            raise Conflict("This message has not gone out, so nobody can have answered it.", code="not_sent")
        event, added = DeliveryEvent.objects.get_or_create(
            provider=BY_HAND,
            event_key=f"answer:{message.public_id}",
            defaults={
                "message": message,
                "kind": ReportKind.ANSWERED.value,
                "occurred_at": now,
                "received_at": now,
            },
        )
        if added:
            audit.record(message.vendor, actor, "message.answered", message, now)
            message_reported.send(sender=DeliveryEvent, message=message, event=event, now=now)
    return message
