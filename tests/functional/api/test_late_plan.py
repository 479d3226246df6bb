"""The plan of a passage that began late, over REST."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.models import Instance
from engine.services.instances import instance_start
from journeys import clock
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import run_until_idle
from tests.functional.api.calling import Caller


@pytest.fixture
def instance(api: Caller) -> Instance:
    now = clock.now()
    builder = (
        a_journey()
        .email("list", when={"kind": "anchor", "offset": "-90d"}, late={"rule": "skip"})
        .email("week", when={"kind": "anchor", "offset": "-7d"})
    )
    definition = {**builder.definition(), "late_start": {"show_plan": True, "gap": "2h"}}
    builder.definition = lambda: definition  # type: ignore[method-assign]
    started = instance_start(
        vendor=api.vendor,
        journey=builder.publish(api.vendor, now=now),
        client=a_couple(api.vendor, now=now, wedding_in=timedelta(days=40)),
        variables={},
        now=now,
        actor=ACTOR,
    )
    run_until_idle(now)
    return started


def test_plan_is_read_and_confirmed_once(api: Caller, instance: Instance) -> None:
    path = f"/api/journey-engine/instances/{instance.public_id}/plan"

    plan = api.get(path).json()
    assert (plan["status"], plan["gap_seconds"], plan["confirm_by"]) == ("waiting", 7200, None)
    assert [(one["node_id"], one["late"], one["will"]) for one in plan["steps"]] == [
        ("week", False, "planned"),
        ("list", True, "skip"),
    ]
    assert api.get(path.removesuffix("/plan")).json()["status"] == "paused"

    wrong = api.post(path, {"choices": {"week": "send"}})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "unknown_step")
    made = api.post(path, {"choices": {"list": "ask"}})
    assert (made.status_code, made.json()["status"]) == (200, "confirmed"), made.content
    again = api.post(path)
    assert (again.status_code, again.json()["code"]) == (409, "no_plan")
    assert api.get(path.removesuffix("/plan")).json()["status"] == "active"
