"""Turn the engine's loops by hand, at a time that the test chooses."""

from __future__ import annotations

from datetime import datetime

from engine.models import Schedule
from engine.services import dispatch, recovery, runner, waking

#: Far more rounds than any test needs; a journey that never rests is a fault.
MOST_ROUNDS = 500


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
