"""Paths for drawings that the server prints: a strict CSP holds, and the first paint is the chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: The drawings' own measure; they are stretched to whatever room there is.
WIDTH = 1000.0
HEIGHT = 100.0
#: Room above the highest and under the lowest point.
HEADROOM = 0.07


def nice_top(highest: float) -> float:
    """Give a round number at or above the highest value, for the upper grid line."""
    for step in (2, 4, 10, 20, 40, 60, 100, 200, 400, 600, 1000):
        if highest <= step:
            return float(step)
    power = 10 ** (len(str(int(highest))) - 1)
    return float(-(-highest // power) * power)


def y_of(value: float, *, top: float, bottom: float = 0.0) -> float:
    """Give the height of a value, 0 at the top of the drawing."""
    reach = (top - bottom) or 1.0
    share = min(1.0, max(0.0, (value - bottom) / reach))
    return round(HEIGHT - share * HEIGHT, 1)


def line(values: Sequence[float], *, top: float, bottom: float = 0.0, start: int = 0, of: int = 0) -> str:
    """Give the path of a line; `start` and `of` place it in a longer row of points."""
    count = max(2, of or len(values))
    points = [
        f"{round((start + index) * WIDTH / (count - 1), 1):g},{y_of(value, top=top, bottom=bottom):g}"
        for index, value in enumerate(values)
    ]
    return "M" + " ".join(points) if points else ""


def area(values: Sequence[float], *, top: float, bottom: float = 0.0, start: int = 0, of: int = 0) -> str:
    """Give the path of the ground under a line."""
    if not values:
        return ""
    count = max(2, of or len(values))
    first = round(start * WIDTH / (count - 1), 1)
    last = round((start + len(values) - 1) * WIDTH / (count - 1), 1)
    return f"{line(values, top=top, bottom=bottom, start=start, of=of)} L{last:g},{HEIGHT:g} L{first:g},{HEIGHT:g} Z"


@dataclass(frozen=True, slots=True)
class Spark:
    """A small line with its ground."""

    line: str
    area: str


def spark(values: Sequence[float], *, bottom: float | None = None) -> Spark:
    """Draw a small line; its own lowest value is the bottom unless one is given."""
    if not values:
        return Spark("", "")
    low = min(values) if bottom is None else bottom
    high = max(values)
    reach = (high - low) or 1.0
    top, floor = high + HEADROOM * reach, low - HEADROOM * reach
    return Spark(line(values, top=top, bottom=floor), area(values, top=top, bottom=floor))


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a row of rare events; an hour without any is a low gray one."""

    x: float
    y: float
    height: float
    zero: bool


def bars(values: Sequence[int], *, height: float = 32, step: float = 10) -> list[Bar]:
    """Draw counts of rare events."""
    top = max([*values, 1])
    drawn = []
    for index, value in enumerate(values):
        tall = 2.0 if not value else max(6.0, round(value / top * (height - 6), 1))
        drawn.append(Bar(index * step + 1, height - tall, tall, zero=not value))
    return drawn


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of a bar that shows shares, in per cent."""

    name: str
    x: str
    width: str


def slices(parts: Sequence[tuple[str, int]], *, gap: float = 0.35) -> list[Slice]:
    """Lay shares side by side, each at least a hairline wide; nothing at all is nothing."""
    total = sum(count for _, count in parts)
    drawn: list[Slice] = []
    at = 0.0
    filled = [(name, count) for name, count in parts if count]
    room = 100.0 - gap * max(0, len(filled) - 1)
    least = 0.6
    spare = sum(max(0.0, least - count / total * room) for _, count in filled)
    widest = max((count for _, count in filled), default=0)
    for name, count in filled:
        width = max(least, count / total * room)
        if count == widest:
            width, widest = width - spare, -1
        drawn.append(Slice(name, f"{at:.2f}%", f"{width:.2f}%"))
        at += width + gap
    return drawn
