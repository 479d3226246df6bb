"""Ringing, when nobody opens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from unittest import mock

import pytest
from redis.exceptions import TimeoutError as Silent

from engine import bells
from engine.bells import Place, ring

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


@pytest.mark.parametrize(("seconds", "asked"), [(0.2, 2), (5.0, 1)])
def test_a_broker_that_is_silent_is_asked_once_and_then_left_alone(seconds: float, asked: int) -> None:
    with failing_after(seconds) as post:
        ring([PLACE])
        ring([PLACE])

    assert post.call_count == asked
