"""The root reviews: for each step that asks for one, how far the asking has come and whether it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.fact_roots.meetings import asked, asks_of, steps_of_type
from engine.models import Ask, Review, TriggerEvent
from engine.review_sites import review_links
from engine.services.facts import Need, fact_root
from journeys.models import Vendor

#: The event by which another system says that a review was written.
RECEIVED = "review_received"


@fact_root("reviews", empty={})
def reviews(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Give whether each step's review was looked at and written; "none" where nothing was asked yet."""
    del now
    asks = asks_of([need.instance.id for need in needs], Ask.Kind.REVIEW)
    ids = [ask.id for steps in asks.values() for ask in steps.values()]
    rows = {row.ask_id: row for row in Review.objects.filter(ask_id__in=ids)}
    clients = [need.instance.client_id for need in needs]
    received, written = _received(clients), _written(clients)
    vendors = Vendor.objects.in_bulk({need.instance.vendor_id for need in needs})
    found: dict[int, dict[str, Any]] = {}
    for need in needs:
        instance = need.instance
        offered = bool(review_links(vendors[instance.vendor_id]))
        found[instance.id] = {
            node_id: {
                **_of_step(asks[instance.id].get(node_id), rows, received.get(instance.client_id)),
                "offered": offered,
                "written": instance.client_id in received or instance.client_id in written,
            }
            for node_id in steps_of_type(need, "review")
        }
    return found


def _of_step(ask: Ask | None, rows: Mapping[int, Review], received: datetime | None) -> dict[str, Any]:
    row = rows.get(ask.id) if ask else None
    since = ask.created_at if ask else None
    done = bool(row and row.done_at) or bool(since and received and received >= since)
    clicked = bool(row and row.clicked_at)
    status = "done" if done else "clicked" if clicked else "asked" if ask and ask.asked_at else "none"
    return {
        "status": status,
        "clicked": clicked,
        "done": done,
        "site": row.site if row else "",
        "rating": row.rating if row else None,
        **asked(ask),
    }


def _received(client_ids: Sequence[int]) -> dict[int, datetime]:
    rows = TriggerEvent.objects.filter(client_id__in=client_ids, type=RECEIVED).order_by("id")
    return {client: at for client, at in rows.values_list("client_id", "received_at") if client}


def _written(client_ids: Sequence[int]) -> set[int]:
    rows = Review.objects.filter(client_id__in=client_ids, done_at__isnull=False)
    return set(rows.values_list("client_id", flat=True))
