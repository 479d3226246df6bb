"""Something that is wrong with a vendor's work."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from channels.models import Message
from journeys.models import Vendor
from monitoring.models import Alert
from monitoring.services.alerts import Trouble, report


def an_alert(vendor: Vendor, *, now: datetime) -> Alert:
    """Open an alert of this vendor."""
    trouble = Trouble(
        key=f"leak:{vendor.pk}", level=Alert.Level.WARNING, title="It leaks.", detail="", vendor_id=vendor.pk
    )
    with transaction.atomic():
        report(source=f"pipe:{vendor.pk}", troubles=[trouble], now=now)
    return Alert.objects.get(vendor=vendor)


def a_doubt(message: Message, *, now: datetime) -> Message:
    """Have nobody know whether a message went out."""
    message.status, message.in_doubt_since = Message.Status.UNKNOWN, now
    message.save(update_fields=["status", "in_doubt_since"])
    return message
