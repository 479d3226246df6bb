"""Everything that is done to the stack: each fault under a name, begun and ended by the main thread."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.live import load
from tests.chaos.live.broker import Bells
from tests.chaos.live.people import People
from tests.chaos.live.stack import NeverCame, Stack, wait_for

#: Longer than the lease of the stack's processes (tests.chaos.live.settings).
PAST_THE_LEASE = 15.0
#: Seconds that most faults last.
WHILE = 5.0


@dataclass(slots=True)
class Chaos:
    """What a fault may lay hands on."""

    stack: Stack
    world: load.World
    load: load.Load
    people: People
    rng: random.Random
    bells: Bells
    #: Whether the long form of a fault is asked for.
    long: bool = True
    #: Instances of the exact journey, by the fault that went on meanwhile.
    exact: dict[str, list[str]] = field(default_factory=dict)
    #: What a fault wants to be told in the report.
    remarks: dict[str, str] = field(default_factory=dict)
    #: Faults that could not be done as they say, and why: such a run proves nothing, and fails.
    undone: list[str] = field(default_factory=list)

    def remark(self, name: str, text: str) -> None:
        self.remarks[name] = text

    def hit(self, name: str, times: int, what: str) -> None:
        """Tell how often a fault hit something; one that hit nothing was none."""
        self.remark(name, f"{times} {what}")
        if not times:
            raise NeverCame("It hit nothing.")

    def until_exact_ended(self) -> None:
        """Wait until the exact journeys have ended, so that no other fault meets them."""
        ids = [public_id for group in self.exact.values() for public_id in group]
        sql = "SELECT 1 FROM engine_instance WHERE public_id = ANY(%s) AND status = 'active' LIMIT 1"

        def ended() -> bool:
            self.stack.look_after()
            return not self.stack.ask(sql, ids)

        wait_for(ended, seconds=120, what="the exact journeys ended", every=0.5)

    def hold(self, seconds: float = WHILE) -> None:
        """Let time pass while a supervisor starts what has died."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.stack.look_after()
            time.sleep(min(0.3, max(deadline - time.monotonic(), 0)))


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which things go wrong."""

    name: str
    act: Callable[[Chaos], None]
    #: Part of the short form.
    quick: bool
    #: What is done must be caught up with within a minute of its end.
    measured: bool


FAULTS: dict[str, Fault] = {}


def fault(
    *, quick: bool = False, measured: bool = True
) -> Callable[[Callable[[Chaos], None]], Callable[[Chaos], None]]:
    """Enter a function into the list of faults, under its name."""

    def enter(act: Callable[[Chaos], None]) -> Callable[[Chaos], None]:
        name = act.__name__.replace("_", " ")
        FAULTS[name] = Fault(name, act, quick, measured)
        return act

    return enter
