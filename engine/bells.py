"""Ring for work: the only place that speaks to Celery's broker.

A bell carries places (schedule id and fence), and whether its place travels alone. A lost bell costs a moment: the
sweep finds the row when its bell's lease ends.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from redis.exceptions import RedisError

from engine.broker_queues import queue_for
from engine.posting import post

log = structlog.get_logger(__name__)

#: Name of the task that carries out steps.
EXECUTE = "engine.execute"
#: A broker that fails only after so long is silent, and not asked again for a while: the dispatcher rings then.
SLOW_SECONDS, LEFT_ALONE_SECONDS = 1.0, 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """A schedule that was rung for."""

    schedule_id: int
    fence: int
    queue: str
    #: It has an effect outside, or was claimed before without a result: it travels alone.
    outside: bool


@dataclass(slots=True)
class _Patience:
    """Until when this process leaves the broker alone, by its monotonic clock."""

    gone_until: float = 0.0


_patience = _Patience()


def batches(places: Iterable[Place]) -> list[list[Place]]:
    """Group places of one queue into what travels in one task.

    A step with an outside effect travels alone; instant ones up to QUEUE_BATCH_SIZE together.
    """
    groups: list[list[Place]] = []
    open_groups: dict[str, list[Place]] = {}
    for place in places:
        if place.outside:
            groups.append([place])
            continue
        group = open_groups.get(place.queue)
        if group is None or len(group) >= settings.QUEUE_BATCH_SIZE:
            group = []
            open_groups[place.queue] = group
            groups.append(group)
        group.append(place)
    return groups


def bell(group: Sequence[Place]) -> tuple[str, dict[str, Any]]:
    """Write the bell for places that travel together: the broker's queue, and what the task is told."""
    alone = group[0].outside
    told: dict[str, Any] = {"places": [[place.schedule_id, place.fence] for place in group]}
    if alone:
        told["alone"] = True
    return queue_for(group[0].queue, alone=alone), told


def ring(places: Sequence[Place]) -> None:
    """Ring for places that were committed as queued; a broker that can not be reached is not an error."""
    if not places or time.monotonic() < _patience.gone_until:
        return
    begun = time.monotonic()
    try:
        post(EXECUTE, [bell(group) for group in batches(places)])
    except (RedisError, OSError) as error:
        log.warning("bell_not_rung", places=len(places), error=type(error).__name__)
        if time.monotonic() - begun > SLOW_SECONDS:
            _patience.gone_until = time.monotonic() + LEFT_ALONE_SECONDS


def ring_on_commit(places: Sequence[Place]) -> None:
    """Ring when the surrounding transaction commits."""
    if places:
        transaction.on_commit(lambda: ring(places), robust=True)
