"""A journey as a graph: read once from its definition, then only looked at."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import references, structure
from .definition import MAX_NODES, SCHEMA_VERSION, Draft, read_draft
from .errors import DefinitionInvalid, Problem
from .kinds import Variable
from .passages import Entry, LateStart, Passage, Rule
from .registry import JoinRule, NodeType, Registry, TriggerType
from .settings import NodeSettings

__all__ = [
    "MAX_NODES",
    "SCHEMA_VERSION",
    "Edge",
    "Graph",
    "Node",
    "Rule",
    "Variable",
    "check",
    "read_graph",
]


@dataclass(frozen=True, slots=True)
class Node:
    """Be one step, with its settings parsed and parameters resolved."""

    id: str
    type: str
    name: str
    settings: NodeSettings
    node_type: NodeType

    @property
    def ports(self) -> tuple[str, ...]:
        """Return the ports that lead somewhere, for these settings."""
        return tuple(self.node_type.ports_of(self.settings))

    @property
    def takes_all(self) -> bool:
        """Return whether a token goes on from every port, whatever the facts are."""
        conditions = tuple(self.node_type.expressions(self.settings))
        return self.node_type.forks(self.settings) and not conditions

    @property
    def join(self) -> JoinRule | None:
        """Return how branches come together here; None where they do not."""
        return self.node_type.join_of(self.settings)


@dataclass(frozen=True, slots=True)
class Edge:
    """Lead from a port of one step to another step."""

    source: str
    port: str
    target: str


@dataclass(frozen=True, slots=True)
class Way:
    """Lead from a step to one that comes after it, on the shortest way from where somebody stands."""

    source: str
    target: str
    #: A choice lies before it, so that the step may be passed by.
    conditional: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """Be a definition that may be run."""

    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    start: Node
    variables: Mapping[str, Variable]
    #: Values by name: the vendor's where given, otherwise the definition's.
    parameters: Mapping[str, Any]
    #: SHA-256 of the definition and the parameters' values: equal digests run equally.
    digest: str
    #: How the journey is entered and left, and what it says of passages as a whole.
    passage: Passage
    _targets: Mapping[tuple[str, str], str] = field(repr=False)
    _back: frozenset[tuple[str, str]] = field(repr=False)
    _loops: Mapping[tuple[str, str], frozenset[str]] = field(repr=False)
    _closing: Mapping[str, frozenset[tuple[str, str]]] = field(repr=False)
    #: Some step sends several tokens on, so that the passage is over only when none is left.
    forks: bool = False

    @property
    def exits(self) -> tuple[Rule, ...]:
        """Return the rules that end a passage because it has lost its sense."""
        return self.passage.exits

    @property
    def goals(self) -> tuple[Rule, ...]:
        """Return the rules that end a passage because it has reached what it is for."""
        return self.passage.goals

    @property
    def entry(self) -> Entry:
        """Return who may enter, and how often."""
        return self.passage.entry

    @property
    def late_start(self) -> LateStart | None:
        """Return what happens when steps are past already at the start; None when the definition does not say."""
        return self.passage.late_start

    def successor(self, node_id: str, port: str) -> str | None:
        """Return the step behind a port, None when no edge leaves by it."""
        return self._targets.get((node_id, port))

    def is_back_edge(self, source: str, port: str) -> bool:
        """Tell whether the edge closes a loop: following it starts another round."""
        return (source, port) in self._back

    def loop_of(self, source: str, port: str) -> frozenset[str]:
        """Return the steps of the loop that a back edge closes: they lead to it from where it leads."""
        return self._loops.get((source, port), frozenset())

    def is_counted(self, source: str, port: str) -> bool:
        """Tell whether a token may leave the step by this port a limited number of times only."""
        return port in self.nodes[source].node_type.counted_ports

    def closes(self, edge: tuple[str, str], node_id: str) -> bool:
        """Tell whether what a step sends back comes round by this edge."""
        return edge in self._closing.get(node_id, frozenset())

    def ahead(self, node_id: str) -> Iterator[Way]:
        """Go through the steps that come after one, nearest first, each once; error ports are not followed."""
        seen = {node_id}
        waiting = deque([(node_id, False)])
        while waiting:
            source, conditional = waiting.popleft()
            node = self.nodes[source]
            conditional |= len(node.ports) > 1 and not node.takes_all
            for port in node.ports:
                target = self.successor(source, port)
                if target is not None and target not in seen:
                    seen.add(target)
                    waiting.append((target, conditional))
                    yield Way(source, target, conditional)

    def start_variables(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the variables' first values; raise DefinitionInvalid for what is missing or wrong."""
        problems: list[Problem] = []
        values: dict[str, Any] = {}
        for name in given:
            if name not in self.variables:
                message = f"The journey has no variable {name!r}. Leave it out or declare it."
                problems.append(Problem("unknown_variable", message, field=f"variables.{name}"))
        for name, variable in self.variables.items():
            value = given.get(name, variable.default)
            if value is None:
                message = f"The variable {name!r} has no value. Give one when the journey is started."
                problems.append(Problem("missing_variable", message, field=f"variables.{name}"))
            elif not variable.accepts(value):
                message = f"The variable {name!r} must be a {variable.kind}. Correct its value."
                problems.append(Problem("bad_variable", message, field=f"variables.{name}"))
            values[name] = value
        if problems:
            raise DefinitionInvalid(problems)
        return values


