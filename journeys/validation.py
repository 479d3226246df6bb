"""What is wrong with a definition, before it is kept or published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from journeys.errors import Invalid
from journeys.language.errors import Problem
from journeys.language.graph import MAX_NODES, Graph, check, read_graph
from journeys.language.registry import node_types, trigger_types

#: The largest draft that is kept, in bytes of JSON.
MAX_DRAFT_BYTES = 1_000_000
#: How deep a draft's values may be nested.
MAX_DRAFT_DEPTH = 40


def problems_of(definition: Any) -> list[Problem]:
    """List everything that keeps a definition from being published; an empty list means nothing does."""
    return check(definition, node_types=node_types, trigger_types=trigger_types)


def graph_of(definition: Mapping[str, Any]) -> Graph:
    """Read a definition with the step and trigger types of this system.

    Raises:
        DefinitionInvalid: with all problems.
    """
    return read_graph(definition, node_types=node_types, trigger_types=trigger_types)


def checked_draft(definition: Any) -> dict[str, Any]:
    """Give a draft that may be kept: it may be unfinished, but it is an object of bounded size.

    Raises:
        Invalid: code `not_an_object`, `too_deep`, `too_large` or `too_many_nodes`.
    """
    if not isinstance(definition, Mapping):
        raise Invalid(
            "Write the definition as an object with schema_version, nodes and edges.", code="not_an_object"
        )
    if _deeper_than(definition, MAX_DRAFT_DEPTH):
        raise Invalid(
            f"The definition is nested deeper than {MAX_DRAFT_DEPTH} levels: flatten it.", code="too_deep"
        )
    try:
        size = len(json.dumps(definition, allow_nan=False).encode())
    except (TypeError, ValueError) as error:
        raise Invalid("The definition holds a value that is not JSON.", code="not_an_object") from error
    if size > MAX_DRAFT_BYTES:
        raise Invalid(
            f"The definition has {size:,} bytes; {MAX_DRAFT_BYTES:,} is the most. Shorten its texts.",
            code="too_large",
        )
    nodes = definition.get("nodes")
    if isinstance(nodes, list) and len(nodes) > MAX_NODES:
        raise Invalid(
            f"The journey has {len(nodes):,} steps; {MAX_NODES} is the most. Split it in two.",
            code="too_many_nodes",
        )
    return dict(definition)


def _deeper_than(value: Any, levels: int) -> bool:
    """Tell whether containers are nested deeper than `levels`, without recursion."""
    ring: list[Any] = [value]
    for _ in range(levels + 1):
        ring = [
            inner
            for outer in ring
            for inner in (outer.values() if isinstance(outer, Mapping) else outer)
            if isinstance(inner, (Mapping, list, tuple))
        ]
        if not ring:
            return False
    return True
