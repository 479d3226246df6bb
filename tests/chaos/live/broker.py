"""What can become of bells on their way: lost, rung ten times, in another order, late, from yesterday.

It happens in the wire between the engine and Redis, where a bell passes as a command: in a queue nobody would ever see
one, for workers wait there already. Whoever rings hears what Redis answers to a push in any case: a number.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.broker_queues import STEP_QUEUES
from engine.services import priorities
from tests.chaos.live.stack import Stack

QUEUES = frozenset(name.encode() for name in (*priorities.QUEUES, *STEP_QUEUES))
#: Old bells that are kept to be rung again another day.
KEPT = 400

#: A queue and what is pushed into it.
Bell = tuple[bytes, bytes]
#: What becomes of a bell: what is pushed in its place, as often as it stands there.
Deed = Callable[[Bell], Sequence[bytes]]


def encode(*words: bytes) -> bytes:
    """Write one command as Redis' protocol has it."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Commands:
    """One client's stream of commands, taken apart however it is cut into pieces."""

    def __init__(self, meet: Deed) -> None:
        """Ask `meet` what becomes of each bell."""
        self.meet = meet
        self._rest = bytearray()
        self._is_in_transaction = False
        #: This client speaks something else; it is left in peace.
        self._is_foreign = False

    def __call__(self, piece: bytes) -> bytes:
        """Take a piece in and give what may go on: whole commands only."""
        if self._is_foreign:
            return piece
        self._rest += piece
        out = bytearray()
        at = 0
        while at < len(self._rest):
            if self._rest[at : at + 1] != b"*":
                self._is_foreign = True
                out += self._rest[at:]
                at = len(self._rest)
                break
            found = _one_command(self._rest, at)
            if found is None:
                break
            words, end = found
            out += self._instead_of(words) or self._rest[at:end]
            at = end
        del self._rest[:at]
        return bytes(out)

    def _instead_of(self, words: Sequence[bytes]) -> bytes | None:
        """Give the one command that goes on in the place of a push of bells; None where nothing changes.

        Whoever pushed waits for one answer, which is a number in any case.
        """
        name = words[0].upper() if words else b""
        if name in {b"MULTI", b"EXEC", b"DISCARD"}:
            self._is_in_transaction = name == b"MULTI"
        # What Redis is to do as a whole is a worker putting back what it had not acknowledged.
        if name != b"LPUSH" or words[1] not in QUEUES or self._is_in_transaction:
            return None
        queue, bells = words[1], list(words[2:])
        going_on = [pushed for bell in bells for pushed in self.meet((queue, bell))]
        if going_on == bells:
            return None
        return encode(b"LPUSH", queue, *going_on) if going_on else encode(b"LLEN", queue)


def _one_command(stream: bytearray, at: int) -> tuple[list[bytes], int] | None:
    """Read the command that begins at a place, and where it ends; None when its end has not come yet."""
    line = _line(stream, at)
    if line is None:
        return None
    number, at = line
    words = []
    for _ in range(number):
        line = _line(stream, at)
        if line is None:
            return None
        length, at = line
        if at + length + 2 > len(stream):
            return None
        words.append(bytes(stream[at : at + length]))
        at += length + 2
    return words, at


def _line(stream: bytearray, at: int) -> tuple[int, int] | None:
    """Read a number behind its mark, and where the next line begins."""
    end = stream.find(b"\r\n", at)
    return None if end < 0 else (int(stream[at + 1 : end]), end + 2)


@dataclass(slots=True)
class Bells:
    """All bells that pass, and what is done to them at the moment."""

    stack: Stack
    rng: random.Random
    #: None lets everything pass.
    _deed: Deed | None = None
    _hits: int = 0
    _held: list[tuple[float, Bell]] = field(default_factory=list)
    _old: deque[Bell] = field(default_factory=lambda: deque(maxlen=KEPT))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Listen from the first bell on."""
        self.stack.to_redis.translator = lambda: Commands(self._meet)

    def lose(self, hold: Callable[[float], None], seconds: float, *, share: float) -> int:
        """Lose this share of all bells for so long; give how many that were."""
        return self._do(lambda bell: [] if self.rng.random() < share else [bell[1]], hold, seconds)

    def multiply(self, hold: Callable[[float], None], seconds: float, *, times: int) -> int:
        """Ring each bell so many times."""
        return self._do(lambda bell: [bell[1]] * times, hold, seconds)

    def reorder(self, hold: Callable[[float], None], seconds: float, *, gather: float = 0.8) -> int:
        """Gather bells for a moment and let them go in any order."""

        def gathered(pause: float) -> None:
            deadline = time.monotonic() + pause
            while time.monotonic() < deadline:
                hold(gather)
                self._let_go(shuffled=True)

        hits = self._do(self._hold_back, gathered, seconds)
        self._let_go(shuffled=True)
        return hits

    def delay(self, hold: Callable[[float], None], seconds: float, *, by: float) -> int:
        """Hold every bell back for so long."""

        def delayed(pause: float) -> None:
            deadline = time.monotonic() + pause
            while time.monotonic() < deadline:
                hold(0.2)
                self._let_go(of_before=time.monotonic() - by)

        hits = self._do(self._hold_back, delayed, seconds)
        # Those that came last are as late as the others.
        delayed(by)
        self._let_go()
        return hits

    def from_yesterday(self) -> int:
        """Ring all old bells that were kept, once more, in any order."""
        with self._lock:
            old = list(self._old)
        self.rng.shuffle(old)
        self._push(old)
        return len(old)

    def _do(self, deed: Deed, hold: Callable[[float], None], seconds: float) -> int:
        self._hits, self._deed = 0, deed
        try:
            hold(seconds)
        finally:
            self._deed = None
        return self._hits

    def _meet(self, bell: Bell) -> Sequence[bytes]:
        """Do to a bell what is done at the moment; called by the wire."""
        with self._lock:
            self._old.append(bell)
        deed = self._deed
        pushed = deed(bell) if deed is not None else [bell[1]]
        self._hits += list(pushed) != [bell[1]]
        return pushed

    def _hold_back(self, bell: Bell) -> Sequence[bytes]:
        with self._lock:
            self._held.append((time.monotonic(), bell))
        return []

    def _let_go(self, *, of_before: float = float("inf"), shuffled: bool = False) -> None:
        with self._lock:
            due = [bell for at, bell in self._held if at <= of_before]
            self._held = [one for one in self._held if one[0] > of_before]
        if shuffled:
            self.rng.shuffle(due)
        self._push(due)

    def _push(self, bells: Sequence[Bell]) -> None:
        """Push them around the wire, so that nothing meets them again."""
        with self.stack.broker() as client:
            for queue, bell in bells:
                client.lpush(queue, bell)
