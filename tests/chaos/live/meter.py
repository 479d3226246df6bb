"""How much is done: counted in the database itself, by a thread of its own."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field

from psycopg import Error

from tests.chaos.live.stack import NeverCame, Stack, wait_for

#: What follows an event at once; what comes after a wait hangs on how the clock is moved.
AT_ONCE = (
    *("start", "mark", "seen", "welcome", "split", "letter", "text"),
    *("tell", "told", "offer"),
)
ENOUGH = 0.95
LIMIT_SECONDS = 60.0
#: Share of the load that must be kept up with undisturbed.
KEEPS_UP = 0.75

#: Steps at once of one event, by its topic.
STEPS = {"steady": 4, "fan": 4, "hook": 3, "offer": 2}

#: Steps at once that need no more doing. What people have cancelled or paused is not owed; what tickets hold is.
_DONE = """
WITH told AS (
    SELECT j.name, i.status IN ('cancelled', 'paused') AND i.paused_by <> 'ticket' AS withdrawn,
           (SELECT count(*) FROM engine_nodeexecution e
            WHERE e.instance_id = i.id AND e.status IN ('succeeded', 'skipped') AND e.node_id = ANY(%s)) AS done
    FROM engine_instance i JOIN journeys_journey j ON j.id = i.journey_id
    WHERE j.name = ANY(%s)
)
SELECT coalesce(sum(CASE WHEN withdrawn THEN greatest(done, (%s::jsonb ->> name)::int) ELSE done END), 0) FROM told
"""


@dataclass(frozen=True, slots=True)
class Recovery:
    """How the stack came back from one fault."""

    fault: str
    #: Steps a second before any fault.
    before: float
    #: The same in the 10 s behind the moment it had caught up.
    after: float
    #: Seconds from the fault's end until 95 % of what the time before promised was done; None for never.
    seconds: float | None


@dataclass(slots=True)
class Meter:
    """Samples of what was done by when (monotonic seconds)."""

    stack: Stack
    samples: list[tuple[float, int]] = field(default_factory=list)
    baseline: float = 0.0
    #: The machine kept up with the load before any fault; otherwise figures say nothing about faults.
    measures: bool = True
    recoveries: list[Recovery] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin to count, about once a second."""
        threading.Thread(target=self._count, daemon=True).start()

    def stop(self) -> None:
        """Count no more."""
        self._stop.set()

    def take_baseline(self, *, seconds: float, offered: float) -> float:
        """Measure undisturbed for so long and keep the rate; more than what is offered is work of before."""
        begun = time.monotonic()
        time.sleep(seconds)
        self.baseline = min(self.rate(begun, time.monotonic()), offered)
        self.measures = self.baseline >= offered * KEEPS_UP
        return self.baseline

    def done_at(self, moment: float) -> int:
        """Give what had been done by a moment, as far as it was counted."""
        return next((count for at, count in reversed(self.samples) if at <= moment), 0)

    def rate(self, since: float, until: float) -> float:
        """Give steps a second between two moments."""
        return (self.done_at(until) - self.done_at(since)) / max(until - since, 0.1)

    def watch_recovery(self, fault: str, *, begun: float) -> Recovery:
        """Wait until 95 % of what would have been done since the fault began is done, and write it down."""
        ended = time.monotonic()

        def caught_up() -> bool:
            # Some end only after the fault did, asked to stop by it.
            self.stack.look_after()
            now = self.samples[-1][0] if self.samples else 0.0
            owed = self.baseline * (now - begun) * ENOUGH
            return now > ended and self.done_at(now) - self.done_at(begun) >= owed

        try:
            wait_for(caught_up, seconds=LIMIT_SECONDS, what="it caught up", every=0.3)
            seconds: float | None = round(time.monotonic() - ended, 1)
        except NeverCame:
            seconds = None
        behind = time.monotonic()
        recovery = Recovery(fault, self.baseline, self.rate(begun, behind), seconds)
        self.recoveries.append(recovery)
        return recovery

    def _count(self) -> None:
        while not self._stop.wait(0.7):
            try:
                count = int(self.stack.ask(_DONE, list(AT_ONCE), list(STEPS), json.dumps(STEPS))[0][0])
            except Error:
                continue
            self.samples.append((time.monotonic(), count))
