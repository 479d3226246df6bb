"""Whether instances stand where their history says, from the first step on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from django.db import connection

from engine.graphs import graph_of
from engine.models import Instance
from journeys.language.graph import Graph
from journeys.language.replaying import At, BegunAnew, Happened, Replayed, replay

#: History and present in one statement, so that both are of the same moment.
_BOTH = """
SELECT instance_id, id AS number, node_id, branch, visit, status, port, 0 AS turn FROM engine_nodeexecution
WHERE instance_id = ANY(%(ids)s)
UNION ALL
SELECT instance_id, after, node_id, '', visit, NULL, status_before, id FROM engine_rollback
WHERE instance_id = ANY(%(ids)s)
UNION ALL
SELECT instance_id, NULL, node_id, branch, visit, NULL, NULL, 0 FROM engine_schedule
WHERE instance_id = ANY(%(ids)s)
ORDER BY number NULLS LAST, turn
"""

#: Gives the version's graph that held when something happened to an instance.
GraphAt = Callable[[Instance, Happened], Graph]


def _of_its_version(instance: Instance, _happened: Happened) -> Graph:
    return graph_of(instance.version_id)


def differences(instances: Sequence[Instance], *, graph_at: GraphAt = _of_its_version) -> dict[int, str]:
    """Say of instances that stand elsewhere than their history replayed comes to, in a sentence each, by id.

    For instances with their whole history, however often they were put back to an earlier step; one that was moved
    to another version needs a `graph_at` that knows when. Nothing is locked: what is written meanwhile does not disturb.
    """
    history: dict[int, list[Happened | BegunAnew]] = defaultdict(list)
    standing: dict[int, set[At]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(_BOTH, {"ids": [instance.id for instance in instances]})
        for instance_id, number, node_id, branch, visit, status, port, _turn in cursor.fetchall():
            if number is None:
                standing[instance_id].add((node_id, branch, visit))
            elif status is None:
                history[instance_id].append(
                    BegunAnew(number, node_id, visit, had_ended=port not in Instance.LIVE)
                )
            else:
                history[instance_id].append(Happened(number, node_id, branch, visit, status, port))
    found = {}
    for instance in instances:
        replayed = _replayed(instance, history[instance.id], graph_at)
        if sentence := _difference(replayed, standing[instance.id]):
            found[instance.id] = sentence
    return found


def _replayed(instance: Instance, happened: Sequence[Happened | BegunAnew], graph_at: GraphAt) -> Replayed:
    return replay(
        happened,
        graph_at=lambda one: graph_at(instance, one),
        start=graph_of(instance.version_id).start.id,
    )


def _difference(replayed: Replayed, standing: set[At]) -> str:
    if replayed.faults:
        return replayed.faults[0]
    expected = replayed.standing.keys()
    if expected == standing:
        return ""
    return (
        f"By its history it stands at {_listed(expected - standing)}, which it does not; "
        f"it stands at {_listed(standing - expected)}, which its history does not tell."
    )


def _listed(places: set[At]) -> str:
    return ", ".join(f"{node} ({branch}, {visit})" for node, branch, visit in sorted(places)) or "nothing"
