"""The root referrals: a couple's own link, and who has come through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count, Max

from engine.fact_roots.meetings import asked, asks_of
from engine.models import Ask, ReferralLink
from engine.referral_links import links_of, referral_url
from engine.services.facts import Need, fact_root


@fact_root("referrals", empty={"link": "", "visits": 0, "leads": 0, "last_lead_at": None, "steps": {}})
def referrals(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Give the link, which is made here the first time that it is read, and its figures."""
    clients = {need.instance.client_id: need.instance.vendor_id for need in needs}
    links = links_of(clients, now=now)
    figures = {
        row["id"]: row
        for row in ReferralLink.objects.filter(id__in=[link.id for link in links.values()])
        .values("id")
        .annotate(leads_count=Count("leads"), last=Max("leads__created_at"))
    }
    asks = asks_of([need.instance.id for need in needs], Ask.Kind.REFERRAL)
    found = {}
    for need in needs:
        link = links[need.instance.client_id]
        row = figures[link.id]
        found[need.instance.id] = {
            "link": referral_url(link),
            "visits": link.visits,
            "leads": row["leads_count"],
            "last_lead_at": row["last"].isoformat() if row["last"] else None,
            "steps": {node_id: asked(ask) for node_id, ask in asks[need.instance.id].items()},
        }
    return found
