"""What waits for a person's yes, as the inbox shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from engine.models import Approval
from engine.services.approvals import pending_approvals
from journeys.models import Vendor
from journeys.scoping import owned_by
from monitoring.wording import distance

#: Nobody reads further than this in one inbox; what is decided makes room.
MOST = 200


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One message that waits."""

    approval: Approval
    name: str
    zone: str
    #: The first copy's subject, or its first line where it has none.
    title: str
    #: The first words of the first copy.
    opening: str
    channel: str
    #: "14 days before"; "" without a date.
    before: str
    #: Nobody decided in time, so that a ticket stands at it too.
    escalated: bool
    #: Somebody has no address, so that a copy goes nowhere.
    lacking: tuple[str, ...]


def inbox(*, vendor: Vendor, now: datetime) -> list[InboxRow]:
    """Give what waits for the vendor's people, the most pressing first."""
    rows = (
        pending_approvals(vendor)
        .select_related("client", "journey", "instance__wedding")
        .order_by("expires_at", "pk")[:MOST]
    )
    return [_row(one, vendor, now=now) for one in rows]


def waiting(*, vendor: Vendor) -> int:
    """Count what waits for the vendor's people."""
    return pending_approvals(vendor).count()


def decided(*, vendor: Vendor, now: datetime, size: int = 50) -> list[InboxRow]:
    """Give what was decided lately, the newest first."""
    rows = (
        owned_by(vendor, Approval)
        .exclude(status=Approval.Status.PENDING)
        .select_related("client", "journey", "instance__wedding")
        .order_by("-pk")[:size]
    )
    return [_row(one, vendor, now=now) for one in rows]


def _row(approval: Approval, vendor: Vendor, *, now: datetime) -> InboxRow:
    wedding = approval.instance.wedding
    first = approval.contents[0]
    opening = " ".join(str(first["body"]).split())
    return InboxRow(
        approval=approval,
        name=approval.client.display_name,
        zone=wedding.time_zone if wedding else vendor.time_zone,
        title=first["subject"] or opening[:80],
        opening=opening[:160],
        channel=first["channel"],
        before=_before(wedding.date if wedding else None, now=now),
        escalated=approval.status == Approval.Status.EXPIRED,
        lacking=tuple(copy["name"] for copy in approval.contents if not copy["address"]),
    )


def _before(day: date | None, *, now: datetime) -> str:
    return "" if day is None else distance(now.date(), wedding=day)
