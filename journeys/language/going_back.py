"""To which steps a passage may be put back, and in which round it begins anew there."""

from __future__ import annotations

from collections.abc import Iterable

from . import branches
from .graph import Graph
from .moves import splits_around

#: A place: step, branch, visit.
At = tuple[str, str, int]


def split_around(graph: Graph, node_id: str) -> str | None:
    """Return the outermost split whose branches a step stands in; None for a step outside of them all.

    A single token inside a branch would have no others to meet at the merge, so that the split itself is where a
    passage can begin anew. The merge stands outside: a passage that begins there waits for nobody.
    """
    around = splits_around(graph).get(node_id, ())
    return around[0] if around else None


def next_visit(places: Iterable[At]) -> int:
    """Return a round that no place was ever in, so that every place from there on is a new one."""
    return max((outermost_visit(branch, visit) for _, branch, visit in places), default=0) + 1


def outermost_visit(branch: str, visit: int) -> int:
    """Return the round of the passage's main way that a place belongs to."""
    while branch:
        branch, frame = branches.outside(branch)
        if frame is None:
            break
        visit = frame.visit
    return visit
