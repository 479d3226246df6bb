"""Ringing, when nobody opens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from unittest import mock

import pytest
from redis.exceptions import TimeoutError as Silent

from engine import bells
from engine.bells import Place, bell, ring
from engine.broker_queues import queue_for
from engine.services.priorities import QUEUES

PLACE = Place(1, 1, "low", outside=False)


@pytest.fixture(autouse=True)
def _patient() -> Iterator[None]:
    with mock.patch.object(bells, "_patience", bells._Patience()):
        yield


def failing_after(seconds: float) -> mock._patch[mock.Mock]:
    """A broker that refuses after so long, by a monotonic clock that the test turns."""
    clock = {"now": 100.0}

    def refuse(*_args: object, **_kwargs: object) -> None:
        clock["now"] += seconds
        raise Silent

    mock.patch.object(time, "monotonic", side_effect=lambda: clock["now"]).start()
    return mock.patch.object(bells, "post", side_effect=refuse)


@pytest.fixture(autouse=True)
def _clock_put_right() -> Iterator[None]:
    yield
    mock.patch.stopall()


def test_what_travels_alone_and_instant_steps_go_into_queues_of_their_own() -> None:
    places = [
        Place(1, 4, "low", outside=False),
        Place(2, 5, "low", outside=True),
        Place(3, 6, "critical", outside=False),
        Place(4, 7, "low", outside=False),
    ]
    with mock.patch.object(bells, "post") as post:
        ring(places)

    assert [
        ("low.steps", {"places": [[1, 4], [4, 7]]}),
        ("low", {"places": [[2, 5]], "alone": True}),
        ("critical.steps", {"places": [[3, 6]]}),
    ] == post.call_args.args[1]


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize("outside", [True, False])
def test_a_step_that_travels_singly_says_whether_it_must(queue: str, outside: bool) -> None:  # noqa: FBT001
    rung_in, told = bell([Place(1, 1, queue, outside=outside)])

    assert rung_in == queue_for(queue, alone=outside)
    assert told.get("alone", False) is outside


@pytest.mark.parametrize(("seconds", "asked"), [(0.2, 2), (5.0, 1)])
def test_a_broker_that_is_silent_is_asked_once_and_then_left_alone(seconds: float, asked: int) -> None:
    with failing_after(seconds) as post:
        ring([PLACE])
        ring([PLACE])

    assert post.call_count == asked
