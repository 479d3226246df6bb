"""Children that die at the n-th passing of a point, forked from a process that has loaded everything.

Started once (`python -m tests.chaos.forking`), it opens nothing, and forks a child for each order on its standard
input: `{"point": …, "hit": n, "task": …}`. The answer is the child's exit code: DIED when it came to the point so often.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

from tests.chaos.crashing import prepare
from tests.chaos.points import POINTS, Point

DIED = 137


class Countdown:
    """Die at the n-th time."""

    def __init__(self, hit: int) -> None:
        self.left = hit

    def may_come(self, point: Point) -> bool:
        del point
        return True

    def is_now(self, point: Point) -> bool:
        del point
        self.left -= 1
        return self.left == 0

    def die(self, point: Point) -> NoReturn:
        del point
        os._exit(DIED)


def _start(order: dict[str, Any], now: datetime) -> None:
    from engine.services.triggering import event_receive
    from journeys.models import Client

    couple = Client.objects.get(public_id=order["client"])
    event_receive(
        vendor=couple.vendor,
        type="payment_received",
        event_id=order["event_id"],
        client=couple,
        topic="deposit",
        payload={"amount": 1, "currency": "EUR"},
        now=now,
        actor="test",
    )


def _work(order: dict[str, Any], now: datetime) -> None:
    del order
    from tests.drive import run_until_idle

    run_until_idle(now)


def _letters(order: dict[str, Any], now: datetime) -> None:
    del order
    from tests.meets import send_letters

    send_letters(now)


TASKS: dict[str, Callable[[dict[str, Any], datetime], None]] = {
    "start": _start,
    "work": _work,
    "letters": _letters,
}


def _carry_out(order: dict[str, Any]) -> None:
    prepare(tuple(point for point in POINTS if point.name == order["point"]), Countdown(order["hit"]))
    TASKS[order["task"]](order, datetime.fromisoformat(order["now"]))


def main() -> None:
    """Answer orders until the input ends."""
    import django

    django.setup()
    # Whatever a child would have to load first.
    from channels.registry import adapters
    from engine.services import runner, triggering  # noqa: F401
    from journeys.language.registry import node_types, trigger_types
    from tests import drive, meets  # noqa: F401

    adapters(), node_types.types(), trigger_types.types()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            code = 1
            try:
                _carry_out(order)
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
