"""Whether somebody inside a journey can go on in another version of it, and when the step is due there."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from . import branches, joins
from .graph import Graph
from .timing import Calendar, due_of

#: A place that was completed: step, branch, visit.
Done = tuple[str, str, int]
Change = Literal["kept", "recomputed", "asked_again"]


@dataclass(frozen=True, slots=True)
class Token:
    """Say where somebody stands, and how."""

    node_id: str
    branch: str
    visit: int
    #: When it came there (UTC).
    reached: datetime
    #: What was meant by the moment it is due there.
    meant: Mapping[str, Any] | None = None
    #: The step was tried already, or needs a person: its moment is not touched.
    begun: bool = False
    #: The step waits for something to happen, beside time.
    awaits: bool = False


@dataclass(frozen=True, slots=True)
class Landing:
    """Say how somebody stands in the other version: at the same step."""

    change: Change
    #: Only for a moment that was recomputed: UTC, None while the date it hangs on is missing.
    due_at: datetime | None = None
    meant: Mapping[str, Any] | None = None
    #: Why there is no moment.
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Stuck:
    """Say why somebody cannot go on in the other version."""

    #: Stable: step_gone, type_changed, split_changed, merge_changed, done_ahead, variable_missing, variable_kind.
    code: str
    #: A sentence.
    reason: str
    node_id: str = ""


@dataclass(frozen=True, slots=True)
class Values:
    """Hold what variables a passage has in the other version."""

    values: Mapping[str, Any] = field(default_factory=dict)
    #: Names that it got from their defaults.
    added: tuple[str, ...] = ()


class Bridge:
    """Lead from one version to another; made once for a pair of them."""

    def __init__(self, *, old: Graph, new: Graph) -> None:
        self.old = old
        self.new = new
        self._around = splits_around(new)
        self._merges = _merges_of(old), _merges_of(new)
        self._ahead: dict[str, frozenset[str]] = {}

    def landing(self, token: Token, *, calendar: Calendar, done: Iterable[Done] = ()) -> Landing | Stuck:
        """Judge one token: at the same step of the other version, with its moment computed by that version's timing.

        A moment whose timing is the same in both is kept as it is, whatever has put it off since. Durations count
        from when the step was reached. `done` are the places that the passage has completed.
        """
        stuck = self._other_step(token) or self._other_splits(token) or self._done_ahead(token, done)
        if stuck is not None:
            return stuck
        if joins.arrives(self.new, token.node_id, token.branch) or token.begun:
            return Landing("kept")
        if token.awaits:
            return Landing("asked_again")
        before, after = (graph.nodes[token.node_id].settings for graph in (self.old, self.new))
        if before.when == after.when:
            return Landing("kept")
        due = due_of(after.when, calendar=calendar, reached=_reached(token))
        return Landing("recomputed", due.instant, due.meant, due.missing or "")

    def _other_step(self, token: Token) -> Stuck | None:
        name = token.node_id
        if name not in self.new.nodes:
            label = _label(self.old, name)
            return Stuck("step_gone", f"The step {label} is not in the new version.", name)
        if name not in self.old.nodes or self.old.nodes[name].type != self.new.nodes[name].type:
            message = f"The step {_label(self.new, name)} is of another type in the new version."
            return Stuck("type_changed", message, name)
        return None

    def _other_splits(self, token: Token) -> Stuck | None:
        """Compare the splits around the token, their branches, and where these come together."""
        name, label = token.node_id, _label(self.new, token.node_id)
        frames, join = _frames(token.branch), self.new.nodes[token.node_id].join
        if joins.arrives(self.old, name, token.branch) != joins.arrives(self.new, name, token.branch):
            return Stuck("merge_changed", f"{label} merges another split in the new version.", name)
        around = self._around.get(name, ())
        splits = tuple(frame.split for frame in frames)
        if splits != around and (join is None or splits != (*around, join.split)):
            return Stuck("split_changed", f"Other splits are around {label} in the new version.", name)
        for frame in frames:
            split, split_label = self.new.nodes[frame.split], _label(self.new, frame.split)
            if not split.node_type.forks(split.settings) or frame.port not in split.ports:
                message = f"The split {split_label} has no branch {frame.port!r} in the new version."
                return Stuck("split_changed", message, name)
            merges = [found.get(frame.split) for found in self._merges]
            if merges[0] != merges[1]:
                message = f"The branches of {split_label} come together elsewhere in the new version."
                return Stuck("merge_changed", message, name)
        return None

    def _done_ahead(self, token: Token, done: Iterable[Done]) -> Stuck | None:
        """Refuse a way that leads through a place which was completed: each place is done once."""
        if token.node_id not in self._ahead:
            self._ahead[token.node_id] = _steps_ahead(self.new, token.node_id)
        ahead = self._ahead[token.node_id]
        for name, branch, visit in done:
            if name in ahead and _is_ahead(token, branch, visit):
                had = _label(self.new, name)
                message = f"In the new version the way leads on through {had}, which was done already."
                return Stuck("done_ahead", message, token.node_id)
        return None


def values_in(new: Graph, values: Mapping[str, Any]) -> Values | Stuck:
    """Return a passage's variables for the other version; what that does not declare any more is kept as it is."""
    kept = dict(values)
    added = []
    for name, variable in new.variables.items():
        value = kept.get(name)
        if value is None and variable.required:
            message = f"The new version needs the variable {name!r}, which has no default and no value here."
            return Stuck("variable_missing", message)
        if value is None:
            kept[name] = variable.default
            added.append(name)
        elif not variable.accepts(value):
            return Stuck(
                "variable_kind",
                f"The variable {name!r} is a {variable.kind} in the new version, and its value here is none.",
            )
    return Values(kept, tuple(added))


