"""Let couples in, and turn the engine's loops by hand, at a time that the test chooses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.models import Instance, Schedule
from engine.services import dispatch, recovery, runner, waking
from engine.services.instances import instance_start
from journeys.models import Client, Journey
from tests.builders import ACTOR

#: Far more rounds than any test needs; a journey that never rests is a fault.
MOST_ROUNDS = 500


def enter(journey: Journey, client: Client, *, now: datetime, **variables: Any) -> Instance:
    """Let a client enter a published journey; nothing is carried out yet."""
    return instance_start(
        vendor=journey.vendor, journey=journey, client=client, variables=variables, now=now, actor=ACTOR
    )


def bells() -> list[tuple[int, int]]:
    """Give what has been rung for and not yet taken."""
    return list(
        Schedule.objects.filter(state=Schedule.State.QUEUED).order_by("id").values_list("id", "fence")
    )


def run_until_idle(now: datetime) -> int:
    """Dispatch and carry out until nothing is due at `now`; return how many steps were committed."""
    done = 0
    for _ in range(MOST_ROUNDS):
        recovery.sweep()
        waking.process(now=now)
        dispatch.dispatch(now=now)
        places = bells()
        if not places:
            return done
        done += runner.run(places=places, now=now)
    message = f"The engine was not at rest after {MOST_ROUNDS} rounds."
    raise AssertionError(message)
