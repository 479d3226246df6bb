"""Pauses between tries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.language.retries import RetryPolicy

DAY = 86_400


@pytest.mark.parametrize(
    ("attempt", "to_wedding", "seconds"),
    [
        (1, None, 30),
        (2, None, 60),
        (3, None, 120),
        (7, None, 1920),
        (8, None, 3600),
        (5000, None, 3600),
        (0, None, 30),
        (1, 30 * DAY, 30),
        (1, 7 * DAY, 15),
        (8, 3 * DAY, 1800),
        (1, DAY, 5),
        (8, 3600, 600),
        (1, -3600, 5),
        (1, -2 * DAY, 30),
    ],
)
def test_retry_waits_longer_each_time_and_less_near_the_wedding(attempt, to_wedding, seconds):
    policy = RetryPolicy()

    assert timedelta(seconds=seconds) == policy.ceiling(attempt, seconds_to_wedding=to_wedding)


@given(st.integers(1, 50), st.none() | st.floats(-1e7, 1e8), st.floats(0, 1, exclude_max=True))
def test_retry_waits_anywhere_up_to_the_ceiling(attempt, to_wedding, chance):
    policy = RetryPolicy()

    delay = policy.delay(attempt, seconds_to_wedding=to_wedding, random=lambda: chance)

    assert timedelta(0) <= delay <= policy.ceiling(attempt, seconds_to_wedding=to_wedding)
    assert policy.ceiling(attempt, seconds_to_wedding=to_wedding) <= timedelta(hours=1)


def test_retry_ends_after_the_last_attempt():
    assert [True, True, False] == [RetryPolicy(max_attempts=3).allows(attempt) for attempt in (1, 2, 3)]
