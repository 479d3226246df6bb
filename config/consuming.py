"""How workers come back to a broker that was away."""

from __future__ import annotations

from functools import partial
from typing import Any

from celery.worker import consumer

#: Pauses between attempts, in seconds. Celery's own grow to half a minute, in which a broker that is back has no reader.
SOONEST, STEP, LATEST = 0.5, 0.5, 3.0


class Consumer(consumer.Consumer):
    """Takes messages, and looks every few seconds whether the broker is back."""

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, again and again until it succeeds; give the connection."""
        conn.ensure_connection = partial(
            conn.ensure_connection, interval_start=SOONEST, interval_step=STEP, interval_max=LATEST
        )
        return super().ensure_connected(conn)
