"""How long a request takes when fifty clients ask without a pause."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench import definitions, meters, people
from bench.figures import Figure, percentile
from bench.placing import place
from bench.run import Run, Skipped
from bench.spending import MEASURING, STARTING, spending
from bench.workers import running, wait_until, web_program
from dev.ports import free_port
from engine.models import Instance
from journeys import clock
from journeys.models import Client
from journeys.services.api_keys import api_key_create

CLIENTS = 50
HOST = "127.0.0.1"
#: Nobody is slowed down: this asks how fast it is, not whether the limit holds.
UNLIMITED = {"API_RATE_PER_MINUTE": "100000000"}
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent; `body` makes a new one for each number."""

    method: str
    path: str
    status: int
    body: Callable[[int], Mapping[str, Any]] | None = None


@dataclass(slots=True)
class Answers:
    """How long each took, in milliseconds, and what went wrong."""

    took: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def measure(run: Run) -> Iterator[Figure]:
    """Report events, list instances, read one of them."""
    now = clock.now()
    vendor = people.make_vendor(now=now)
    couples = people.make_couples(vendor, run.number(500, least=20), now=now)
    journey = people.publish(definitions.FIRST_STEP, vendor, now=now)
    place(journey, couples, due=[now + people.FAR] * len(couples))
    _key, plain = api_key_create(vendor=vendor, name="bench", now=now, actor=people.ACTOR)
    first = Instance.objects.order_by("id").values_list("public_id", flat=True)[0]
    port = free_port()
    requests = {
        "events": Request("POST", "/api/journeys/trigger", 201, lambda number: _event(couples, number)),
        "list": Request("GET", "/api/journey-engine/instances", 200),
        "read": Request("GET", f"/api/journey-engine/instances/{first}", 200),
    }
    with running([web_program(port=port)], {**UNLIMITED, "ALLOWED_HOSTS": HOST}) as (web,):
        with spending.on(STARTING):
            wait_until(lambda: _answers(port), seconds=60, what="the web process was up")
        for name, request in requests.items():
            _ask(port, plain, request, seconds=run.seconds(1), offset=10**9)
            seconds = run.seconds(6)
            with _measured(run, web.pid) as spent:
                answers = _ask(port, plain, request, seconds=seconds)
            if answers.wrong or not answers.took:
                raise Skipped(f"{name} was answered with {(answers.wrong or ['nothing'])[0]}.")
            detail = {"requests": len(answers.took), "a_second": round(len(answers.took) / seconds, 1)}
            for share in (0.5, 0.95, 0.99):
                yield Figure(
                    name=f"API, {name}, {CLIENTS} clients, p{share * 100:.0f}",
                    value=percentile(answers.took, share),
                    unit="ms",
                    detail=detail,
                )
            yield _price(name, spent, len(answers.took))


@contextlib.contextmanager
def _measured(run: Run, web: int) -> Iterator[dict[str, float]]:
    """Give the processor seconds of web, database and Redis, once the block is left; none where they are not here."""
    spent: dict[str, float] = {}
    try:
        meter = meters.meter(database=run.database, broker=run.broker, workers=[web])
    except meters.NotHere:
        yield spent
        return
    before = meter.read()
    yield spent
    used = meter.read().since(before)
    spent |= {"web": used["workers"], "database": used["database"], "redis": used["redis"]}


def _price(name: str, spent: Mapping[str, float], requests: int) -> Figure:
    title, unit = f"API, {name}, processor time", "ms a request"
    if not spent:
        return Figure(name=title, unit=unit, skipped="PostgreSQL or Redis runs on another machine.")
    parts = {f"{part}_ms": round(seconds * 1000 / requests, 2) for part, seconds in spent.items()}
    return Figure(name=title, value=sum(spent.values()) * 1000 / requests, unit=unit, detail=parts)


def _event(couples: list[Client], number: int) -> Mapping[str, Any]:
    return {
        "type": "payment_received",
        "event_id": f"bench-{number}",
        "client_id": couples[number % len(couples)].public_id,
        "topic": "deposit",
        "payload": {"amount": 600, "currency": "EUR"},
    }


def _answers(port: int) -> bool:
    line = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        line.request("GET", "/health/live")
        return line.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        line.close()


@spending.on(MEASURING)
def _ask(port: int, key: str, request: Request, *, seconds: float, offset: int = 0) -> Answers:
    """Have every client send one request after the other over a connection of its own."""
    until = time.monotonic() + seconds
    answers = [Answers() for _ in range(CLIENTS)]
    threads = [
        threading.Thread(target=_Client(port, key, request).ask, args=(until, offset + number * 10**6, one))
        for number, one in enumerate(answers)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return Answers(
        [took for one in answers for took in one.took], [text for one in answers for text in one.wrong]
    )


@dataclass(frozen=True, slots=True)
class _Client:
    """One of them, with a connection of its own."""

    port: int
    key: str
    request: Request

    def ask(self, until: float, number: int, answers: Answers) -> None:
        """Send one request after the other until the time is up, or an answer is not the one expected."""
        line = http.client.HTTPConnection(HOST, self.port, timeout=TIMEOUT_SECONDS)
        try:
            while time.monotonic() < until and not answers.wrong:
                number += 1
                self._send(line, number, answers)
        except OSError as error:
            answers.wrong.append(type(error).__name__)
        finally:
            line.close()

    def _send(self, line: http.client.HTTPConnection, number: int, answers: Answers) -> None:
        headers = {"Authorization": f"Api-Key {self.key}", "Content-Type": "application/json"}
        body = json.dumps(self.request.body(number)) if self.request.body else None
        begun = time.perf_counter()
        line.request(self.request.method, self.request.path, body=body, headers=headers)
        answer = line.getresponse()
        said = answer.read()
        answers.took.append((time.perf_counter() - begun) * 1000)
        if answer.status != self.request.status:
            answers.wrong.append(f"{answer.status}: {said[:200].decode(errors='replace')}")
