"""What a forecast says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil

from engine.services.priorities import QUEUES
from monitoring.forecast.gathering import LeftOut
from monitoring.forecast.history import History
from monitoring.forecast.walking import Kind

#: A day is a peak from so many times the mean of all days on; this many are named at most.
PEAK, MOST_PEAKS = 1.5, 10
HOUR_SECONDS = 3600

#: (day, hour of UTC since 1970, queue, type of the step, kind) → steps.
Tally = Mapping[tuple[date, int, str, str, Kind], float]


@dataclass(frozen=True, slots=True)
class Day:
    """What one day brings."""

    date: date
    #: Weddings that take place.
    weddings: int
    #: Steps that wait for this day already.
    standing: float
    #: Journeys that begin by the wedding's date.
    to_start: float
    #: Steps that come after one of the others, and time-outs of those that wait for an answer.
    to_follow: float
    #: All of them, by queue.
    queues: Mapping[str, float]
    is_peak: bool

    @property
    def total(self) -> float:
        """Return all steps of the day."""
        return self.standing + self.to_start + self.to_follow


@dataclass(frozen=True, slots=True)
class QueueNeed:
    """What one queue needs in its busiest hour."""

    queue: str
    #: Steps of all days.
    steps: float
    #: When the busiest hour begins; None when there is no step at all.
    busiest_at: datetime | None
    busiest_steps: float
    #: How long these steps take, one after the other.
    work_seconds: float
    processes_needed: int
    #: Most processes that the living workers of this queue may have together; several queues share them.
    processes_there: int

    @property
    def is_enough(self) -> bool:
        """Tell whether the processes that are there can be as many as are needed."""
        return self.processes_there >= self.processes_needed


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the days ahead bring."""

    made_at: datetime
    time_zone: str
    days: Sequence[Day]
    #: Mean of all days.
    mean: float
    #: Days far above the mean, largest first.
    peaks: Sequence[Day]
    queues: Sequence[QueueNeed]
    history: History
    left_out: LeftOut
    #: Versions that somebody is in, or would start in, and that can not be read any more.
    unreadable: int = 0


def days_of(
    tally: Tally, *, first: date, number: int, weddings: Mapping[date, int]
) -> tuple[list[Day], float]:
    """Give the days, and their mean."""
    kinds: dict[date, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    queues: dict[date, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for (day, _hour, queue, _type, kind), steps in tally.items():
        kinds[day][kind] += steps
        queues[day][queue] += steps
    mean = sum(tally.values()) / number
    dates = [first + timedelta(days=ahead) for ahead in range(number)]
    high = {day for day in dates if (total := sum(queues[day].values())) and total >= PEAK * mean}
    named = set(sorted(high, key=lambda day: (-sum(queues[day].values()), day))[:MOST_PEAKS])
    found = [
        Day(
            date=day,
            weddings=weddings.get(day, 0),
            standing=kinds[day]["standing"],
            to_start=kinds[day]["to_start"],
            to_follow=kinds[day]["to_follow"],
            queues={queue: queues[day][queue] for queue in QUEUES},
            is_peak=day in named,
        )
        for day in dates
    ]
    return found, mean


def peaks_of(days: Sequence[Day]) -> list[Day]:
    """Give the peak days, largest first."""
    return sorted((day for day in days if day.is_peak), key=lambda day: (-day.total, day.date))


def needs_of(tally: Tally, history: History, *, there: Mapping[str, int], epoch: datetime) -> list[QueueNeed]:
    """Say for each queue how many processes its busiest hour needs; `epoch` is where hours are counted from."""
    steps: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    work: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for (_day, hour, queue, node_type, _kind), times in tally.items():
        steps[queue][hour] += times
        work[queue][hour] += times * history.milliseconds(node_type) / 1000
    needs = []
    for queue in QUEUES:
        busiest = min(work[queue], key=lambda hour: (-work[queue][hour], hour), default=None)
        seconds = work[queue][busiest] if busiest is not None else 0.0
        needs.append(
            QueueNeed(
                queue=queue,
                steps=sum(steps[queue].values()),
                busiest_at=epoch + timedelta(hours=busiest) if busiest is not None else None,
                busiest_steps=steps[queue][busiest] if busiest is not None else 0.0,
                work_seconds=seconds,
                processes_needed=max(1, ceil(seconds / HOUR_SECONDS)),
                processes_there=there.get(queue, 0),
            )
        )
    return needs
