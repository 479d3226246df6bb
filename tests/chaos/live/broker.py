"""What can become of bells on their way: lost, rung ten times, in another order, late, from yesterday."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import redis

from tests.chaos.live.stack import Stack

QUEUES = ("critical", "high", "medium", "low")
#: Old bells that are kept to be rung again another day.
KEPT = 400


class Bells:
    """The queues' own lists in Redis."""

    def __init__(self, stack: Stack, rng: random.Random) -> None:
        self.stack, self.rng = stack, rng
        self.old: list[tuple[str, bytes]] = []

    def for_a_while(self, seconds: float) -> Iterator[redis.Redis]:
        """Give a connection again and again, as fast as bells are to be meddled with."""
        deadline = time.monotonic() + seconds
        with self.stack.broker() as client:
            while time.monotonic() < deadline:
                yield client
                time.sleep(0.004)

    def take(self, client: redis.Redis) -> list[tuple[str, bytes]]:
        """Take everything that waits in the queues of steps."""
        taken = []
        for queue in QUEUES:
            while (bell := client.rpop(queue)) is not None:
                taken.append((queue, bytes(bell)))  # type: ignore[arg-type]
        self.old = (self.old + taken)[-KEPT:]
        return taken

    @staticmethod
    def put(client: redis.Redis, bells: list[tuple[str, bytes]]) -> None:
        """Put them back in this order."""
        for queue, bell in bells:
            client.lpush(queue, bell)

    def lose(self, seconds: float, *, share: float) -> int:
        """Lose this share of all bells for so long."""
        lost = 0
        for client in self.for_a_while(seconds):
            taken = self.take(client)
            kept = [one for one in taken if self.rng.random() >= share]
            lost += len(taken) - len(kept)
            self.put(client, kept)
            if kept:
                time.sleep(0.02)
        return lost

    def multiply(self, seconds: float, *, times: int) -> int:
        """Ring each bell that is caught so many times."""
        known: set[bytes] = set()
        for client in self.for_a_while(seconds):
            taken = self.take(client)
            # Not what has been multiplied before: ten times ten times ten is another fault.
            self.put(client, [one for one in taken for _ in range(1 if one[1] in known else times)])
            known.update(bell for _, bell in taken)
            if taken:
                time.sleep(0.2)
        return len(known)

    def reorder(self, seconds: float) -> int:
        """Gather bells for a moment and put them back in any order."""
        caught = 0
        for client in self.for_a_while(seconds):
            taken = self.take(client)
            time.sleep(0.15)
            taken += self.take(client)
            self.rng.shuffle(taken)
            self.put(client, taken)
            caught += len(taken)
            time.sleep(0.4)
        return caught

    def delay(self, seconds: float, *, by: float) -> int:
        """Hold every bell back for so long."""
        held: list[tuple[float, tuple[str, bytes]]] = []
        caught = 0
        for client in self.for_a_while(seconds + by):
            now = time.monotonic()
            due = [bell for at, bell in held if at <= now]
            held = [(at, bell) for at, bell in held if at > now]
            taken = self.take(client)
            held += [(now + by, bell) for bell in taken]
            caught += len(taken)
            self.put(client, due)
            if due:
                time.sleep(0.05)
        with self.stack.broker() as client:
            self.put(client, [bell for _, bell in held])
        return caught

    def from_yesterday(self) -> int:
        """Ring all old bells that were kept, once more."""
        with self.stack.broker() as client:
            old = list(self.old)
            self.rng.shuffle(old)
            self.put(client, old)
        return len(old)
