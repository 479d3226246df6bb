"""What the stack has to do meanwhile: couples, journeys, and events that are posted until somebody says "stored"."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from tests.chaos.live.stack import Stack

ACTOR = "chaos"
#: Journeys that an event of their topic starts, with their shares of the load.
SHARES = {"steady": 5, "fan": 3, "hook": 2, "offer": 2}
POSTERS = 4

Found = TypeVar("Found")


def call(
    method: str, stack: Stack, path: str, body: Any = None, *, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Call the web process once; status 0 when no answer came."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
    connection = http.client.HTTPConnection("127.0.0.1", stack.web_port, timeout=10)
    try:
        connection.request(method, path, raw, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException):
        return 0, None
    finally:
        connection.close()
    with contextlib.suppress(ValueError):
        return answer.status, json.loads(content)
    return answer.status, None


def steadily(work: Callable[[], Found]) -> Found:
    """Do something through the engine's services, again where its connection breaks."""
    from django.db import InterfaceError, OperationalError, connection

    while True:
        try:
            return work()
        except (InterfaceError, OperationalError):
            time.sleep(0.5)
        finally:
            connection.close()


@dataclass(slots=True)
class World:
    """The vendor, its key, its journeys by topic, and couples: each goes through a journey once."""

    key: str
    vendor: Any
    journeys: dict[str, Any]
    #: (public id, number of the first partner), in the order in which they were added.
    couples: list[tuple[str, str]] = field(default_factory=list)
    #: Number of the first partner, by public id of the wedding.
    phones: dict[str, str] = field(default_factory=dict)
    #: How many couples have been taken for a journey.
    taken: Counter[str] = field(default_factory=Counter)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Api-Key {self.key}"}

    def couple_for(self, topic: str) -> str | None:
        """Give the public id of a couple that has not been in this journey; None when more must be added first."""
        number = self.taken[topic]
        if number >= len(self.couples):
            return None
        self.taken[topic] += 1
        return self.couples[number][0]

    def add_couples(self, number: int) -> None:
        """Add so many couples."""
        for _ in range(number):
            public_id, wedding, phone = steadily(self._a_couple)
            self.phones[wedding] = phone
            self.couples.append((public_id, phone))

    def couple_apart(self) -> str:
        """Add a couple that nobody else has anything to do with; give its public id."""
        return steadily(self._a_couple)[0]

    def _a_couple(self) -> tuple[str, str, str]:
        from journeys import clock
        from journeys.services.weddings import StakeholderData
        from tests.builders import a_couple

        number = next(self.numbers)
        phone = f"+35191{number:07d}"
        people = (
            StakeholderData(
                role="partner_1",
                first_name="Inês",
                last_name="Alves",
                email=f"ines{number}@example.com",
                phone=phone,
            ),
            StakeholderData(
                role="partner_2", first_name="Tomás", last_name="Reis", email=f"tomas{number}@example.com"
            ),
        )
        couple = a_couple(self.vendor, now=clock.now(), wedding_in=timedelta(days=400), stakeholders=people)
        return couple.public_id, couple.weddings.get().public_id, phone


def build(stack: Stack) -> World:
    """Put vendor and published journeys in place, through the engine's own services."""
    from journeys import clock
    from journeys.services.api_keys import api_key_create
    from tests.builders import a_vendor

    now = clock.now()
    vendor = a_vendor(now=now)
    _, key = api_key_create(vendor=vendor, name="chaos", now=now, actor=ACTOR)
    journeys = {
        topic: builder.publish(vendor, now=now, name=topic)
        for topic, builder in definitions(f"{stack.provider}/told").items()
    }
    return World(key=key, vendor=vendor, journeys=journeys)


