"""Switch queue processing on and off, and say how the queues stand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from engine.models import Heartbeat, QueueControl
from engine.services import dispatch, recovery
from engine.services.priorities import QUEUES, queue_span
from journeys.services import audit

_STANDING = """
SELECT
    count(*) FILTER (WHERE s.state = 'waiting'),
    count(*) FILTER (WHERE s.state = 'queued'),
    count(*) FILTER (WHERE s.state = 'running'),
    EXTRACT(EPOCH FROM %(now)s - min(s.due_at))
FROM engine_schedule s JOIN engine_instance i ON i.id = s.instance_id AND i.status = 'active'
WHERE s.state IN ('waiting', 'queued', 'running') AND s.due_at <= %(now)s
  AND (s.wedding_at > %(after)s AND s.wedding_at <= %(until)s
       OR %(rest)s AND (s.wedding_at IS NULL OR s.wedding_at <= %(now)s - interval '1 day'))
"""


def _switch(*, running: bool, action: str, now: datetime, actor: str) -> QueueControl:
    with transaction.atomic():
        control, _ = QueueControl.objects.select_for_update().get_or_create(id=1)
        control.running, control.changed_at, control.changed_by = running, now, actor[:100]
        control.save()
        audit.record(vendor=None, actor=actor, action=action, obj=control, now=now)
    return control


def queue_start(*, now: datetime, actor: str) -> QueueControl:
    """Switch queue processing on; what is due is dispatched at once. On already, it stays on."""
    control = _switch(running=True, action="queue.started", now=now, actor=actor)
    dispatch.dispatch(now=now)
    return control


def queue_stop(*, now: datetime, actor: str) -> QueueControl:
    """Switch queue processing off: steps that are being carried out end, no other begins."""
    return _switch(running=False, action="queue.stopped", now=now, actor=actor)


def queue_restart(*, now: datetime, actor: str) -> QueueControl:
    """Take back every bell that nobody answered yet and ring anew, with processing on."""
    control = _switch(running=True, action="queue.restarted", now=now, actor=actor)
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE engine_schedule SET state = 'waiting', lease_until = NULL, fence = fence + 1
               WHERE state = 'queued'"""
        )
    recovery.sweep()
    dispatch.dispatch(now=now)
    return control


def queue_status(*, now: datetime) -> dict[str, Any]:
    """Give, for each queue, what is due, rung for and running, and the age of the oldest due step in seconds."""
    control = QueueControl.objects.filter(id=1).first()
    queues = []
    with connection.cursor() as cursor:
        for queue in QUEUES:
            after, until = queue_span(queue)
            cursor.execute(
                _STANDING, {"now": now, "after": now + after, "until": now + until, "rest": queue == "low"}
            )
            waiting, queued, running, oldest = cursor.fetchone()
            queues.append(
                {
                    "queue": queue,
                    "due": waiting,
                    "queued": queued,
                    "running": running,
                    "oldest_seconds": round(float(oldest or 0), 3),
                }
            )
    return {
        "running": control.running if control else True,
        "changed_at": control.changed_at if control else None,
        "queues": queues,
        "workers": list(
            Heartbeat.objects.filter(name__startswith="worker:").values("name", "beat_at", "detail")
        ),
    }
