"""The roots answers and pages: what couples did on the pages that steps led them to."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from channels.models import Message
from engine.models import FormSubmission, PageView
from engine.places import Place
from engine.services.facts import Need, fact_root

_REMINDER = re.compile(r"#reminder_([0-9]+)$")


@fact_root("answers", empty={})
def answers(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Give for each form step whether its request was answered, by whom and how, and how often it reminded.

    Reminders are counted in the ledger of messages: what stands there is not sent again, whatever else was lost.
    """
    del now
    by_reference = {need.instance.public_id: need.instance.id for need in needs}
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    reminders = Message.objects.filter(instance_ref__in=by_reference, key__contains="#reminder_")
    for key in reminders.order_by("id").values_list("key", flat=True):
        place, number = Place.of_key(key), _REMINDER.search(key)
        if place is not None and number is not None:
            entry = _entry(found[by_reference[place.instance]], place)
            if entry["visit"] == place.visit:
                entry["reminders"] = max(entry["reminders"], int(number[1]))
    for row in FormSubmission.objects.filter(instance_id__in=by_reference.values()).order_by("id"):
        place = Place.of_key(f"{row.place}:{row.role}")
        if place is not None:
            entry = _entry(found[row.instance_id], place)
            if entry["visit"] == place.visit:
                entry.update(answered=True, values=row.answers, by=row.role, at=row.submitted_at.isoformat())
    return found


@fact_root("pages", empty={})
def pages(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Give for each step that led to a page how often, and since when, it was opened."""
    del now
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    rows = PageView.objects.filter(instance_id__in=[need.instance.id for need in needs])
    for row in rows.order_by("first_at", "id"):
        place = Place.of_key(f"{row.place}:{row.role}")
        if place is None:
            continue
        before = found[row.instance_id].get(place.node_id)
        found[row.instance_id][place.node_id] = {
            "opened": True,
            "views": row.count + (before["views"] if before else 0),
            "first_at": before["first_at"] if before else row.first_at.isoformat(),
            "last_at": max(before["last_at"], row.last_at.isoformat()) if before else row.last_at.isoformat(),
        }
    return found


def _entry(steps: dict[str, Any], place: Place) -> dict[str, Any]:
    """Give what is kept of a step's request; a later round of a loop begins anew."""
    entry: dict[str, Any] = steps.get(place.node_id) or {"visit": 0}
    if entry["visit"] < place.visit:
        entry = {
            "visit": place.visit,
            "answered": False,
            "values": {},
            "by": "",
            "at": "",
            "reminders": 0,
        }
        steps[place.node_id] = entry
    return entry
