"""Put a forecast into the words of the API and of the command."""

from __future__ import annotations

from typing import Any

from monitoring.forecast.figures import Day, Forecast, QueueNeed

#: Shares of a step that are told: more would pretend to a certainty that is not there.
DIGITS = 2


def as_json(found: Forecast) -> dict[str, Any]:
    """Give a forecast as the API answers it."""
    return {
        "made_at": found.made_at,
        "time_zone": found.time_zone,
        "days": [_day(day) for day in found.days],
        "mean": round(found.mean, DIGITS),
        "peaks": [day.date for day in found.peaks],
        "queues": [_queue(one) for one in found.queues],
        "measured": {
            "steps": found.history.measured,
            "mean_ms": {name: round(ms, DIGITS) for name, ms in sorted(found.history.mean_ms.items())},
        },
        "left_out": {
            "paused": found.left_out.paused,
            "parked": found.left_out.parked,
            "open_ended": found.left_out.open_ended,
            "unreadable": found.unreadable,
        },
    }


def _day(day: Day) -> dict[str, Any]:
    return {
        "date": day.date,
        "weddings": day.weddings,
        "standing": round(day.standing, DIGITS),
        "to_start": round(day.to_start, DIGITS),
        "to_follow": round(day.to_follow, DIGITS),
        "total": round(day.total, DIGITS),
        "queues": {queue: round(steps, DIGITS) for queue, steps in day.queues.items()},
        "is_peak": day.is_peak,
    }


def _queue(one: QueueNeed) -> dict[str, Any]:
    return {
        "queue": one.queue,
        "steps": round(one.steps, DIGITS),
        "busiest_at": one.busiest_at,
        "busiest_steps": round(one.busiest_steps, DIGITS),
        "work_seconds": round(one.work_seconds, DIGITS),
        "processes_needed": one.processes_needed,
        "processes_there": one.processes_there,
        "is_enough": one.is_enough,
    }
