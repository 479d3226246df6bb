"""Alerts and doubts as the pages show them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from engine.services.doubts import Doubt, doubts_of, open_doubts
from journeys.models import Vendor
from journeys.scoping import owned_by
from monitoring.invariants import INVARIANTS
from monitoring.models import Alert, Examination

#: Nobody reads further than this in one list; what is settled makes room.
MOST = 200


def visible_alerts(*, vendor: Vendor, staff: bool) -> QuerySet[Alert]:
    """Give the alerts a person may see: the vendor's, and for operators those about the whole system."""
    seen = owned_by(vendor, Alert)
    if staff:
        seen = Alert.objects.filter(Q(vendor=vendor) | Q(vendor=None))
    return seen.exclude(status=Alert.Status.SUSPECTED)


def alert_rows(*, vendor: Vendor, staff: bool, resolved: bool) -> list[Alert]:
    """Give what is open, the worst first, or what was mended lately, the newest first."""
    rows = visible_alerts(vendor=vendor, staff=staff).select_related("vendor")
    if resolved:
        return list(rows.filter(status=Alert.Status.RESOLVED).order_by("-resolved_at", "-id")[:MOST])
    found = rows.filter(status=Alert.Status.OPEN).order_by("level", "-id")[:MOST]
    return sorted(found, key=lambda one: (one.acknowledged_at is not None, one.level != Alert.Level.CRITICAL))


def alerts_open(*, vendor: Vendor, staff: bool) -> int:
    """Count the open alerts that nobody has taken up."""
    rows = visible_alerts(vendor=vendor, staff=staff)
    return rows.filter(status=Alert.Status.OPEN, acknowledged_at=None).count()


@dataclass(frozen=True, slots=True)
class PromiseRow:
    """One promise, and what the doctor's last look found."""

    name: str
    promise: str
    last: Examination | None


def promise_rows() -> list[PromiseRow]:
    """Give every promise with its last look, those that are broken first."""
    looked = Examination.objects.in_bulk()
    found = [PromiseRow(one.name, one.promise, looked.get(one.name)) for one in INVARIANTS]
    return sorted(found, key=lambda one: not (one.last and (one.last.broken or one.last.failure)))


def doubt_rows(*, vendor: Vendor) -> list[Doubt]:
    """Give the messages in doubt, the oldest first."""
    messages = open_doubts(vendor).select_related("client").defer("body_text", "body_html", "attachments")
    return doubts_of(list(messages.order_by("id")[:MOST]))


def doubts_open(*, vendor: Vendor) -> int:
    """Count the messages of which nobody knows whether they went out."""
    return open_doubts(vendor).count()