def definitions(hook: str) -> dict[str, Any]:
    """Write the journeys; every message of a journey has a subject or text of its own, which the checker counts."""
    from tests.builders import END, a_journey, a_net, merge, pause, split_all, tag

    def on(topic: str, builder: Any) -> Any:
        return builder.trigger("payment_received", where=f"trigger.topic == '{topic}'")

    def email(name: str, **more: Any) -> tuple[str, dict[str, Any]]:
        return "email", {
            "subject": name,
            "body": "Dear {{ recipient.first_name }}",
            "to": ["partner_1"],
            **more,
        }

    def sms(name: str) -> tuple[str, dict[str, Any]]:
        return "sms", {"body": f"{name}: hello {{{{ recipient.first_name }}}}", "to": ["partner_1"]}

    fan = {
        "split": split_all("a", "b", "c"),
        "letter": email("fan letter"),
        "text": sms("fan text"),
        "rest": pause("3h"),
        "late": tag("late"),
        "merge": merge("split"),
        "after": tag("after"),
        "end": END,
    }
    exact = {
        "mark": tag("exact"),
        "hello": email("exact hello", to=["partner_1", "partner_2"]),
        "split": split_all("a", "b"),
        "left": tag("left"),
        "right": sms("exact right"),
        "merge": merge("split"),
        "bye": email("exact bye"),
        "end": END,
    }
    return {
        "steady": on(
            "steady",
            a_journey()
            .action("mark", {"kind": "add_tag", "tag": "seen"})
            .condition("seen", "'seen' in client.tags")
            .email("welcome", subject="steady welcome")
            .wait("rest", for_="2h")
            .sms("note", body="steady note {{ recipient.first_name }}"),
        ),
        "fan": on(
            "fan",
            a_net(
                fan,
                *("start>split", "split.a>letter", "split.b>text", "split.c>rest", "rest>late"),
                *("letter>merge", "text>merge", "late>merge", "merge>after", "after>end"),
            ),
        ),
        "hook": on(
            "hook",
            a_journey()
            .step("tell", "webhook", url=hook, body={"client": "{{ client.id }}"})
            .email("told", subject="hook told"),
        ),
        "offer": on(
            "offer",
            a_journey()
            .email("offer", subject="offer letter", purpose="marketing")
            .wait("think", for_="1h")
            .sms("ask", body="offer text {{ recipient.first_name }}"),
        ),
        "exact": a_net(
            exact,
            *("start>mark", "mark>hello", "hello>split", "split.a>left", "split.b>right"),
            *("left>merge", "right>merge", "merge>bye", "bye>end"),
        ),
        "poison": on("poison", a_net({"poison": tag("p"), "end": END}, "start>poison", "poison>end")),
        "neighbor": on("neighbor", a_net({"near": tag("n"), "end": END}, "start>near", "near>end")),
    }


@dataclass(slots=True)
class Load:
    """Posts events at a steady rate, each until it is answered; what was acknowledged is written down."""

    stack: Stack
    world: World
    rng: random.Random
    #: Events a second.
    rate: float
    posted: int = 0
    acknowledged: int = 0
    #: Posts that got no 2xx and were repeated.
    repeats: int = 0
    _queue: queue.SimpleQueue[dict[str, Any]] = field(default_factory=queue.SimpleQueue)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: Any = field(default_factory=itertools.count)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to post."""
        self._threads = [threading.Thread(target=self._post, daemon=True) for _ in range(POSTERS)]
        self._threads.append(threading.Thread(target=self._pace, daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self, *, seconds: float = 60) -> None:
        """Post nothing new, and wait until everything posted was acknowledged."""
        self._stop.set()
        deadline = time.monotonic() + seconds
        while self.acknowledged < self.posted and time.monotonic() < deadline:
            time.sleep(0.1)

    def event(self, topic: str) -> None:
        """Have one couple pay for one topic."""
        couple = self.world.couple_for(topic)
        if couple is None:
            return
        with self._lock:
            self.posted += 1
        body = {"client_id": couple, "event_id": f"pay-{next(self._numbers)}", "topic": topic}
        self._queue.put({**body, "type": "payment_received", "payload": {"amount": 1, "currency": "EUR"}})

    def start_exact(self, number: int) -> list[str]:
        """Start the journey whose history must be the same whatever happens; give the instances' public ids."""
        couples = [self.world.couple_apart() for _ in range(number)]
        return [steadily(lambda couple=couple: self._start_one_exact(couple)) for couple in couples]

    def _start_one_exact(self, couple: str) -> str:
        from engine.services.instances import instance_start
        from journeys import clock
        from journeys.models import Client

        instance = instance_start(
            vendor=self.world.vendor,
            journey=self.world.journeys["exact"],
            client=Client.objects.get(public_id=couple),
            variables={},
            now=clock.now(),
            actor=ACTOR,
        )
        return instance.public_id

    def _pace(self) -> None:
        # One round after another has the same steps, so that what is done in a while can be compared.
        one_round = [topic for topic, share in SHARES.items() for _ in range(share)]
        self.rng.shuffle(one_round)
        next_at = time.monotonic()
        for topic in itertools.cycle(one_round):
            if self._stop.is_set():
                return
            next_at += 1 / self.rate
            self.event(topic)
            self._stop.wait(max(0.0, next_at - time.monotonic()))

    def _post(self) -> None:
        while True:
            event = self._queue.get()
            while True:
                status, answer = call(
                    "POST", self.stack, "/api/journeys/trigger", event, headers=self.world.auth
                )
                if status in {200, 201}:
                    break
                if 400 <= status < 500 and status != 429:
                    self.stack.note("refused.jsonl", event=event, status=status, answer=answer)
                    break
                with self._lock:
                    self.repeats += 1
                time.sleep(0.3)
            with self._lock:
                self.acknowledged += 1
                if status in {200, 201}:
                    self.stack.note("events.jsonl", event_id=event["event_id"], topic=event["topic"])


def advance(stack: Stack, by: timedelta) -> None:
    """Move the engine's clock forward, as the demo does, and the providers' with it; theirs first."""
    from journeys import clock

    stack.note("clock.jsonl", by=by.total_seconds())
    steadily(lambda: clock.advance(by=by))
