"""Random journeys: couples who go the way of one before them are forecast step by step."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engine.models import Instance, NodeExecution
from journeys.services.journeys import journey_create, journey_publish
from monitoring.forecast import forecast
from tests.builders import ACTOR, a_couple, a_vendor
from tests.drive import enter, run_until_idle
from tests.forecasts import forecasted, moved_through, next_moment
from tests.properties.nets import definitions

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

NOW = datetime(2027, 10, 14, 9, 0, tzinfo=UTC)
DAYS = 40


def the_same_for_all(definition: dict[str, Any], answers: list[bool]) -> dict[str, Any]:
    """Let every choice come out as it does for everybody, and leave nothing to chance that is due at one moment."""
    changed = copy.deepcopy(definition)
    constants = iter([str(answer).lower() for answer in answers] * 100)
    for node in changed["nodes"]:
        if node["settings"].get("by", {}).get("kind") == "weight":
            cases = [{"port": one["port"], "if": ""} for one in node["settings"]["by"]["branches"]]
            node["settings"] = {"by": {"kind": "case", "branches": cases}}
            behind = _behind(changed, node["id"], "a")
            changed["edges"].append({"from": node["id"], "port": "else", "to": behind})
        _settle(node, constants)
    return changed


def _settle(node: dict[str, Any], constants: Iterator[str]) -> None:
    """Put constants in the place of conditions, and plain settings in that of what depends on who is first."""
    own = node["settings"]
    for one in (own, *own.get("by", {}).get("branches", ())):
        if "if" in one:
            one["if"] = next(constants)
    if node["type"] == "merge":
        node["settings"] = {"split": own["split"], "mode": "all"}
    if node["type"] == "end":
        node["settings"] = {}
    if own.get("when", {}).get("for") == "2w":
        # Whoever goes before is through in the days that history looks back on.
        own["when"]["for"] = "2d"
    if own.get("late") == {"rule": "ask"}:
        own["late"] = {"rule": "skip"}


def _behind(definition: dict[str, Any], node_id: str, port: str) -> str:
    return next(edge["to"] for edge in definition["edges"] if (edge["from"], edge["port"]) == (node_id, port))


@given(
    definition=definitions(kinds=("tag", "wait", "anchor"), rules=False),
    answers=st.lists(st.booleans(), min_size=1, max_size=8),
    moments=st.integers(0, 6),
)
@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whoever_goes_the_way_of_others_is_forecast(
    definition: dict[str, Any], answers: list[bool], moments: int
) -> None:
    Instance.objects.all().delete()
    NodeExecution.objects.all().delete()
    vendor = a_vendor(now=NOW - timedelta(days=300))
    journey = journey_create(
        vendor=vendor,
        name="Random",
        definition=the_same_for_all(definition, answers),
        now=NOW - timedelta(days=300),
        actor=ACTOR,
    )
    journey_publish(journey=journey, now=NOW - timedelta(days=300), actor=ACTOR)
    journey.refresh_from_db()
    before = NOW - timedelta(days=80)
    enter(journey, a_couple(vendor, now=before, wedding_in=timedelta(days=30)), now=before)
    _go(before, until=NOW)
    enter(journey, a_couple(vendor, now=NOW, wedding_in=timedelta(days=30)), now=NOW)
    now = _go(NOW, until=NOW + timedelta(days=30), moments=moments) + timedelta(minutes=1)

    found = forecast(vendor=vendor, days=DAYS, now=now)

    expected = {day: round(sum(queues.values()), 3) for day, queues in forecasted(found).items()}
    happened = moved_through(now, DAYS, may_rest=True)
    # Not by queue: a token that came to a merge keeps the name of the queue it was last rung for in.
    assert expected == {day: sum(queues.values()) for day, queues in happened.items()}


def _go(at: datetime, *, until: datetime, moments: int = 1_000) -> datetime:
    """Go on from moment to moment, and give the last one."""
    run_until_idle(at)
    for _ in range(moments):
        following = next_moment(at, until=until)
        if following is None or following >= until:
            break
        at = following
        run_until_idle(at)
    return at
