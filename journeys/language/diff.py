"""What differs between two definitions of a journey, field by field; takes unfinished drafts too."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: Names of steps, parameters, rules: the way from the top of a definition to a value.
Path = tuple[str | int, ...]

#: Where things stand on the canvas; moving them changes nothing of what the journey does.
LAYOUT = frozenset({"layout", "position"})
#: Compared whole: rules by their names, steps and connections that cannot be read one by one.
_WHOLE = frozenset({"exits", "goals", "nodes", "edges"})


class _Missing:
    """Stand for a field that is not there, which is not the same as null."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


@dataclass(frozen=True, slots=True)
class _Unread:
    """Hold an object where a list of steps belongs, as drafts may have it."""

    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """Say that the value at a path became another."""

    path: Path
    #: MISSING where there was, or will be, nothing.
    before: Any
    after: Any

    @property
    def lines(self) -> tuple[str, ...]:
        """Return what changed in a text of several lines, each line begun with a space, a + or a −."""
        if not (isinstance(self.before, str) and isinstance(self.after, str)):
            return ()
        if "\n" not in self.before.strip() + self.after.strip():
            return ()
        found = difflib.unified_diff(self.before.splitlines(), self.after.splitlines(), lineterm="", n=1)
        return tuple(line for line in found if not line.startswith(("---", "+++", "@@")))

    def as_dict(self) -> dict[str, Any]:
        """Return the change as JSON-able values; a side on which nothing stands is left out."""
        shown: dict[str, Any] = {"path": ".".join(str(part) for part in self.path)}
        if self.before is not MISSING:
            shown["before"] = self.before
        if self.after is not MISSING:
            shown["after"] = self.after
        if self.lines:
            shown["lines"] = list(self.lines)
        return shown


@dataclass(frozen=True, slots=True)
class StepChange:
    """Gather what changed in one step; paths begin below the step."""

    id: str
    #: As it is called now.
    name: str
    type: str
    changes: tuple[Change, ...]
    #: How it was and is timed, as its settings have it; MISSING where they have nothing.
    timing: tuple[Any, Any] = (MISSING, MISSING)


