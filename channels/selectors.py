"""Reads of the ledger and of the sink."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q, QuerySet

from channels.addresses import index_of
from channels.models import Circuit, Message, SinkMessage
from journeys.models import Vendor


def vendors_of(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Vendor]:
    """Give the vendors that a person works for; a superuser sees all."""
    if getattr(user, "is_superuser", False):
        return Vendor.objects.all()
    return Vendor.objects.filter(memberships__user_id=user.pk or 0, is_active=True)


@dataclass(frozen=True, slots=True)
class SinkPage:
    """One page of the sink, newest first."""

    rows: list[SinkMessage]
    #: Give it as `before` for the next page; None on the last one.
    next_before: int | None


def sink_page(
    *,
    vendors: QuerySet[Vendor],
    channel: str = "",
    address: str = "",
    client: str = "",
    before: int | None = None,
    size: int = 50,
) -> SinkPage:
    """Read one page of what the sink took for these vendors.

    Args:
        channel: "email" or "sms"; "" for both.
        address: a whole email address or phone number, found through its blind index.
        client: public id of a couple.
        before: `next_before` of the page before.
    """  # fmt: skip
    rows = SinkMessage.objects.filter(vendor__in=vendors).select_related("vendor")
    if channel:
        rows = rows.filter(channel=channel)
    if address:
        written_to = Message.objects.filter(vendor__in=vendors, address_index=index_of(address))
        rows = rows.filter(key__in=written_to.values("key"))
    if client:
        of_couple = Message.objects.filter(vendor__in=vendors, client__public_id=client)
        rows = rows.filter(key__in=of_couple.values("key"))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: size + 1])
    return SinkPage(found[:size], found[size - 1].pk if len(found) > size else None)


def message_of_sink(*, sink_message: SinkMessage) -> Message | None:
    """Find the ledger's row of a message in the sink."""
    return (
        Message.objects.filter(key=sink_message.key, vendor_id=sink_message.vendor_id)
        .select_related("client")
        .first()
    )


def circuits_seen_by(vendor: Vendor) -> QuerySet[Circuit]:
    """Give the circuits that a vendor may look at: those of its own webhooks, and of the system's accounts."""
    return Circuit.objects.filter(Q(vendor=vendor) | Q(vendor__isnull=True))
