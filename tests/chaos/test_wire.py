"""The wire to Redis loses, multiplies, shuffles and delays bells, and leaves everything else as it is."""

# ruff: noqa: S311 - a run can be repeated by its seed
from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.live.broker import Bell, Bells, Commands, encode
from tests.chaos.live.proxy import Proxy

#: A queue of steps, whose name the wire knows; nobody else uses this database of the tests meanwhile.
QUEUE = "low"
BELL = encode(b"LPUSH", b"low", b"bell")
LOOK = encode(b"LLEN", b"low")


def lost(_bell: Bell) -> list[bytes]:
    return []


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """Cut a stream into pieces at these places."""
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(edges)]


@given(
    words=st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=4), min_size=1, max_size=6),
    places=st.lists(st.integers(min_value=0), max_size=8),
)
def test_commands_pass_unchanged_however_they_are_cut(words: list[list[bytes]], places: list[int]) -> None:
    stream = b"".join(encode(*command) for command in words)
    commands = Commands(lambda bell: [bell[1]])

    assert stream == b"".join(commands(piece) for piece in cut(stream, places))


@given(places=st.lists(st.integers(min_value=0), max_size=8))
def test_a_bell_is_met_however_it_is_cut(places: list[int]) -> None:
    stream = encode(b"PING") + BELL + encode(b"GET", b"key")
    commands = Commands(lost)

    met = b"".join(commands(piece) for piece in cut(stream, places))

    assert met == encode(b"PING") + LOOK + encode(b"GET", b"key")


def test_a_bell_as_large_as_many_pieces_is_met() -> None:
    large = encode(b"LPUSH", b"low", b"x" * 300_000)
    commands = Commands(lost)

    assert [b"", b"", b"", LOOK] == [
        commands(large[at : at + 100_000]) for at in range(0, len(large), 100_000)
    ]


def test_every_bell_of_a_pipeline_is_met() -> None:
    assert Commands(lost)(BELL * 3) == LOOK * 3


def test_of_bells_that_are_pushed_together_each_is_met() -> None:
    commands = Commands(lambda bell: {b"b": [], b"c": [b"c", b"c"]}.get(bell[1], [bell[1]]))

    assert commands(encode(b"LPUSH", b"low", b"a", b"b", b"c")) == encode(b"LPUSH", b"low", b"a", b"c", b"c")
    assert commands(encode(b"LPUSH", b"low", b"b")) == LOOK


def test_what_a_worker_puts_back_in_a_transaction_passes() -> None:
    stream = encode(b"MULTI") + BELL + encode(b"EXEC")
    commands = Commands(lost)

    assert commands(stream) == stream
    assert commands(BELL) == LOOK


@pytest.mark.parametrize(
    "other",
    [
        encode(b"LPUSH", b"ticks", b"tick"),
        encode(b"RPUSH", b"low", b"bell"),
        encode(b"BRPOP", b"low", b"1"),
        b"PING\r\n",
    ],
)
def test_what_is_no_bell_passes(other: bytes) -> None:
    assert Commands(lost)(other) == other


class _Waiting:
    """Lets a client ring while a fault holds on."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self.ring = ring

    def __call__(self, seconds: float) -> None:
        self.ring()
        time.sleep(min(seconds, 0.1))


@pytest.fixture
def wire() -> Iterator[tuple[Bells, redis.Redis, redis.Redis]]:
    """Give bells that pass through a proxy, a client behind it and one beside it."""
    url = urlsplit(settings.CELERY_BROKER_URL)
    proxy = Proxy(int(url.port or 6379), random.Random(1))
    proxy.start()
    through = url._replace(netloc=f"127.0.0.1:{proxy.port}").geturl()
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as beside, redis.Redis.from_url(through) as behind:
        stack: Any = SimpleNamespace(
            to_redis=proxy, broker=lambda: redis.Redis.from_url(settings.CELERY_BROKER_URL)
        )
        bells = Bells(stack, random.Random(2))
        beside.delete(QUEUE)
        try:
            yield bells, behind, beside
        finally:
            beside.delete(QUEUE)
            proxy.stop()


def test_whoever_rings_does_not_hear_that_a_bell_was_lost(wire: Any) -> None:
    bells, behind, beside = wire
    answers = []

    hits = bells.lose(_Waiting(lambda: answers.append(behind.lpush(QUEUE, "bell"))), 0.1, share=1.0)

    assert 1 == hits
    assert [0] == answers
    assert 0 == beside.llen(QUEUE)
    assert 1 == behind.lpush(QUEUE, "another")


def test_a_bell_is_rung_ten_times(wire: Any) -> None:
    bells, behind, beside = wire

    hits = bells.multiply(_Waiting(lambda: behind.lpush(QUEUE, "bell")), 0.1, times=10)

    assert 1 == hits
    assert [b"bell"] * 10 == beside.lrange(QUEUE, 0, -1)


def test_bells_that_are_reordered_all_come(wire: Any) -> None:
    bells, behind, beside = wire
    rung = [str(number) for number in range(20)]

    def ring() -> None:
        with behind.pipeline(transaction=False) as pipe:
            for one in rung:
                pipe.lpush(QUEUE, one)
            assert [0] * len(rung) == pipe.execute()

    hits = bells.reorder(_Waiting(ring), 0.05)

    came = [one.decode() for one in reversed(beside.lrange(QUEUE, 0, -1))]
    assert len(rung) == hits
    assert rung != came
    assert sorted(rung) == sorted(came)


def test_a_bell_that_is_delayed_comes_later(wire: Any) -> None:
    bells, behind, beside = wire
    seen = []
    rings = iter([lambda: behind.lpush(QUEUE, "bell")])

    def ring() -> None:
        next(rings, lambda: None)()
        seen.append((time.monotonic(), beside.llen(QUEUE)))

    begun = time.monotonic()
    hits = bells.delay(_Waiting(ring), 0.1, by=0.5)

    assert 1 == hits
    assert all(count == 0 for at, count in seen if at < begun + 0.5)
    assert 1 == beside.llen(QUEUE)


def test_bells_of_yesterday_are_rung_again(wire: Any) -> None:
    bells, behind, beside = wire
    behind.lpush(QUEUE, "old", "older")
    beside.delete(QUEUE)

    assert 2 == bells.from_yesterday()
    assert {b"old", b"older"} == set(beside.lrange(QUEUE, 0, -1))
