"""The root meetings: for each step that asks for one, how far the asking has come and what is booked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.graphs import graph_of
from engine.models import Ask, Meeting, MeetingType
from engine.places import Place
from engine.services.facts import Need, fact_root

Status = Meeting.Status


@fact_root("meetings", empty={})
def meetings(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Give status, times and place of each step's meeting; "none" where nothing was asked yet."""
    wanted = {need.instance.id: _steps(need) for need in needs}
    offered = _offered({need.instance.vendor_id for need in needs})
    asks = asks_of(wanted, Ask.Kind.MEETING)
    booked = _newest_of([ask.id for steps in asks.values() for ask in steps.values()])
    found: dict[int, dict[str, Any]] = {}
    for need in needs:
        key = need.instance.id
        found[key] = {}
        for node_id, meeting_key in wanted[key].items():
            ask = asks[key].get(node_id)
            meeting = booked.get(ask.id) if ask else None
            found[key][node_id] = {
                "status": _status(ask, meeting, now=now),
                "meeting": meeting_key,
                "offered": (need.instance.vendor_id, meeting_key) in offered,
                **asked(ask),
                **_times(meeting),
            }
    return found


def asks_of(instance_ids: Iterable[int], kind: Ask.Kind) -> dict[int, dict[str, Ask]]:
    """Give the last ask of each step, by instance id and step, in one query."""
    found: dict[int, dict[str, Ask]] = defaultdict(dict)
    for ask in Ask.objects.filter(instance_id__in=list(instance_ids), kind=kind).order_by("id"):
        found[ask.instance_id][ask.node_id] = ask
    return found


def asked(ask: Ask | None) -> dict[str, Any]:
    """Give what every asking has in common; `branch` and `visit` say which passage it was."""
    place = Place.of_key(f"{ask.place}:-") if ask else None
    return {
        "asked_at": ask.asked_at.isoformat() if ask and ask.asked_at else None,
        "reminders": ask.reminders if ask else 0,
        "branch": place.branch if place else "",
        "visit": ask.visit if ask else 0,
    }


def steps_of_type(need: Need, type_: str) -> dict[str, Any]:
    """Give the settings of the journey's steps of one type, by their ids."""
    nodes = graph_of(need.instance.version_id).nodes
    return {node_id: node.settings for node_id, node in nodes.items() if node.type == type_}


def _steps(need: Need) -> dict[str, str]:
    return {node_id: settings.meeting for node_id, settings in steps_of_type(need, "meeting").items()}


def _offered(vendor_ids: set[int]) -> set[tuple[int, str]]:
    rows = MeetingType.objects.filter(vendor_id__in=vendor_ids, is_active=True)
    return set(rows.values_list("vendor_id", "key"))


def _newest_of(ask_ids: Sequence[int]) -> dict[int, Meeting]:
    rows = Meeting.objects.filter(ask_id__in=ask_ids).order_by("id")
    return {meeting.ask_id: meeting for meeting in rows if meeting.ask_id}


def _status(ask: Ask | None, meeting: Meeting | None, *, now: datetime) -> str:
    if meeting is None:
        return "asked" if ask and ask.asked_at else "none"
    if meeting.status == Status.BOOKED and meeting.ends_at <= now:
        return "held"
    return str(meeting.status)


def _times(meeting: Meeting | None) -> dict[str, Any]:
    return {
        "id": meeting.public_id if meeting else None,
        "starts_at": meeting.starts_at.isoformat() if meeting else None,
        "ends_at": meeting.ends_at.isoformat() if meeting else None,
        "where": meeting.where if meeting else None,
        "time_zone": meeting.time_zone if meeting else None,
    }
