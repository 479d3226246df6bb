"""The stage on which scenes are played: a couple, a provider with a ledger, and ways to hold a call open or to die."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from unittest import mock

from engine.models import Instance
from engine.services import runner
from journeys.models import Client, Journey, Vendor
from tests.builders import JourneyBuilder
from tests.chaos.ledger import completed_twice
from tests.drive import bells, enter
from tests.fakes.provider import FakeProvider
from tests.racing import WAIT_SECONDS, Threads


class Promise(StrEnum):
    """What must hold whatever happens."""

    SENT_ONCE = "A message reaches a person once"
    DONE_ONCE = "A place is completed once"
    NOT_LOST = "A passage comes to its end, or to a person"
    NOT_EARLY = "Nothing is done before its time"
    NEWEST_DATE = "What hangs on a date stands by the newest one"
    CONSENT = "Nothing goes out after an opt-out, a pause or an exit"
    NO_NEEDLESS_DOUBT = "A worker that lives keeps its step"
    STARTED_ONCE = "An event starts a passage once"
    ENTERED_ONCE = "A client is in a journey once"
    ANY_ORDER = "Reports come to the same in any order"
    COUNTED_ONCE = "A report counts once"
    ONE_ID = "A webhook goes out under one id"
    LEFT_ALONE = "An account that does not work is left alone, but for one probe at a time"


class Death(BaseException):
    """A process ends here: what it had not committed is gone, what it had sent is sent."""


@dataclass
class Stage:
    """Who plays."""

    vendor: Vendor
    couple: Client
    now: datetime
    provider: FakeProvider
    threads: Threads = field(default_factory=Threads)

    def begin(self, call: Callable[[], Any]) -> Future[Any]:
        """Run a call in a thread that gives its connection back."""
        return self.threads.begin(call)

    def start(self, builder: JourneyBuilder, **fields: Any) -> Instance:
        """Publish a journey and let the couple in; its start is carried out."""
        instance = self.enter(builder.publish(self.vendor, now=self.now, **fields))
        runner.run(places=bells(), now=self.now)
        return instance

    def enter(self, journey: Journey) -> Instance:
        """Let the couple into a journey."""
        return enter(journey, self.couple, now=self.now)

    def work(self) -> None:
        """Be a worker that hears all bells, and may die of it."""
        with suppress(Death):
            runner.run(places=bells(), now=self.now)

    def broken(self) -> set[Promise]:
        """Compare the provider's ledger with the engine's, after everything had time to heal."""
        found: set[Promise] = set()
        taken = Counter((entry["to"], entry["subject"]) for entry in self.provider.accepted())
        if any(times > 1 for times in taken.values()):
            found.add(Promise.SENT_ONCE)
        if completed_twice():
            found.add(Promise.DONE_ONCE)
        if Instance.objects.filter(status__in=Instance.LIVE).exists():
            found.add(Promise.NOT_LOST)
        return found


class Gate:
    """Hold a call open: `entered` is set when somebody is there, who goes on after `go_on`."""

    def __init__(self) -> None:
        self.entered, self.go_on = threading.Event(), threading.Event()

    def hold(self) -> None:
        """Wait here, the first one who comes only."""
        if not self.entered.is_set():
            self.entered.set()
            assert self.go_on.wait(WAIT_SECONDS)

    def reached(self) -> None:
        """Wait until somebody is there."""
        assert self.entered.wait(WAIT_SECONDS)


@contextmanager
def at(owner: Any, name: str, *, before: Any = None, after: Any = None) -> Iterator[None]:
    """Do something before or after each call of a function."""
    call = getattr(owner, name)

    def met(*args: Any, **kwargs: Any) -> Any:
        if before:
            before()
        result = call(*args, **kwargs)
        if after:
            after()
        return result

    with mock.patch.object(owner, name, met):
        yield


def die() -> None:
    """End the process that plays here."""
    raise Death