def read_graph(
    definition: Mapping[str, Any],
    *,
    node_types: Registry[NodeType],
    trigger_types: Registry[TriggerType],
    parameters: Mapping[str, Any] | None = None,
) -> Graph:
    """Return the graph of a definition; raise DefinitionInvalid with every problem it has.

    `parameters` are the vendor's own values, by name.
    """
    draft, problems = _examine(definition, node_types, trigger_types, parameters)
    if problems or draft is None:
        raise DefinitionInvalid(problems)
    return _built(draft, definition)


def check(
    definition: Any,
    *,
    node_types: Registry[NodeType],
    trigger_types: Registry[TriggerType],
    parameters: Mapping[str, Any] | None = None,
) -> list[Problem]:
    """Return every problem of a definition, in the order of its steps; takes any JSON value."""
    return _examine(definition, node_types, trigger_types, parameters)[1]


def _examine(
    definition: Any,
    node_types: Registry[NodeType],
    trigger_types: Registry[TriggerType],
    parameters: Mapping[str, Any] | None,
) -> tuple[Draft | None, list[Problem]]:
    draft, problems = read_draft(
        definition, node_types=node_types, trigger_types=trigger_types, parameters=parameters
    )
    if draft is not None:
        problems += structure.problems_of(draft)
        problems += references.problems_of(draft)
    return draft, list(dict.fromkeys(problems))


def _built(draft: Draft, definition: Mapping[str, Any]) -> Graph:
    nodes = {
        step.id: Node(step.id, step.type, step.name, step.settings, step.node_type)
        for step in draft.steps.values()
        if step.settings is not None and step.node_type is not None
    }
    targets = {(edge.source, edge.port): edge.target for edge in draft.edges}
    start = next(node for node in nodes.values() if node.type == structure.START)
    parameters = {name: parameter.value for name, parameter in draft.parameters.items()}
    back = structure.back_edges(draft, start.id)
    written = json.dumps({"definition": definition, "parameters": parameters}, sort_keys=True, default=str)
    return Graph(
        nodes=nodes,
        edges=tuple(Edge(edge.source, edge.port, edge.target) for edge in draft.edges),
        start=start,
        variables=draft.variables,
        parameters=parameters,
        digest=hashlib.sha256(written.encode()).hexdigest(),
        passage=draft.passage,
        _targets=targets,
        _back=back,
        _loops={edge: structure.loop_body(draft, edge[0], targets[edge]) for edge in back},
        _closing={
            node.id: structure.closing_edges(draft, back, node.id, port)
            for node in nodes.values()
            for port in node.node_type.counted_ports
        },
        forks=any(node.node_type.forks(node.settings) for node in nodes.values()),
    )
