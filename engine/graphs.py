"""Published versions as graphs, read once in each process."""

from __future__ import annotations

from functools import lru_cache

from engine.nodes.start import StartSettings
from journeys.language import expressions, texts
from journeys.language.graph import Graph, read_graph
from journeys.language.registry import node_types, trigger_types
from journeys.language.settings import TriggerSettings
from journeys.models import Version

#: Versions kept in memory; a version never changes, so a stale one is impossible.
KEPT = 512


@lru_cache(maxsize=KEPT)
def graph_of(version_id: int) -> Graph:
    """Read a version's definition as a graph.

    Raises:
        Version.DoesNotExist: there is no such version.
        DefinitionInvalid: a step type it uses is no longer installed.
    """
    version = Version.objects.get(id=version_id)
    return read_graph(version.definition, node_types=node_types, trigger_types=trigger_types)


@lru_cache(maxsize=KEPT * 64)
def paths_read_by(version_id: int, node_id: str) -> frozenset[str]:
    """Name the dotted paths of the facts that a step's texts and expressions read."""
    node = graph_of(version_id).nodes[node_id]
    paths: set[str] = set()
    for _, source in node.node_type.expressions(node.settings):
        paths |= expressions.compile_expression(source).paths()
    for _, source in node.node_type.texts(node.settings):
        paths |= {read.name for read in texts.variables_of(source)}
    return frozenset(paths | set(node.node_type.reads(node.settings)))


@lru_cache(maxsize=KEPT * 64)
def leads_to_dates(version_id: int, node_id: str) -> bool:
    """Tell whether a step, or one that it leads to, is timed, so that placing it needs the couple's dates."""
    graph = graph_of(version_id)
    near = {node_id, *(edge.target for edge in graph.edges if edge.source == node_id)}
    # A wait's time-out may name a wall-clock time, which stands on the wedding's clock too.
    may_time_out = getattr(graph.nodes[node_id].settings, "timeout", None) is not None
    return may_time_out or any(graph.nodes[name].settings.when is not None for name in near)


def trigger_of(version_id: int) -> TriggerSettings:
    """Give what a version's start step says about the event that starts it.

    Raises:
        TypeError: its first step is not a start step, which publishing does not let through.
    """
    settings = graph_of(version_id).start.settings
    if not isinstance(settings, StartSettings):
        message = f"The first step of version {version_id} is not a start step."
        raise TypeError(message)
    return settings.trigger
