"""Whether the other journeys that a journey names are there: what the language, which knows one journey, cannot see."""

from __future__ import annotations

from journeys.language.errors import Problem
from journeys.language.graph import Graph
from journeys.models import Journey, Vendor
from journeys.scoping import owned_by


def problems_with_others(*, vendor: Vendor, graph: Graph, own: str = "") -> list[Problem]:
    """List the steps that name a journey which the vendor does not have, has put away, or is publishing (`own`).

    A journey that is not published yet is no problem: two may name each other, and one of them is published first.
    """
    named = [(node, name) for node in graph.nodes.values() for name in node.node_type.journeys(node.settings)]
    if not named:
        return []
    rows = owned_by(vendor, Journey).filter(public_id__in={name for _, name in named})
    known = dict(rows.values_list("public_id", "status"))
    found = []
    for node, name in named:
        label = f"Step {node.name or node.id!r} ({node.id})"
        if name == own:
            message = f"{label} names its own journey. Lead back by a jump, or to an end."
        elif name not in known:
            message = f"{label} names the journey {name!r}, which is not there. Choose another one."
        elif known[name] == Journey.Status.ARCHIVED:
            message = f"{label} names the journey {name!r}, which is archived. Choose another one."
        else:
            continue
        found.append(Problem("unknown_journey", message, node.id, "journey"))
    return found
