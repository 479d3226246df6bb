"""Measure the variants of a journey's experiments: who is in which, and how many reach what the journey is for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from engine.graphs import graph_of
from journeys.language.graph import Node
from journeys.models import Journey

#: Standard deviations on each side of a rate: 95 of 100 such spans hold the true one.
_Z = 1.959964

#: The client's last passage counts; one who was assigned and is gone from the journey stays in the count.
_COUNTS = """
SELECT v.experiment, v.variant, count(*),
    count(*) FILTER (WHERE i.status IN ('active', 'paused')),
    count(*) FILTER (WHERE i.result LIKE 'goal:%%'),
    count(*) FILTER (WHERE i.result LIKE 'exit:%%'),
    count(*) FILTER (WHERE i.status = 'completed')
FROM engine_variantassignment v
LEFT JOIN LATERAL (
    SELECT status, result FROM engine_instance
    WHERE journey_id = v.journey_id AND client_id = v.client_id ORDER BY id DESC LIMIT 1
) i ON true
WHERE v.journey_id = %(journey)s
GROUP BY v.experiment, v.variant
"""


@dataclass(frozen=True, slots=True)
class VariantFigures:
    """How one variant does."""

    variant: str
    name: str
    #: Share of the couples it is meant to get, from 0 to 1; None when today's version no longer has it.
    share: float | None
    holdout: bool
    clients: int
    inside: int
    goals: int
    exits: int
    completed: int
    #: Clients who reached a goal, as a share of all; None without clients.
    rate: float | None
    #: Between these the true rate lies, 19 times of 20 (Wilson).
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Experiment:
    """One split by chance and what came of it."""

    node_id: str
    name: str
    variants: tuple[VariantFigures, ...]


def experiments_of(journey: Journey) -> list[Experiment]:
    """Give the experiments of a journey in the order of their steps, variants as the current version has them.

    Variants that only an older version had come last.
    """
    counts: dict[str, dict[str, tuple[int, ...]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"journey": journey.id})
        for experiment, variant, *numbers in cursor.fetchall():
            counts.setdefault(experiment, {})[variant] = tuple(numbers)
    nodes = _splits_by_chance(journey)
    return [
        Experiment(
            node_id,
            (nodes[node_id].name or node_id) if node_id in nodes else node_id,
            _variants(nodes.get(node_id), counts.get(node_id, {})),
        )
        for node_id in dict.fromkeys([*nodes, *counts])
    ]


def _splits_by_chance(journey: Journey) -> dict[str, Node]:
    if journey.current_version_id is None:
        return {}
    graph = graph_of(journey.current_version_id)
    return {
        node.id: node
        for node in graph.nodes.values()
        if getattr(getattr(node.settings, "by", None), "kind", "") == "weight"
    }


def _variants(node: Node | None, counts: Mapping[str, tuple[int, ...]]) -> tuple[VariantFigures, ...]:
    settings: Any = node.settings if node else None
    branches = {branch.port: branch for branch in settings.by.branches} if settings else {}
    total = sum(branch.weight for branch in branches.values())
    figures = []
    for port in dict.fromkeys([*branches, *sorted(counts)]):
        branch = branches.get(port)
        clients, inside, goals, exits, completed = counts.get(port, (0, 0, 0, 0, 0))
        low, high = wilson(goals, clients)
        figures.append(
            VariantFigures(
                variant=port,
                name=(branch.label or port) if branch else port,
                share=round(branch.weight / total, 4) if branch else None,
                holdout=bool(branch and branch.holdout),
                clients=clients,
                inside=inside,
                goals=goals,
                exits=exits,
                completed=completed,
                rate=round(goals / clients, 4) if clients else None,
                low=low,
                high=high,
            )
        )
    return tuple(figures)


def wilson(successes: int, trials: int) -> tuple[float | None, float | None]:
    """Give the span in which the true rate lies, 19 times of 20 (Wilson 1927); None without trials."""
    if not trials:
        return None, None
    rate = successes / trials
    middle = rate + _Z**2 / (2 * trials)
    reach = _Z * math.sqrt(rate * (1 - rate) / trials + _Z**2 / (4 * trials**2))
    scale = 1 + _Z**2 / trials
    return round(max(0.0, (middle - reach) / scale), 4), round(min(1.0, (middle + reach) / scale), 4)
