"""The root messages: what became of the messages of each step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from channels.contract import ReportKind
from channels.models import DeliveryEvent, Message
from engine.services.facts import Need, fact_root

_BOUNCED = frozenset({Message.Delivery.BOUNCED, Message.Delivery.DROPPED})
_OPENED = frozenset({Message.Delivery.OPENED, Message.Delivery.CLICKED})
#: What proves that the receiver has it.
_DELIVERED = _OPENED | {
    Message.Delivery.DELIVERED,
    Message.Delivery.COMPLAINED,
    Message.Delivery.UNSUBSCRIBED,
}
_FAILED = frozenset({Message.Status.REJECTED, Message.Status.UNKNOWN})


@fact_root("messages", empty={})
def messages(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Give for each step whether any of its messages was sent, opened, clicked, …, and the state of the last."""
    del now
    by_reference = {need.instance.public_id: need.instance.id for need in needs}
    rows = (
        Message.objects.filter(instance_ref__in=by_reference)
        .order_by("id")
        .only("instance_ref", "node_id", "status", "delivery", "settled_at", "created_at")
    )
    heard: dict[int, set[str]] = defaultdict(set)
    told = DeliveryEvent.objects.filter(message__instance_ref__in=by_reference)
    for message_id, kind in told.values_list("message_id", "kind").distinct():
        heard[message_id or 0].add(kind)
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for row in rows:
        steps = found[by_reference[row.instance_ref]]
        steps[row.node_id] = _with(steps.get(row.node_id), row, heard[row.id] | {row.delivery})
    return found


def _with(before: dict[str, Any] | None, row: Message, heard: set[str]) -> dict[str, Any]:
    """Add a message to what is known of its step: what happened to any of them has happened."""
    happened = {
        "sent": row.status == Message.Status.ACCEPTED,
        "delivered": not heard.isdisjoint(_DELIVERED),
        "opened": not heard.isdisjoint(_OPENED),
        "clicked": Message.Delivery.CLICKED in heard,
        "replied": ReportKind.ANSWERED in heard,
        "bounced": not heard.isdisjoint(_BOUNCED),
        "failed": row.status in _FAILED,
    }
    if before:
        happened = {name: value or before[name] for name, value in happened.items()}
    at = row.settled_at or row.created_at
    return {**happened, "status": row.status, "at": at.isoformat()}
