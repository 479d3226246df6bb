"""What is measured at every tick."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog

from engine.services.control import queue_status

log = structlog.get_logger(__name__)


def measure(*, now: datetime) -> dict[str, Any]:
    """Give depth and oldest age of each queue, for the heartbeat's detail; a second call measures anew."""
    status = queue_status(now=now)
    depths = {one["queue"]: one["due"] + one["queued"] + one["running"] for one in status["queues"]}
    oldest = max((one["oldest_seconds"] for one in status["queues"]), default=0.0)
    log.debug("monitoring.measured", oldest_seconds=oldest, **depths)
    return {"depth": depths, "oldest_seconds": oldest, "running": status["running"]}
