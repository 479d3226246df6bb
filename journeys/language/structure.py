"""Whether the steps hang together: start, ports, ways to an end, loops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import networkx as nx

from .definition import Draft, Link, Step
from .errors import Problem
from .scopes import problems_of_scopes
from .settings import DurationTiming

#: The two types every journey has; they have no error port.
START, END = "start", "end"


def problems_of(draft: Draft) -> list[Problem]:
    """Return what is wrong with the shape of the journey."""
    starts = [step for step in draft.steps.values() if step.type == START]
    problems = [*_starts(starts), *_edges(draft), *_ports(draft)]
    if len(starts) == 1:
        problems += _ways(draft, starts[0])
        problems += problems_of_scopes(draft, starts[0])
    return [*problems, *_loops(draft)]


def back_edges(draft: Draft, start: str) -> frozenset[tuple[str, str]]:
    """Return (step, port) of every edge that leads back to a step on the way to it."""
    leaving: dict[str, list[tuple[str, str]]] = {name: [] for name in draft.steps}
    for edge in draft.edges:
        leaving[edge.source].append((edge.port, edge.target))
    back: set[tuple[str, str]] = set()
    done: set[str] = set()
    on_the_way = {start}
    path = [(start, iter(leaving[start]))]
    while path:
        name, ports = path[-1]
        step = next(ports, None)
        if step is None:
            path.pop()
            on_the_way.discard(name)
            done.add(name)
        elif step[1] in on_the_way:
            back.add((name, step[0]))
        elif step[1] not in done:
            on_the_way.add(step[1])
            path.append((step[1], iter(leaving[step[1]])))
    return frozenset(back)


def loop_body(draft: Draft, source: str, target: str) -> frozenset[str]:
    """Return the loop that an edge back closes: the steps that lead to `source` without passing `target`, and both."""
    leading: dict[str, list[str]] = {}
    for edge in draft.edges:
        leading.setdefault(edge.target, []).append(edge.source)
    body, waiting = {target, source}, [source] if source != target else []
    while waiting:
        for name in leading.get(waiting.pop(), ()):
            if name not in body:
                body.add(name)
                waiting.append(name)
    return frozenset(body)


def is_counted(draft: Draft, source: str, port: str) -> bool:
    """Tell whether a token may leave the step by this port a limited number of times only."""
    step = draft.steps.get(source)
    return step is not None and step.node_type is not None and port in step.node_type.counted_ports


def closing_edges(
    draft: Draft, back: frozenset[tuple[str, str]], source: str, port: str
) -> frozenset[tuple[str, str]]:
    """Return the edges back by which the way out of a port comes round: itself, or the first ones behind it."""
    leaving: dict[str, list[Link]] = {}
    for edge in draft.edges:
        leaving.setdefault(edge.source, []).append(edge)
    waiting = [edge for edge in leaving.get(source, ()) if edge.port == port]
    seen, closing = {source}, set()
    while waiting:
        edge = waiting.pop()
        if (edge.source, edge.port) in back:
            closing.add((edge.source, edge.port))
        elif edge.target not in seen:
            seen.add(edge.target)
            waiting += leaving.get(edge.target, ())
    return frozenset(closing)


def _starts(starts: list[Step]) -> Iterator[Problem]:
    if not starts:
        yield Problem("no_start", "The journey has no start. Add a step of the type start.")
    for extra in starts[1:]:
        message = f"{extra.label} is a second start. Keep one start and connect the rest to it."
        yield Problem("several_starts", message, extra.id)


def _edges(draft: Draft) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for edge in draft.edges:
        source, target = draft.steps.get(edge.source), draft.steps.get(edge.target)
        if source is None:
            message = f"A connection starts at {edge.source[:64]!r}, which is no step. Remove it or correct its name."
            yield Problem("unknown_target", message, field="from")
            continue
        if target is None:
            message = f"{source.label} leads to {edge.target[:64]!r}, which is no step. Lead it to one."
            yield Problem("unknown_target", message, source.id)
        elif target.type == START:
            message = f"{source.label} leads back to the start. Lead it to the step behind the start."
            yield Problem("unknown_target", message, source.id)
        if (edge.source, edge.port) in seen:
            message = f"{source.label} is left by its port {edge.port[:64]!r} twice. Keep one connection."
            yield Problem("duplicate_edge", message, source.id)
        seen.add((edge.source, edge.port))
        ports = _ports_of(source)
        if ports is not None and edge.port not in (*ports, *_optional(source)):
            known = ", ".join((*ports, *_optional(source))) or "none"
            message = f"{source.label} has no port {edge.port[:64]!r}. Its ports: {known}."
            yield Problem("unknown_port", message, source.id)


def _ports(draft: Draft) -> Iterator[Problem]:
    connected = {(edge.source, edge.port) for edge in draft.edges}
    for step in draft.steps.values():
        for port in _ports_of(step) or ():
            if (step.id, port) not in connected:
                message = f"{step.label} leads nowhere by its port {port!r}. Connect it to the next step or to an end."
                yield Problem("missing_edge", message, step.id)


def _ports_of(step: Step) -> tuple[str, ...] | None:
    """Return the ports that must lead on; None when they are not known."""
    if step.node_type is None or step.settings is None:
        return None
    return tuple(step.node_type.ports_of(step.settings))


def _optional(step: Step) -> tuple[str, ...]:
    if step.node_type is None or step.type in (START, END):
        return ()
    return step.node_type.optional_ports


def _picture(draft: Draft, edges: Iterable[Link] | None = None) -> nx.DiGraph[str]:
    picture: nx.DiGraph[str] = nx.DiGraph()
    picture.add_nodes_from(draft.steps)
    picture.add_edges_from(
        (edge.source, edge.target)
        for edge in (draft.edges if edges is None else edges)
        if edge.source in draft.steps and edge.target in draft.steps
    )
    return picture


def _ways(draft: Draft, start: Step) -> Iterator[Problem]:
    """Check that every step can be reached, and that each leads to an end."""
    picture = _picture(draft)
    reached = {start.id, *nx.descendants(picture, start.id)}
    ends = {step.id for step in draft.steps.values() if step.type == END or _ports_of(step) == ()}
    ending = set(ends)
    for end in ends:
        ending |= nx.ancestors(picture, end)
    for step in draft.steps.values():
        if step.id not in reached:
            message = f"{step.label} is never reached. Connect it or remove it."
            yield Problem("unreachable_node", message, step.id)
        elif step.id not in ending:
            message = (
                f"No way leads from {step.label[0].lower()}{step.label[1:]} to an end. Connect it to one."
            )
            yield Problem("no_way_to_end", message, step.id)


def _loops(draft: Draft) -> Iterator[Problem]:
    """Check that nobody can go round for ever without waiting for a positive time."""
    picture = _picture(draft, [edge for edge in draft.edges if not is_counted(draft, edge.source, edge.port)])
    waiting = [
        step.id
        for step in draft.steps.values()
        if step.settings is not None and isinstance(step.settings.when, DurationTiming)
    ]
    picture.remove_nodes_from(waiting)
    for group in nx.strongly_connected_components(picture):
        first = min(group)
        if len(group) > 1 or picture.has_edge(first, first):
            names = ", ".join(sorted(group)[:6])
            message = (
                f"{draft.steps[first].label} is on a loop without a wait ({names}). "
                "Give one of its steps a duration to wait for, or go back by a jump, which has a limit."
            )
            yield Problem("cycle_without_wait", message, first)