def _is_ahead(token: Token, branch: str, visit: int) -> bool:
    """Tell whether a place is of the token's own round, in its branch, in one around it, or inside of a later split."""
    own, number, leaving = token.branch, token.visit, ""
    while True:
        if branch == own and visit == number:
            return True
        prefix = f"{own}/" if own else ""
        if branch != own and branch.startswith(prefix):
            split, _, rest = branch.removeprefix(prefix).partition("/")[0].partition("@")
            if split != leaving and rest.partition(".")[0] == str(number):
                return True
        own, frame = branches.outside(own)
        if frame is None:
            return False
        number, leaving = frame.visit, frame.split


def _frames(branch: str) -> tuple[branches.Frame, ...]:
    """Return the splits a token came out of, the outermost first."""
    found: list[branches.Frame] = []
    while branch:
        branch, frame = branches.outside(branch)
        if frame is not None:
            found.append(frame)
    return tuple(reversed(found))


def splits_around(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Return the splits around each step, the outermost first; a merge stands outside of the split it merges."""
    edges = _leaving(graph)
    around: dict[str, tuple[str, ...]] = {graph.start.id: ()}
    waiting = deque(around)
    while waiting:
        name = waiting.popleft()
        node = graph.nodes[name]
        forks = node.node_type.forks(node.settings)
        for port, target in edges[name]:
            inside = around[name]
            if forks and port not in node.node_type.optional_ports:
                inside = (*inside, name)
            join = graph.nodes[target].join
            if join is not None and inside and inside[-1] == join.split:
                inside = inside[:-1]
            if target not in around:
                around[target] = inside
                waiting.append(target)
    return around


def _steps_ahead(graph: Graph, node_id: str) -> frozenset[str]:
    """Return the steps that are reached from one without beginning another round; the step itself is not among them."""
    edges = _leaving(graph)
    found: set[str] = set()
    waiting = [node_id]
    while waiting:
        name = waiting.pop()
        for port, target in edges[name]:
            if target not in found and not graph.is_back_edge(name, port):
                found.add(target)
                waiting.append(target)
    return frozenset(found - {node_id})


def _leaving(graph: Graph) -> dict[str, list[tuple[str, str]]]:
    edges: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for edge in graph.edges:
        edges[edge.source].append((edge.port, edge.target))
    return edges


def _merges_of(graph: Graph) -> dict[str, str]:
    """Return the merge of each split."""
    return {node.join.split: node.id for node in graph.nodes.values() if node.join is not None}


def _reached(token: Token) -> datetime:
    """Return the moment that durations count from."""
    written = (token.meant or {}).get("reached")
    return datetime.fromisoformat(str(written)) if written else token.reached


def _label(graph: Graph, name: str) -> str:
    node = graph.nodes.get(name)
    return repr(node.name or node.id) if node is not None else repr(name)
