"""The differences of two definitions as plain sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .diff import LAYOUT, MISSING, Change, Diff, StepChange

#: A value that is longer than this is not quoted whole.
_LONGEST = 60
_UNITS = {"min": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "bd": "business day"}
_TERM = re.compile(rf"\+?(-?[0-9]+)({'|'.join(_UNITS)})")
_RULES = {"exits": "exit", "goals": "goal"}
_DECLARED = {"parameters": "parameter", "variables": "variable"}


def sentences(changes: Diff, *, titles: Mapping[str, str] | None = None) -> list[str]:
    """Say what differs, one thing a sentence, in the order a reader asks for it.

    `titles` are the step types' names for people; a type without one is called by its own name.
    """
    kinds = titles or {}
    said = [
        *(f"Adds {_the_step(step, kinds)}." for step in changes.added),
        *(f"Removes {_the_step(step, kinds)}." for step in changes.removed),
        *(sentence for step in changes.changed for sentence in _of_step(step)),
        *_of_edges(changes),
        *(sentence for change in changes.rest for sentence in _of_rest(change)),
    ]
    moved = any(
        LAYOUT & set(change.path)
        for change in (*changes.rest, *(one for step in changes.changed for one in step.changes))
    )
    if moved:
        said.append("Steps stand elsewhere on the canvas.")
    return said or (["It is written in another way."] if changes else [])


def timing_words(when: object) -> str:
    """Say how a step is timed, from its settings as they are written: "30d before wedding at 09:00"."""
    if not isinstance(when, Mapping):
        return "at once"
    at = f" at {when['at']}" if when.get("at") else ""
    match when.get("kind"):
        case "duration":
            return f"{_length(str(when.get('for', '?')))} later{at}"
        case "date":
            return f"on {when.get('date', '?')}{at}"
        case "anchor":
            offset, anchor = str(when.get("offset", "0d")), str(when.get("anchor", "wedding"))
            return f"{_beside(offset, anchor.replace('_', ' '))}{at}"
        case _:
            return _shown(when)


def _beside(offset: str, anchor: str) -> str:
    if offset in {"", "0d"}:
        return f"on the day of the {anchor}"
    if offset.startswith("$"):
        return f"{offset} from the {anchor}"
    return f"{_length(offset.lstrip('-'))} {'before' if offset.startswith('-') else 'after'} the {anchor}"


def _length(offset: str) -> str:
    """Write an offset in words: "1d 2h" as "1 day 2 hours"; what is written another way stays as it is."""
    terms = [_TERM.fullmatch(term) for term in offset.split()]
    if not terms or not all(terms):
        return offset
    found = [(int(term[1]), _UNITS[term[2]]) for term in terms if term]
    return " ".join(f"{number} {unit}{'s' * (abs(number) != 1)}" for number, unit in found)


def _the_step(step: Mapping[str, Any], kinds: Mapping[str, str]) -> str:
    kind = str(step.get("type", "step"))
    return f"the step “{step.get('name') or step.get('id')}” ({kinds.get(kind, kind).lower()})"


def _of_step(step: StepChange) -> Iterator[str]:
    timing = [change for change in step.changes if change.path[:2] == ("settings", "when")]
    if timing:
        was, now = (_when(value) for value in step.timing)
        yield (
            f"“{step.name}” is due {now} instead of {was}." if was != now else f"“{step.name}” is timed anew."
        )
    for change in step.changes:
        if change in timing or LAYOUT & set(change.path):
            continue
        if change.path == ("name",):
            yield f"“{_plain(change.before)}” is called “{_plain(change.after)}”."
        else:
            yield f"“{step.name}”: {_became(_field(change.path), change)}"


def _when(value: Any) -> str:
    return "at once" if value is MISSING or value is None else timing_words(value)


def _of_edges(changes: Diff) -> Iterator[str]:
    names = changes.names
    old = {(str(edge.get("from")), str(edge.get("port"))): edge for edge in changes.edges_removed}
    gone = {str(step["id"]) for step in changes.removed}
    new = {str(step["id"]) for step in changes.added}
    told = set()
    for edge in changes.edges_added:
        key = (str(edge.get("from")), str(edge.get("port")))
        source, target = _named(names, edge.get("from")), _named(names, edge.get("to"))
        by = "" if edge.get("port") == "next" else f" by “{edge.get('port')}”"
        former = old.get(key)
        told.add(key)
        if former is not None and former.get("to") != edge.get("to"):
            yield f"{source} leads{by} to {target} instead of {_named(names, former.get('to'))}."
        elif former is not None:
            yield f"The connection from {source}{by} is labeled otherwise."
        elif key[0] not in new:
            yield f"{source} leads{by} to {target}."
    for key, edge in old.items():
        if key not in told and key[0] not in gone:
            by = "" if edge.get("port") == "next" else f" by “{edge.get('port')}”"
            yield f"{_named(names, edge.get('from'))} no longer leads{by} to {_named(names, edge.get('to'))}."


def _of_rest(change: Change) -> Iterator[str]:
    top = str(change.path[0])
    if LAYOUT & set(change.path):
        return
    if top in _RULES and len(change.path) == 1:
        yield from _rules(top, change)
    elif top in _DECLARED:
        yield from _declared(_DECLARED[top], change)
    else:
        said = _became(_field(change.path), change)
        yield f"{said[0].upper()}{said[1:]}"


def _rules(section: str, change: Change) -> Iterator[str]:
    """Compare two lists of rules by their names."""
    before, after = _by_name(change.before), _by_name(change.after)
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in after:
            yield f"Removes the {_RULES[section]} “{name}”."
        elif name not in before:
            yield f"Adds the {_RULES[section]} “{name}”: {_shown(after[name])}."
        elif before[name] != after[name]:
            yield f"The {_RULES[section]} “{name}” holds when {_shown(after[name])} instead of {_shown(before[name])}."
    if before == after:
        yield f"The {section} stand in another order."


def _by_name(rules: Any) -> dict[str, Any]:
    if not isinstance(rules, list):
        return {}
    return {str(rule.get("name")): rule.get("if") for rule in rules if isinstance(rule, Mapping)}


def _declared(kind: str, change: Change) -> Iterator[str]:
    if len(change.path) == 1:
        before, after = (side if isinstance(side, Mapping) else {} for side in (change.before, change.after))
        yield from (f"Removes the {kind} “{name}”." for name in before if name not in after)
        yield from (f"Adds the {kind} “{name}”." for name in after if name not in before)
        return
    name = change.path[1]
    if len(change.path) > 2:  # noqa: PLR2004 # section and name
        yield f"The {kind} “{name}”: {_became(_field(change.path[2:]), change)}"
    elif change.before is MISSING:
        value = (
            change.after.get("value", change.after.get("default"))
            if isinstance(change.after, Mapping)
            else None
        )
        yield f"Adds the {kind} “{name}”{'' if value is None else f' ({_shown(value)})'}."
    elif change.after is MISSING:
        yield f"Removes the {kind} “{name}”."
    else:
        yield f"The {kind} “{name}” changes."


def _became(what: str, change: Change) -> str:
    """Say that a field has another value; long texts are counted and not quoted."""
    if change.before is MISSING:
        return f"{what} is now {_quoted(change.after)}."
    if change.after is MISSING:
        return f"{what} is no longer set."
    lines = change.lines
    if lines or _is_long(change.before) or _is_long(change.after):
        added = sum(line.startswith("+") for line in lines)
        removed = sum(line.startswith("-") for line in lines)
        counted = f": {added} line{'s' * (added != 1)} added, {removed} removed" if lines else ""
        return f"{what} is written anew{counted}."
    return f"{what} is {_quoted(change.after)} instead of {_quoted(change.before)}."


def _field(path: tuple[str | int, ...]) -> str:
    parts = [part for part in path if part != "settings"]
    words = [f"number {part + 1}" if isinstance(part, int) else part.replace("_", " ") for part in parts]
    return "the " + ", ".join(words) if words else "the settings"


def _named(names: Mapping[str, str], step: Any) -> str:
    return f"“{names.get(str(step), step)}”"


def _plain(value: Any) -> str:
    return "" if value is MISSING else str(value)


def _quoted(value: Any) -> str:
    return "nothing" if value is MISSING or value is None else f"“{_shown(value)}”"


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and len(value) > _LONGEST


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
