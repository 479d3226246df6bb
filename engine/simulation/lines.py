"""A simulated way as lines of text, for terminals and for golden files."""

from __future__ import annotations

from engine.simulation.calendar import Happening, Outlook, Way
from journeys.language.zones import local_time

MARKS = {"succeeded": "·", "skipped": "–", "failed": "✗", "cancelled": "×", "held": "…", "retrying": "↻"}


def lines_of_outlook(outlook: Outlook, *, texts: bool = False) -> list[str]:
    """Write everything that would happen with one couple, way by way."""
    lines = [f"{outlook.name} ({outlook.zone})"]
    for number, way in enumerate(outlook.ways, start=1):
        if len(outlook.ways) > 1 or way.choices:
            taken = "; ".join(f"{one.title}: {one.because}" for one in way.choices)
            lines += ["", f"Way {number}{', the likely one' if way.likely else ''}: {taken or 'no fork'}"]
        lines += lines_of(way, zone=outlook.zone, texts=texts)
    if outlook.cut_short:
        lines.append("There are more ways than were followed.")
    return lines


def lines_of(way: Way, *, zone: str, texts: bool = False) -> list[str]:
    """Write one way: a line for each step, then its end, where it stands, and the warnings."""
    lines: list[str] = []
    for one in way.happenings:
        lines += _lines(one, zone=zone, texts=texts)
    if way.ended_at:
        lines.append(f"{local_time(way.ended_at, zone):%Y-%m-%d %H:%M}   ends: {way.result}")
    for one_standing in way.stands:
        due = f", until {local_time(one_standing.due_at, zone):%Y-%m-%d %H:%M}" if one_standing.due_at else ""
        lines.append(f"stands at {one_standing.title}{due}. {one_standing.reason}".rstrip())
    lines += [f"! {warning}" for warning in way.warnings]
    return lines


def _lines(one: Happening, *, zone: str, texts: bool) -> list[str]:
    when = f"{local_time(one.at, zone):%Y-%m-%d %H:%M}"
    mark = "?" if one.needs_person else MARKS.get(one.status, "·")
    branch = f" <{one.branch}>" if one.branch else ""
    visit = f" (round {one.visit})" if one.visit > 1 else ""
    port = f" → {one.port}" if one.port not in {"", "next"} else ""
    lines = [f"{when} {mark} {one.node_id}{branch}{visit}{port}  {one.title}"]
    if one.needs_approval:
        lines.append("      needs approval first")
    lines += [
        f"      put off on {local_time(held.at, zone):%Y-%m-%d %H:%M}: {held.reason}" for held in one.held
    ]
    if one.reason:
        lines.append(f"      {one.reason}")
    lines += [f"      {change}" for change in one.changes]
    for copy in one.copies:
        said = f": {copy.subject}" if copy.subject else ""
        lines.append(f"      {copy.channel} to {copy.role}{said}")
        if copy.withheld:
            lines.append(f"        {copy.withheld}")
        if texts:
            lines += [f"        | {row}".rstrip() for row in copy.text.splitlines()]
    return lines