@dataclass(frozen=True, slots=True)
class Diff:
    """Hold everything that differs; empty when both definitions say the same."""

    added: tuple[Mapping[str, Any], ...] = ()
    removed: tuple[Mapping[str, Any], ...] = ()
    changed: tuple[StepChange, ...] = ()
    edges_added: tuple[Mapping[str, Any], ...] = ()
    edges_removed: tuple[Mapping[str, Any], ...] = ()
    #: Everything beside steps and connections: parameters, variables, exits, goals, entry, …
    rest: tuple[Change, ...] = ()
    #: Names of all steps of both sides, the newer one's first, for sentences.
    names: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __bool__(self) -> bool:
        return any((self.added, self.removed, self.changed, self.edges_added, self.edges_removed, self.rest))

    @property
    def only_layout(self) -> bool:
        """Tell whether all that changed is where things stand on the canvas."""
        return (
            bool(self)
            and all(
                LAYOUT & set(change.path)
                for change in (*self.rest, *(c for s in self.changed for c in s.changes))
            )
            and not (self.added or self.removed or self.edges_added or self.edges_removed)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the differences as JSON-able values."""
        return {
            "steps": {
                "added": [dict(step) for step in self.added],
                "removed": [dict(step) for step in self.removed],
                "changed": [
                    {
                        "id": step.id,
                        "name": step.name,
                        "type": step.type,
                        "changes": [change.as_dict() for change in step.changes],
                    }
                    for step in self.changed
                ],
            },
            "connections": {
                "added": [dict(edge) for edge in self.edges_added],
                "removed": [dict(edge) for edge in self.edges_removed],
            },
            "rest": [change.as_dict() for change in self.rest],
        }


def diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> Diff:
    """Return what leads from one definition to the other; the order of steps and connections says nothing."""
    old, new = canonical(before), canonical(after)
    old_steps, new_steps = old.pop("nodes"), new.pop("nodes")
    old_edges, new_edges = old.pop("edges"), new.pop("edges")
    found: dict[str, Any] = {"rest": []}
    if isinstance(old_steps, dict) and isinstance(new_steps, dict):
        found["added"] = tuple(new_steps[name] for name in new_steps if name not in old_steps)
        found["removed"] = tuple(old_steps[name] for name in old_steps if name not in new_steps)
        both = [name for name in new_steps if name in old_steps]
        found["changed"] = tuple(
            step for name in both if (step := _step(old_steps[name], new_steps[name])) is not None
        )
        found["names"] = {
            name: str(step.get("name") or name) for name, step in {**old_steps, **new_steps}.items()
        }
    else:
        found["rest"] += _changes(("nodes",), _listed(old_steps), _listed(new_steps))
    if _are_edges(old_edges) and _are_edges(new_edges):
        ours, theirs = Counter(map(_written, old_edges)), Counter(map(_written, new_edges))
        found["edges_added"] = tuple(json.loads(edge) for edge in sorted((theirs - ours).elements()))
        found["edges_removed"] = tuple(json.loads(edge) for edge in sorted((ours - theirs).elements()))
    else:
        found["rest"] += _changes(("edges",), old_edges, new_edges)
    found["rest"] = (*found["rest"], *_changes((), old, new))
    return Diff(**found)


def apply(changes: Diff, before: Mapping[str, Any]) -> dict[str, Any]:
    """Carry the differences out on what they were found on; return the other definition, in its canonical form."""
    result = canonical(before)
    for step in changes.removed:
        del result["nodes"][step["id"]]
    for step in changes.added:
        result["nodes"][step["id"]] = dict(step)
    for step_change in changes.changed:
        for change in step_change.changes:
            result["nodes"][step_change.id] = _set(result["nodes"][step_change.id], change.path, change.after)
    if _are_edges(result["edges"]):
        left = Counter(map(_written, result["edges"]))
        left.subtract(map(_written, changes.edges_removed))
        left.update(map(_written, changes.edges_added))
        result["edges"] = [json.loads(edge) for edge in sorted(left.elements())]
    for change in changes.rest:
        after = change.after
        if change.path[0] in {"nodes", "edges"}:
            result |= canonical(
                {change.path[0]: after} if after is not MISSING else {}, only=str(change.path[0])
            )
        else:
            result = _set(result, change.path, after)
    return canonical({**result, "nodes": _listed(result["nodes"])})


def canonical(definition: Mapping[str, Any], *, only: str = "") -> dict[str, Any]:
    """Return a definition with its steps by id and its connections sorted; lists that cannot be read so stay lists."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(definition), default=str))
    result = {key: plain[key] for key in sorted(plain) if key not in {"nodes", "edges"}}
    if only in {"", "nodes"}:
        result["nodes"] = _by_id(plain.get("nodes", MISSING))
    if only in {"", "edges"}:
        result["edges"] = _sorted_edges(plain.get("edges", MISSING))
    return result


def digest_of(definition: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a definition says, whatever the order of its steps and connections."""
    shape = canonical(definition)
    shape["nodes"] = _listed(shape["nodes"])
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()


def _by_id(steps: Any) -> Any:
    """Return steps by id, in the order of their ids, where each has one of its own; otherwise as they are."""
    if steps is MISSING:
        return {}
    if isinstance(steps, dict):
        return _Unread(steps)
    if not isinstance(steps, list) or not all(
        isinstance(step, dict) and isinstance(step.get("id"), str) for step in steps
    ):
        return steps
    found = {step["id"]: step for step in sorted(steps, key=lambda step: str(step["id"]))}
    return found if len(found) == len(steps) else steps


def _listed(steps: Any) -> Any:
    if isinstance(steps, _Unread):
        return steps.value
    return list(steps.values()) if isinstance(steps, dict) else steps


def _sorted_edges(edges: Any) -> Any:
    if edges is MISSING or edges is None:
        return []
    if not _are_edges(edges):
        return edges
    return sorted(({"port": "next", **edge} for edge in edges), key=_written)


def _are_edges(edges: Any) -> bool:
    return isinstance(edges, list) and all(isinstance(edge, dict) for edge in edges)


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _step(before: Mapping[str, Any], after: Mapping[str, Any]) -> StepChange | None:
    changes = tuple(_changes((), before, after))
    if not changes:
        return None
    name = str(after.get("name") or after["id"])
    timing = (_timing(before), _timing(after))
    return StepChange(after["id"], name, str(after.get("type", "")), changes, timing)


def _timing(step: Mapping[str, Any]) -> Any:
    settings = step.get("settings")
    return settings.get("when", MISSING) if isinstance(settings, Mapping) else MISSING


def _changes(path: Path, before: Any, after: Any) -> Iterator[Change]:
    """Go down as long as both sides have the same shape."""
    if path[:1] and path[0] in _WHOLE:
        if before is MISSING or after is MISSING or _written(before) != _written(after):
            yield Change(path, before, after)
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _changes((*path, key), before.get(key, MISSING), after.get(key, MISSING))
    elif _is_table(before) and _is_table(after) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _changes((*path, number), one, other)
    elif before is not after and (
        before is MISSING or after is MISSING or _written(before) != _written(after)
    ):
        yield Change(path, before, after)


def _is_table(value: Any) -> bool:
    """Tell whether a value is a list of objects, to be compared row by row."""
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and any(isinstance(row, Mapping) for row in value)
    )


def _set(target: Any, path: Path, value: Any) -> Any:
    """Return a copy in which the value at the path is another, or is gone."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    if isinstance(target, list) and isinstance(first, int):
        return [_set(row, rest, value) if number == first else row for number, row in enumerate(target)]
    copy = dict(target) if isinstance(target, Mapping) else {}
    if not rest and value is MISSING:
        copy.pop(str(first), None)
    else:
        copy[str(first)] = _set(copy.get(str(first)), rest, value)
    return copy
