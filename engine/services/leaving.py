"""Write into history that tokens were taken away from where they stood."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.graphs import graph_of
from engine.models import Instance, NodeExecution, Schedule
from journeys.language.errors import LanguageError


def write_left(
    schedules: Sequence[Schedule], *, instance: Instance, status: str, reason: str, now: datetime
) -> None:
    """Write a row of history for each token that leaves its place without its step; the caller removes the tokens.

    Inside the caller's transaction, which holds the instance's lock. A version that can not be read any more leaves
    the types of its steps empty. A second call writes them again.
    """
    NodeExecution.objects.bulk_create(
        left_rows(schedules, instance=instance, status=status, reason=reason, now=now)
    )


def left_rows(
    schedules: Sequence[Schedule], *, instance: Instance, status: str, reason: str, now: datetime
) -> list[NodeExecution]:
    """Give those rows without writing them."""
    types = _types(instance)
    return [
        NodeExecution(
            vendor_id=instance.vendor_id,
            instance=instance,
            schedule_id=schedule.id,
            version_id=instance.version_id,
            node_id=schedule.node_id,
            node_type=types.get(schedule.node_id, ""),
            branch=schedule.branch,
            visit=schedule.visit,
            attempt=max(schedule.attempt, 1),
            status=status,
            reason=reason[:300],
            queue=schedule.queue,
            due_at=schedule.due_at or now,
            ready_at=now,
            started_at=now,
            at=now,
        )
        for schedule in schedules
    ]


def _types(instance: Instance) -> dict[str, str]:
    try:
        return {node.id: node.type for node in graph_of(instance.version_id).nodes.values()}
    except LanguageError:
        return {}
