"""Priority from the nearness of the wedding, computed when work is queued (mission P1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

#: The queues, most urgent first.
QUEUES = ("critical", "high", "medium", "low")

DAY = timedelta(days=1)
FAR = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Band:
    """A span of distances to the start of the wedding day, and the priority work in it has.

    `after` is exclusive, `until` inclusive: a wedding `distance` ahead is in the band when
    after < distance <= until.
    """

    priority: int
    queue: str
    after: timedelta
    until: timedelta


#: Nearest first. The wedding day itself lasts until one day after its start.
BANDS = (
    Band(10, "critical", -DAY, DAY),
    Band(9, "high", DAY, 3 * DAY),
    Band(8, "high", 3 * DAY, 7 * DAY),
    Band(7, "medium", 7 * DAY, 14 * DAY),
    Band(6, "medium", 14 * DAY, 30 * DAY),
    Band(5, "low", 30 * DAY, FAR),
)
#: After the wedding, and where there is no date.
OTHERWISE = Band(4, "low", -FAR, -DAY)


def band_for(*, wedding_at: datetime | None, now: datetime) -> Band:
    """Give the band of a wedding whose day starts at `wedding_at` (UTC), or of no wedding."""
    if wedding_at is None:
        return OTHERWISE
    distance = wedding_at - now
    return next((band for band in BANDS if band.after < distance <= band.until), OTHERWISE)


@lru_cache
def queue_span(queue: str) -> tuple[timedelta, timedelta]:
    """Give the distances that a queue holds: after (exclusive) and until (inclusive)."""
    bands = [band for band in BANDS if band.queue == queue]
    return min(band.after for band in bands), max(band.until for band in bands)
