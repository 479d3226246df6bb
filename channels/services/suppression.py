"""Addresses that must not be written to."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from channels.addresses import index_of
from channels.models import Suppression
from journeys.models import Vendor
from journeys.scoping import owned_by

#: Weightier reasons replace lighter ones, so that the order in which reports come does not matter.
WEIGHT = {"invalid": 1, "bounced": 2, "unsubscribed": 3, "stop": 4, "complained": 5, "by_hand": 6}


def suppressed_because(*, vendor: Vendor, channel: str, address_index: str) -> str:
    """Say why a vendor must not write to an address; "" when it may."""
    rows = owned_by(vendor, Suppression).filter(channel=channel, address_index=address_index)
    return rows.values_list("reason", flat=True).first() or ""


def suppress(*, vendor_id: int, channel: str, address: str, reason: str, now: datetime) -> Suppression:
    """Keep a vendor from writing to an address; a second call keeps the weightier reason.

    Raises:
        ValueError: the reason is not one of WEIGHT.
    """
    if reason not in WEIGHT:
        message = f"{reason!r} is no reason for suppression: use one of {', '.join(WEIGHT)}."
        raise ValueError(message)
    index = index_of(address)
    with transaction.atomic():
        Suppression.objects.bulk_create(
            [
                Suppression(
                    vendor_id=vendor_id,
                    channel=channel,
                    address_index=index,
                    address=address,
                    reason=reason,
                    created_at=now,
                )
            ],
            ignore_conflicts=True,
        )
        row = Suppression.objects.select_for_update().get(
            vendor_id=vendor_id, channel=channel, address_index=index
        )
        if WEIGHT[reason] > WEIGHT[row.reason]:
            row.reason = reason
            row.save(update_fields=["reason"])
        return row


def lift(*, vendor_id: int, channel: str, address: str, reasons: tuple[str, ...]) -> bool:
    """Let a vendor write to an address again, if it was kept from it for one of the reasons; tell whether it was."""
    deleted, _ = Suppression.objects.filter(
        vendor_id=vendor_id, channel=channel, address_index=index_of(address), reason__in=reasons
    ).delete()
    return deleted > 0
