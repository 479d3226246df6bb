"""Names of the queues in the broker: for each priority one for instant steps, and one for what travels alone.

Instant steps so never stand behind steps that wait for a provider, nor in the same processes. The `queue` of schedules
and of history is the priority, whatever carries it.
"""

from __future__ import annotations

from engine.services.priorities import QUEUES

_INSTANT = {queue: f"{queue}.steps" for queue in QUEUES}
#: Queues of instant steps, most urgent first.
STEP_QUEUES = tuple(_INSTANT.values())


def queue_for(queue: str, *, alone: bool) -> str:
    """Name the broker's queue for steps of a priority; what has an effect outside, or may kill its worker, is `alone`."""
    return queue if alone else _INSTANT[queue]
