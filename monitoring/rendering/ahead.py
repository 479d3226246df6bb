"""A simulation and an explanation in words, for the pages that show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from engine.simulation.calendar import Happening, Outlook, Way
from journeys.language.graph import Graph
from journeys.language.registry import node_types
from journeys.language.zones import local_time
from journeys.templatetags.look import day_text
from monitoring.wording import counted, distance

#: Steps that only steer: they are shown when something is the matter with them.
STEERING = frozenset({"start", "condition", "end", "wait", "split", "merge", "jump"})
#: How a step ends -> mark, and the word beside its name ("" for what is fine).
STATES: Mapping[str, tuple[str, str]] = {
    "succeeded": ("plan", ""),
    "skipped": ("skip", ""),
    "failed": ("danger", "Fails"),
    "held": ("wait", "Waits"),
    "retrying": ("warn", "Tried again"),
    "cancelled": ("skip", "Not reached"),
}
#: State of an explained step -> mark and word.
EXPLAINED: Mapping[str, tuple[str, str]] = {
    "sent": ("sent", "Sent"),
    "done": ("sent", "Done"),
    "skipped": ("skip", "Skipped"),
    "withheld": ("skip", "Not sent"),
    "failed": ("danger", "Failed"),
    "held": ("pause", "Put off"),
    "retrying": ("warn", "Tried again"),
    "cancelled": ("skip", "Taken away"),
    "waiting": ("wait", "Waiting"),
    "queued": ("run", "Under way"),
    "running": ("run", "Under way"),
    "parked": ("wait", "Waiting"),
    "paused": ("pause", "Paused"),
    "needs_you": ("ask", "Needs you"),
    "planned": ("plan", "Planned"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the calendar."""

    day: str
    clock: str
    iso: str
    mark: str
    word: str
    icon: str
    title: str
    distance: str
    gone: bool
    why: str
    held: tuple[str, ...]
    changes: tuple[str, ...]
    #: (who, subject, text, why it would not go out).
    copies: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class DrawnWay:
    """One way, as the page shows it."""

    title: str
    likely: bool
    lines: tuple[Line, ...]
    ends: str
    messages: int
    warnings: tuple[str, ...]


def ways_of(outlook: Outlook, *, graph: Graph, day: date | None, now: datetime) -> list[DrawnWay]:
    """Draw every way of a simulation."""
    today = local_time(now, outlook.zone).date()
    return [
        DrawnWay(
            title=_title(way),
            likely=way.likely,
            lines=tuple(
                _line(one, zone=outlook.zone, today=today, day=day)
                for one in way.happenings
                if _worth_showing(one)
            ),
            ends=_end(way, zone=outlook.zone, today=today),
            messages=sum(1 for one in way.happenings for copy in one.copies if not copy.withheld),
            warnings=way.warnings,
        )
        for way in outlook.ways
        if graph.nodes
    ]


def _title(way: Way) -> str:
    taken = [f"{one.title}: {one.port.replace('_', ' ')}" for one in way.choices]
    return ", ".join(taken) or "The only way"


def _worth_showing(one: Happening) -> bool:
    return one.node_type not in STEERING or one.needs_person or bool(one.held)


def _line(one: Happening, *, zone: str, today: date, day: date | None) -> Line:
    local = local_time(one.at, zone)
    mark, word = STATES.get(one.status, ("plan", ""))
    if one.needs_person:
        mark, word = "ask", "Needs you"
    elif one.waits and not one.copies:
        mark, word = "wait", "Waits"
    elif one.copies and not one.sends:
        mark, word = "skip", "Not sent"
    elif one.needs_approval:
        word = "Asks you first"
    return Line(
        day=day_text(local.date(), today=today),
        clock=f"{local:%H:%M}",
        iso=one.at.isoformat(),
        mark=mark,
        word=word,
        icon=node_types.get(one.node_type).icon if one.node_type in node_types else "circle-alert",
        title=one.title,
        distance=distance(local.date(), wedding=day) if day else "",
        gone=one.status in {"skipped", "cancelled"},
        why=one.reason,
        held=tuple(held.reason for held in one.held),
        changes=one.changes,
        copies=tuple((copy.name, copy.subject, copy.text, copy.withheld) for copy in one.copies),
    )


def _end(way: Way, *, zone: str, today: date) -> str:
    """Say how a way ends."""
    if way.ended_at is not None:
        local = local_time(way.ended_at, zone)
        kind, _, name = way.result.partition(":")
        said = {"goal": f"The goal {name} is reached", "exit": f"It is left by the rule {name}"}.get(
            kind, "The journey is over" if way.result == "completed" else f"It ends: {way.result}"
        )
        return f"{said.replace('_', ' ')}, {day_text(local.date(), today=today)}."
    stands = [f"{one.title}: {one.reason or 'waits'}".rstrip(".") for one in way.stands]
    return f"It stands at {'; '.join(stands)}." if stands else "Nothing more happens."


def sentence(outlook: Outlook, drawn: list[DrawnWay]) -> tuple[str, str]:
    """Say the whole in two sentences."""
    first = drawn[0]
    strong = f"{counted(first.messages, 'message', 'messages')} to {outlook.name}."
    if len(drawn) > 1:
        more = "more than " if outlook.cut_short else ""
        return strong, f"The likely way of {more}{len(drawn)}."
    return strong, first.ends


def explained(entry: Mapping[str, Any], *, zone: str, now: datetime) -> dict[str, Any]:
    """Draw the explanation of one step."""
    mark, word = EXPLAINED.get(entry["state"], ("plan", entry["state"]))
    at = entry["at"] or entry["due_at"]
    local = local_time(datetime.fromisoformat(at), zone) if at else None
    today = local_time(now, zone).date()
    return {
        **entry,
        "mark": mark,
        "word": word,
        "day": day_text(local.date(), today=today) if local else "No date",
        "clock": f"{local:%H:%M}" if local else "",
        "iso": at or "",
        "icon": node_types.get(entry["kind"]).icon if entry["kind"] in node_types else "circle-alert",
        "shown_values": [(path, _shown(value)) for path, value in entry["values"].items()],
        "conditions": list(entry["rule"].get("conditions", {}).values()),
        "late": entry["rule"].get("late"),
    }


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value) or "nothing"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_shown(inner)}" for name, inner in value.items()) or "nothing"
    return str(value)
