"""How long it takes to look ahead: one couple over 18 months, and many couples at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import yaml

from bench.figures import Figure
from bench.run import Run
from dev.places import ROOT
from engine.services.simulating import invented_beginning
from engine.simulation.given import Assumptions, InventedCouple
from engine.simulation.ways import look_ahead
from journeys import validation
from journeys.language.graph import Graph

COUPLES = 1_000
STARTED = datetime(2026, 1, 10, 10, tzinfo=UTC)
TEMPLATE = ROOT / "journeys" / "templates" / "photographer_full_service.yaml"


def _look(graph: Graph, number: int, *, texts: bool) -> int:
    given = InventedCouple.model_validate(
        {
            "wedding": {"date": (STARTED + timedelta(days=540 + number % 60)).date(), "time": "15:30"},
            "client": {"display_name": f"Ana & Tom {number}", "first_name": f"Ana {number}"},
            "started": STARTED,
        }
    )
    beginning = invented_beginning(given, graph=graph, name="Full service", vendor=None, now=STARTED)
    outlook = look_ahead(beginning, Assumptions(texts=texts), library=lambda _: None)
    return len(outlook.ways[0].happenings)


def measure(run: Run) -> Iterator[Figure]:
    """Look ahead with all texts and without, then for many couples; nothing but this process takes part."""
    graph = validation.graph_of(yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))["definition"])
    _look(graph, 0, texts=True)
    rounds = run.number(20, least=2)
    for texts in (True, False):
        begun = time.perf_counter()
        steps = sum(_look(graph, number, texts=texts) for number in range(rounds))
        spent = (time.perf_counter() - begun) / rounds
        yield Figure(
            name=f"simulation of one couple, {'with' if texts else 'without'} texts",
            value=spent * 1000,
            unit="ms",
            detail={"steps": steps // rounds},
        )
    number = run.number(COUPLES, least=10)
    begun = time.perf_counter()
    steps = sum(_look(graph, one, texts=False) for one in range(number))
    spent = time.perf_counter() - begun
    yield Figure(
        name="simulation of many couples",
        value=number / spent,
        unit="couples/s",
        detail={"couples": number, "steps": steps, "seconds": round(spent, 2)},
    )
