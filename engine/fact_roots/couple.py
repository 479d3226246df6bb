"""The roots client, wedding, people and vendor: who the journey is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.services.facts import Need, fact_root
from journeys import selectors


@fact_root("client", "wedding", "people", "vendor", "recipient")
def couple(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Read what the instances were loaded with; no query beside those of `instances_for`."""
    return {
        need.instance.id: selectors.facts_of(
            client=need.instance.client, wedding=need.instance.wedding, now=now, reads=need.paths
        )
        for need in needs
    }
