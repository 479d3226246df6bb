"""How long it takes to look ahead: one couple over 18 months, and many couples at once.

Run it with `python -m bench.simulate`; nothing but this process is needed, no database and no broker.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

COUPLES = 1_000
STARTED = datetime(2026, 1, 10, 10, tzinfo=UTC)
TEMPLATE = Path(__file__).resolve().parents[1] / "journeys" / "templates" / "photographer_full_service.yaml"


def main() -> None:
    """Measure and print."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django  # noqa: PLC0415 the settings are named first

    django.setup()
    import yaml  # noqa: PLC0415 the same

    from engine.services.simulating import invented_beginning  # noqa: PLC0415 the same
    from engine.simulation.given import Assumptions, InventedCouple  # noqa: PLC0415 the same
    from engine.simulation.ways import look_ahead  # noqa: PLC0415 the same
    from journeys import validation  # noqa: PLC0415 the same

    content = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    graph = validation.graph_of(content["definition"])

    def look(number: int, *, texts: bool) -> int:
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

    look(0, texts=True)
    for texts in (True, False):
        begun = time.perf_counter()
        rounds = 20
        steps = sum(look(number, texts=texts) for number in range(rounds))
        spent = (time.perf_counter() - begun) / rounds * 1000
        print(f"one couple, 18 months, {steps // rounds} steps, texts {texts}: {spent:.1f} ms")  # noqa: T201 figures for a person
    begun = time.perf_counter()
    steps = sum(look(number, texts=False) for number in range(COUPLES))
    print(f"{COUPLES:,} couples, {steps:,} steps, texts False: {time.perf_counter() - begun:.1f} s")  # noqa: T201 the same


if __name__ == "__main__":
    main()
