"""A process that dies at a named point: for tests only, the product knows nothing of it.

Started once (`python -m tests.chaos.crashing`), it loads everything, opens nothing, and then forks a child for each
order on its standard input: `{"point": …, "hit": n, "task": …}`. The child dies by os._exit when it comes to the
point for the n-th time, without a rollback, a log line or a goodbye, as after kill -9. The answer is its exit code.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

DIED = 137

#: Point → (module, attribute, whether it dies before or after the call).
POINTS: dict[str, tuple[str, str, str]] = {
    "before the claim": ("engine.services.runner", "claim", "before"),
    "after the claim": ("engine.services.runner", "claim", "after"),
    "before the ledger's commit": ("engine.services.delivering", "Delivery.begin", "after"),
    "after the ledger's commit": ("engine.services.delivering", "Delivery.carry_out", "before"),
    "before the provider is called": ("channels.adapters.sendgrid", "SendGrid.send", "before"),
    "after the provider answered": ("channels.adapters.sendgrid", "SendGrid.send", "after"),
    "before the result is written": ("engine.services.runner", "write", "before"),
    "after the result is written, before its commit": ("engine.services.runner", "write", "after"),
    "after the commit, before the bell": ("engine.bells", "ring", "before"),
    "after the bell": ("engine.bells", "ring", "after"),
    "after an instance is placed, before its commit": (
        "engine.services.dispatch",
        "offer_on_commit",
        "after",
    ),
}


class _Countdown:
    """Die at the n-th call."""

    def __init__(self, hit: int) -> None:
        self.left = hit

    def wrap(self, call: Callable[..., Any], *, when: str) -> Callable[..., Any]:
        def dying(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left:
                return call(*args, **kwargs)
            if when == "after":
                call(*args, **kwargs)
            os._exit(DIED)

        return dying


def _arm(point: str, hit: int) -> None:
    from importlib import import_module

    module_name, path, when = POINTS[point]
    owner: Any = import_module(module_name)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    found = owner.__dict__[name]
    countdown = _Countdown(hit)
    if isinstance(found, classmethod):
        bound = countdown.wrap(found.__func__, when=when)
        setattr(owner, name, classmethod(bound))
    else:
        setattr(owner, name, countdown.wrap(found, when=when))


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
    from tests.drive import run_until_idle

    run_until_idle(now)


TASKS = {"start": _start, "work": _work}


def _carry_out(order: dict[str, Any]) -> None:
    _arm(order["point"], order["hit"])
    TASKS[order["task"]](order, datetime.fromisoformat(order["now"]))


def main() -> None:
    """Answer orders until the input ends."""
    import django

    django.setup()
    # Whatever a child would have to load first.
    from channels.registry import adapters
    from engine.services import runner, triggering  # noqa: F401
    from journeys.language.registry import node_types, trigger_types
    from tests import drive  # noqa: F401

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
