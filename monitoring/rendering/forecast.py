"""A forecast in words and as a drawing, for its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from journeys.language.zones import local_time
from journeys.templatetags.look import day_text
from monitoring import charts
from monitoring.forecast import Day, Forecast
from monitoring.selectors.overview import QUEUE_WORDS
from monitoring.wording import counted

#: The drawing's own measure, in pixels: where the lines begin, and how high they reach.
PLOT_TOP, PLOT_HEIGHT = 8.0, 228.0
#: Days that are named under the drawing, and of the busiest ones beside it.
LABELS, MOST_PEAKS = 5, 5


@dataclass(frozen=True, slots=True)
class Row:
    """One day of the table."""

    day: str
    iso: str
    weddings: int
    steps: int
    standing: int
    estimated: int


def context(found: Forecast) -> dict[str, Any]:
    """Give what the page shows."""
    today = local_time(found.made_at, found.time_zone).date()
    strong, rest = _sentence(found, today)
    return {
        "strong": strong,
        "rest": rest,
        "chart": _chart(found.days) if any(day.total for day in found.days) else None,
        "peaks": [_row(day, today) for day in found.peaks[:MOST_PEAKS]],
        "rows": [_row(day, today) for day in found.days if day.total or day.weddings],
        "queues": [
            {
                "name": one.queue,
                "words": QUEUE_WORDS[one.queue],
                "steps": round(one.steps),
                "hour": round(one.busiest_steps),
                "needed": one.processes_needed,
                "there": one.processes_there,
                "enough": one.is_enough,
            }
            for one in found.queues
        ],
        "left_out": _left_out(found),
    }


def _sentence(found: Forecast, today: date) -> tuple[str, str]:
    """Say in words what is coming."""
    number = len(found.days)
    total = round(sum(day.total for day in found.days))
    if not total:
        return f"No step is expected in the next {number} days.", ""
    busiest = max(found.days, key=lambda day: day.total)
    steps = counted(round(busiest.total), "step", "steps")
    weddings = counted(busiest.weddings, "wedding", "weddings") if busiest.weddings else "no wedding"
    return (
        f"{counted(total, 'step is', 'steps are')} expected in the next {number} days.",
        f"The busiest day is {_named(busiest.date, today)}, with {steps} and {weddings}.",
    )


def _named(day: date, today: date) -> str:
    """Name a day inside a sentence."""
    return "today" if day == today else day_text(day, today=today)


def _chart(days: Sequence[Day]) -> dict[str, Any]:
    """Draw all steps of each day, and those that wait for it already."""
    top = charts.nice_top(max(day.total for day in days))
    totals = [day.total for day in days]
    last = max(1, len(days) - 1)
    places = sorted({round(last * part / (LABELS - 1)) for part in range(LABELS)})
    return {
        "total": charts.line(totals, top=top),
        "ground": charts.area(totals, top=top),
        "standing": charts.line([day.standing for day in days], top=top),
        "grid": [_grid(value, top) for value in (top, top / 2)],
        "labels": [
            {
                "x": f"{place / last * 100:.2f}%",
                "text": "Today" if place == 0 else f"{days[place].date.day} {days[place].date:%b}",
                "place": "" if place == 0 else "e" if place == last else "mid",
            }
            for place in places
            if place < len(days)
        ],
        "name": f"Steps expected on each of {len(days)} days. Highest {round(max(totals))}.",
    }


def _grid(value: float, top: float) -> dict[str, str]:
    y = PLOT_TOP + PLOT_HEIGHT * charts.y_of(value, top=top) / charts.HEIGHT
    return {"y": f"{y:.1f}", "text_y": f"{y - 5:.1f}", "text": f"{value:g}"}


def _row(day: Day, today: date) -> Row:
    return Row(
        day=day_text(day.date, today=today),
        iso=day.date.isoformat(),
        weddings=day.weddings,
        steps=round(day.total),
        standing=round(day.standing),
        estimated=round(day.total) - round(day.standing),
    )


def _left_out(found: Forecast) -> list[str]:
    """Say what stands and goes on at a moment that nobody knows."""
    left = found.left_out
    parts = (
        (left.paused, "passage is paused", "passages are paused"),
        (left.parked, "step waits for a date or for a person", "steps wait for a date or for a person"),
        (
            left.open_ended,
            "step waits for an answer, however long it takes",
            "steps wait for an answer, however long it takes",
        ),
    )
    return [counted(number, one, many) for number, one, many in parts if number]
