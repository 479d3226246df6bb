"""People who pause, cancel, unsubscribe, move weddings and work on tickets while everything else goes on.

What they were told "done" about is written down with the engine's time of after the answer: from then on it holds.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from psycopg import Error

from tests.chaos.live.load import World, call
from tests.chaos.live.stack import TWILIO_FROM, Stack
from tests.fakes.callbacks import sign_twilio
from tests.fakes.provider import TWILIO_TOKEN

INSTANCES = "/api/journey-engine/instances"
TICKETS = "/api/journey-engine/tickets"
#: Ticket codes whose message may be at the provider: nobody sends such a one again.
NOT_AGAIN = frozenset({"in_doubt", "poison"})

_LIVE = """
SELECT i.public_id, w.public_id, w.date FROM engine_instance i
JOIN journeys_wedding w ON w.id = i.wedding_id JOIN journeys_journey j ON j.id = i.journey_id
WHERE i.status = 'active' AND j.name NOT IN ('exact', 'poison', 'neighbor') ORDER BY i.id DESC LIMIT 40
"""

#: Weddings of people who have had a text: nobody answers STOP to nothing.
_TEXTED = """
SELECT w.public_id FROM channels_message m JOIN journeys_wedding w ON w.client_id = m.client_id
WHERE m.channel = 'sms' AND m.status = 'accepted' ORDER BY m.id DESC LIMIT 40
"""


@dataclass(slots=True)
class People:
    """A thread of deeds, one after the other, chosen by chance."""

    stack: Stack
    world: World
    rng: random.Random
    every: float = 1.0
    done: Counter[str] = field(default_factory=Counter)
    paused: dict[str, str] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, with everybody on their way again."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=60)
        for instance in list(self.paused):
            self._resume(instance)

    def _go_on(self) -> None:
        deeds = [
            self._pause,
            self._pause,
            self._resume_one,
            self._cancel,
            self._stop_texts,
            self._move,
            self._tickets,
        ]
        while not self._stop.wait(self.every):
            try:
                self.rng.choice(deeds)()
            except Error:
                continue

    def _somebody(self) -> tuple[Any, ...] | None:
        rows = self.stack.ask(_LIVE)
        return self.rng.choice(rows) if rows else None

    def _note(self, kind: str, **entry: Any) -> None:
        self.done[kind] += 1
        self.stack.note("acknowledged.jsonl", kind=kind, at=self.stack.engine_time(), **entry)

    def _post(self, path: str, body: Any) -> bool:
        status, _ = call("POST", self.stack, path, body, headers=self.world.auth)
        return 200 <= status < 300

    def _pause(self) -> None:
        found = self._somebody()
        if found and self._post(f"{INSTANCES}/{found[0]}/pause", {"reason": "chaos"}):
            self.paused[found[0]] = self.stack.engine_time()

    def _resume_one(self) -> None:
        if self.paused:
            self._resume(self.rng.choice(list(self.paused)))

    def _resume(self, instance: str) -> None:
        before = self.stack.engine_time()
        for _ in range(20):
            status, _ = call(
                "POST", self.stack, f"{INSTANCES}/{instance}/resume", {}, headers=self.world.auth
            )
            if status:
                break
            self._stop.wait(0.5)
        since = self.paused.pop(instance)
        self.done["paused and resumed"] += 1
        self.stack.note("acknowledged.jsonl", kind="paused", instance=instance, at=since, until=before)

    def _cancel(self) -> None:
        found = self._somebody()
        if found and self._post(f"{INSTANCES}/{found[0]}/cancel", {"reason": "chaos"}):
            self._note("cancelled", instance=found[0])

    def _stop_texts(self) -> None:
        texted = [self.world.phones[row[0]] for row in self.stack.ask(_TEXTED) if row[0] in self.world.phones]
        if not texted:
            return
        phone = self.rng.choice(texted)
        form = {
            "MessageSid": f"SM{self.rng.getrandbits(128):032x}",
            "From": phone,
            "To": TWILIO_FROM,
            "Body": "STOP",
        }
        headers, body = sign_twilio(f"{self.stack.web}/hooks/twilio", form, token=TWILIO_TOKEN)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        status, _ = call("POST", self.stack, "/hooks/twilio", body, headers=headers)
        if 200 <= status < 300:
            self._note("stopped", phone=phone)

    def _move(self) -> None:
        found = self._somebody()
        if not found or not isinstance(found[2], date):
            return
        to = found[2] + timedelta(days=self.rng.randrange(-5, 20))
        if self._post(f"/api/weddings/{found[1]}/reschedule", {"date": to.isoformat()}):
            self.done["wedding moved"] += 1

    def _tickets(self) -> None:
        self.work_tickets()

    def resume_all(self) -> None:
        """Resume whoever is paused: some pauses were done, and nobody heard of it."""
        for (instance,) in self.stack.ask("SELECT public_id FROM engine_instance WHERE status = 'paused'"):
            self._post(f"{INSTANCES}/{instance}/resume", {})

    def work_tickets(self, *, at_most: int = 5) -> int:
        """Settle open tickets: what can not be there twice is done again, the rest is skipped."""
        status, answer = call("GET", self.stack, f"{TICKETS}?status=open&limit=50", headers=self.world.auth)
        if status != 200 or not isinstance(answer, dict):
            return 0
        settled = 0
        for ticket in answer["results"][:at_most]:
            deed = "skip" if ticket.get("code") in NOT_AGAIN else "retry"
            if self._post(f"{TICKETS}/{ticket['id']}/{deed}", None):
                self.done[f"ticket {ticket.get('code')}: {deed}"] += 1
                settled += 1
        return settled
