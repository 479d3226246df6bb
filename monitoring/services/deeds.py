"""Do one thing to many instances; what one refuses does not stop the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from engine.models import Instance
from engine.services.instances import instance_cancel, instance_pause, instance_resume, instance_retry
from journeys.errors import ServiceError


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that can be done to an instance."""

    do: Callable[..., Instance]
    #: What was done, in the past: "Paused 3 journeys."
    done: str
    #: It can not be undone.
    final: bool = False


DEEDS: dict[str, Deed] = {
    "pause": Deed(instance_pause, "Paused"),
    "resume": Deed(instance_resume, "Resumed"),
    "retry": Deed(instance_retry, "Tried again:"),
    "cancel": Deed(instance_cancel, "Stopped", final=True),
}


@dataclass(slots=True)
class Outcome:
    """What became of the instances."""

    done: int = 0
    #: The sentence of each refusal, and how often it was said.
    refused: Counter[str] = field(default_factory=Counter)


def act(*, deed: Deed, instances: Sequence[Instance], now: datetime, actor: str) -> Outcome:
    """Do it to each instance in its own transaction; doing it twice changes nothing more."""
    outcome = Outcome()
    for instance in instances:
        try:
            deed.do(
                instance=instance, now=now, actor=actor, reason=f"{deed.done.rstrip(':')} on the monitor."
            )
        except ServiceError as refusal:
            outcome.refused[refusal.message] += 1
        else:
            outcome.done += 1
    return outcome
