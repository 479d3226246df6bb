"""The facts of modules, in memory: what steps have asked of people, and what was answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.places import Place
from engine.review_sites import review_links
from engine.simulation.world import ASSUMED, Passage, World

#: What a step of each kind reads about itself before it has asked anything.
NOT_ASKED = {"asked_at": None, "reminders": 0, "branch": "", "visit": 0}
NO_MEETING = {"id": None, "starts_at": None, "ends_at": None, "where": None, "time_zone": None}
#: Stands for the addresses that only exist when something is really sent.
REFERRAL_LINK = "https://example.com/with/their-own-link"


def record_facts(world: World, passage: Passage, *, now: datetime) -> dict[str, Any]:
    """Give the roots meetings, reviews, referrals and answers, as their providers do from tables."""
    steps: dict[str, list[str]] = {}
    for node in passage.graph.nodes.values():
        steps.setdefault(node.type, []).append(node.id)
    if steps.keys().isdisjoint({"meeting", "review", "referral", "form"}):
        return {}
    return {
        "meetings": {name: _meeting(world, passage, name, now=now) for name in steps.get("meeting", ())},
        "reviews": {name: _review(world, passage, name) for name in steps.get("review", ())},
        "referrals": {**_referrals(world), "steps": {
            name: {**NOT_ASKED, **passage.asks.get(name, {})} for name in steps.get("referral", ())
        }},
        "answers": {**world.records.get("answers", {}), **passage.answers},
    }  # fmt: skip


def note_asked(passage: Passage, place: Place, *, reminder: int, now: datetime) -> None:
    """Remember that a step has asked its people, or reminded them."""
    before = passage.asks.get(place.node_id)
    if before is None or (before["branch"], before["visit"]) != (place.branch, place.visit):
        before = {**NOT_ASKED, "branch": place.branch, "visit": place.visit}
    passage.asks[place.node_id] = {
        **before,
        "asked_at": before["asked_at"] or now.isoformat(),
        "reminders": max(before["reminders"], reminder),
    }


def note_form(passage: Passage, node_id: str, *, visit: int, **more: Any) -> None:
    """Remember what became of a form's request; a later round begins anew."""
    before = passage.answers.get(node_id)
    if before is None or before["visit"] < visit:
        before = {"visit": visit, "answered": False, "values": {}, "by": "", "at": "", "reminders": 0}
    passage.answers[node_id] = {**before, **more}


def _meeting(world: World, passage: Passage, node_id: str, *, now: datetime) -> dict[str, Any]:
    settings: Any = passage.graph.nodes[node_id].settings
    offers = world.around.meetings_offered
    kept = world.records.get("meetings", {}).get(node_id, {})
    found = {**NO_MEETING, **NOT_ASKED, "status": "none", **kept, **passage.asks.get(node_id, {})}
    if found["status"] == "none" and found["asked_at"]:
        found["status"] = "asked"
    if found["status"] == "booked" and found["ends_at"] and datetime.fromisoformat(found["ends_at"]) <= now:
        found["status"] = "held"
    return {**found, "meeting": settings.meeting, "offered": offers is None or settings.meeting in offers}


def _review(world: World, passage: Passage, node_id: str) -> dict[str, Any]:
    kept = world.records.get("reviews", {}).get(node_id, {})
    found = {
        **NOT_ASKED,
        "clicked": False,
        "done": False,
        "site": "",
        "rating": None,
        "written": False,
        **kept,
        **passage.asks.get(node_id, {}),
    }
    heard = any(event.type == "review_received" for event in world.heard)
    found["done"] = found["done"] or (heard and found["asked_at"] is not None)
    found["status"] = "done" if found["done"] else "asked" if found["asked_at"] else "none"
    invented = (world.couple.vendor.pk or 0) < 0
    return {
        **found,
        "written": found["written"] or heard,
        "offered": invented or bool(review_links(world.couple.vendor)),
    }


def _referrals(world: World) -> dict[str, Any]:
    kept = world.records.get("referrals", {})
    leads = [
        event
        for event in world.heard
        if event.type == "referral_received" and event.public_id.startswith(ASSUMED)
    ]
    return {
        "link": kept.get("link") or REFERRAL_LINK,
        "visits": kept.get("visits", 0),
        "leads": kept.get("leads", 0) + len(leads),
        "last_lead_at": leads[-1].received_at.isoformat() if leads else kept.get("last_lead_at"),
    }
