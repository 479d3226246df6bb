"""The nearer the wedding, the more urgent the queue (mission P1)."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest

from engine.services.priorities import BANDS, QUEUES, band_for, queue_span

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("ahead", "priority", "queue"),
    [
        (-DAY, 4, "low"),
        (-DAY + HOUR, 10, "critical"),
        (0 * DAY, 10, "critical"),
        (DAY, 10, "critical"),
        (DAY + HOUR, 9, "high"),
        (3 * DAY, 9, "high"),
        (4 * DAY, 8, "high"),
        (7 * DAY, 8, "high"),
        (8 * DAY, 7, "medium"),
        (14 * DAY, 7, "medium"),
        (30 * DAY, 6, "medium"),
        (31 * DAY, 5, "low"),
        (900 * DAY, 5, "low"),
    ],
)
def test_a_distance_has_its_priority(ahead: timedelta, priority: int, queue: str, now: datetime) -> None:
    band = band_for(wedding_at=now + ahead, now=now)

    assert (priority, queue) == (band.priority, band.queue)


def test_work_without_a_wedding_date_is_least_urgent(now: datetime) -> None:
    assert (4, "low") == (
        band_for(wedding_at=None, now=now).priority,
        band_for(wedding_at=None, now=now).queue,
    )


def test_the_bands_leave_no_gap_and_the_queues_cover_them() -> None:
    assert all(left.until == right.after for left, right in itertools.pairwise(BANDS))
    spans = [queue_span(queue) for queue in QUEUES]
    assert all(left[1] == right[0] for left, right in itertools.pairwise(spans))
