"""The overview in words and drawings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from journeys.language.zones import local_time
from journeys.models import Vendor
from monitoring import charts
from monitoring.selectors.overview import AHEAD, BACK, NearWedding, Overview
from monitoring.wording import age, change, counted, span, until

#: Weddings the card names; the rest is counted.
NAMED = 4
#: Inside of the chart's drawing, in pixels of its height.
PLOT_TOP, PLOT_HEIGHT = 8, 228
#: Under this success rate the threshold is crossed (mission P3).
SUCCESS_LIMIT = 95.0
#: The day is said as "today" within these hours, as a distance beyond.
SPAN_HOURS = 12


def cards(view: Overview) -> dict[str, str]:
    """Give the figures as texts by name, for the first paint and for live updates alike."""
    rate = view.last_day.rate
    return {
        "active": f"{view.standing.total:,}",
        "active_unit": "couple" if view.standing.total == 1 else "couples",
        "completed": f"{view.today.completed:,}",
        "failed": f"{view.today.failed:,}",
        "rate": "–" if rate is None else f"{rate:.1f}".removesuffix(".0"),
        "tickets_open": str(view.tickets_open),
        **{f"queue_{one.name}": f"{one.due:,}" for one in view.queues},
        **{f"oldest_{one.name}": age(one.oldest_seconds) for one in view.queues},
    }


def sentence(view: Overview) -> tuple[str, str, str]:
    """Say the state of everything: the strong beginning, the rest, and what of it needs a person."""
    total = view.standing.total
    if not total:
        return (
            "No couple is on its way yet.",
            "Couples appear here as soon as a published journey starts.",
            "",
        )
    verb = "is on its way" if total == 1 else "are on their way"
    strong = f"{counted(total, 'couple', 'couples')} {verb}."
    if not view.running:
        return strong, "Processing is switched off: nothing goes out until it is started again.", ""
    late = view.standing.late
    if view.steps_stopped:
        noun = "one step" if view.steps_stopped == 1 else f"{view.steps_stopped:,} steps"
        needs = "needs" if view.steps_stopped == 1 else "need"
        before = "Everything due goes out on time, except" if not late else "Some steps are late, and"
        return strong, f"{before} {noun} that {needs} a person.", f"{noun} that {needs} a person"
    if late:
        return strong, f"{counted(late, 'couple waits', 'couples wait')} for a step that is late.", ""
    if view.today.completed:
        return strong, "Everything that was due today went out.", ""
    return strong, "Nothing was due so far today.", ""


def figures(view: Overview, vendor: Vendor) -> list[dict[str, Any]]:
    """Give the strip of figures, each with its yardstick and small drawing."""
    values = cards(view)
    clock = f"{local_time(view.now, vendor.time_zone):%H:%M}"
    weekday = f"{local_time(view.now, vendor.time_zone):%A}"
    yesterday = view.live_instances - view.active[-2] if len(view.active) > 1 else 0
    compared = view.today.completed - view.last_week.completed
    rate_was = view.last_week.rate
    known = view.last_week.completed or view.last_week.failed
    return [
        {
            "key": "active",
            "label": "Active",
            "value": values["active"],
            "unit": values["active_unit"],
            "strong": change(yesterday) if yesterday else "",
            "delta": f"{'journey' if abs(yesterday) == 1 else 'journeys'} since yesterday"
            if yesterday
            else "the same as yesterday",
            "spark": charts.spark([float(count) for count in view.active], bottom=None),
        },
        {
            "key": "completed",
            "label": "Completed today",
            "value": values["completed"],
            "unit": "step" if view.today.completed == 1 else "steps",
            "strong": change(compared) if known else "",
            "delta": f"on last {weekday} by {clock}" if known else f"since midnight, now {clock}",
            "spark": charts.spark([float(count) for count in view.completed_today], bottom=0.0),
        },
        {
            "key": "failed",
            "label": "Failed today",
            "value": values["failed"],
            "unit": "step" if view.today.failed == 1 else "steps",
            "strong": change(view.today.failed - view.last_week.failed) if known else "",
            "delta": f"on last {weekday}" if known else "by the hour, last 24 h",
            "bars": charts.bars(view.failed_hours),
        },
        {
            "key": "rate",
            "label": "Success rate",
            "value": values["rate"],
            "unit": "%" if view.last_day.rate is not None else "",
            "strong": "",
            "delta": _rate_words(view.last_day.rate, rate_was),
            "rate_line": charts.line(view.rate_hours, top=101, bottom=85),
            "limit": charts.y_of(SUCCESS_LIMIT, top=101, bottom=85),
        },
    ]


def _rate_words(rate: float | None, was: float | None) -> str:
    if rate is None:
        return "nothing carried out in 24 h"
    if was is None:
        return "in the last 24 h"
    points = rate - was
    noun = "point" if round(abs(points)) == 1 else "points"
    return f"{change(round(points))} {noun} on last week" if abs(points) >= 1 else "as last week"


@dataclass(frozen=True, slots=True)
class Label:
    """A word under the chart."""

    x: str
    text: str
    place: str


def chart(view: Overview, vendor: Vendor) -> dict[str, Any]:
    """Draw steps over the last 24 hours and what is planned for the next 12."""
    count = len(view.done) + len(view.planned)
    highest = max([*view.done, *view.planned, *view.last_week_line, 1])
    top = charts.nice_top(highest)
    now_share = (len(view.done) - 1) / (count - 1) * 100
    joined = [float(view.done[-1]), *map(float, view.planned)]
    peak = max(range(len(view.done)), key=view.done.__getitem__)
    peak_at = local_time(view.chart_since + view.bin * peak, vendor.time_zone)
    half = top / 2
    return {
        "done": charts.line([float(one) for one in view.done], top=top, of=count),
        "ground": charts.area([float(one) for one in view.done], top=top, of=count),
        "planned": charts.line(joined, top=top, start=len(view.done) - 1, of=count),
        "earlier": charts.line([float(one) for one in view.last_week_line], top=top, of=count)
        if any(view.last_week_line)
        else "",
        "now_x": f"{now_share:.2f}%",
        "grid": [_grid(top, top), _grid(half, top)],
        "labels": _labels(view, vendor, count),
        "failures": _failures(view, vendor, count),
        "weekday": f"{local_time(view.now, vendor.time_zone):%A}",
        "name": (
            f"Steps carried out every {span(view.bin)} over the last 24 hours, and planned for the next 12. "
            f"Highest {max(view.done)} at {peak_at:%H:%M}."
        ),
        "table": _table(view, vendor),
        "empty": not any(view.done) and not any(view.planned),
    }


def _grid(value: float, top: float) -> dict[str, str]:
    y = PLOT_TOP + PLOT_HEIGHT * charts.y_of(value, top=top) / charts.HEIGHT
    return {"y": f"{y:.1f}", "text_y": f"{y - 5:.1f}", "text": f"{value:g}"}


def _labels(view: Overview, vendor: Vendor, count: int) -> list[Label]:
    """Name every sixth hour, with the day where it changes; now has its own."""
    whole = view.bin * (count - 1)
    now_local = local_time(view.now, vendor.time_zone)
    labels = [Label(f"{(len(view.done) - 1) / (count - 1) * 100:.2f}%", f"now {now_local:%H:%M}", "s mid")]
    hour = view.chart_since.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    while hour < view.now + AHEAD:
        local = local_time(hour, vendor.time_zone)
        near_now = abs(hour - view.now) < timedelta(hours=2, minutes=30)
        share = (hour - view.chart_since) / whole * 100
        if local.hour % 6 == 0 and not near_now and 3 < share < 97:  # noqa: PLR2004 a label needs room
            labels.append(
                Label(f"{share:.2f}%", f"{local:%a %H:%M}" if local.hour == 0 else f"{local:%H:%M}", "mid")
            )
        hour += timedelta(hours=1)
    return labels


def _failures(view: Overview, vendor: Vendor, count: int) -> list[dict[str, str]]:
    marks = []
    for index, number in enumerate(view.failed):
        if number:
            at = local_time(view.chart_since + view.bin * index, vendor.time_zone)
            marks.append({"x": f"{index / (count - 1) * 100:.2f}%", "text": f"{number} failed, {at:%H:%M}"})
    return marks


def _table(view: Overview, vendor: Vendor) -> list[dict[str, Any]]:
    """Give the chart's data hour by hour, for whoever does not see it."""
    per_hour = int(timedelta(hours=1) / view.bin)
    rows = []
    for at in range(0, len(view.done), per_hour):
        local = local_time(view.chart_since + view.bin * at, vendor.time_zone)
        rows.append(
            {
                "hour": f"{local:%a %H:%M}",
                "done": sum(view.done[at : at + per_hour]),
                "failed": sum(view.failed[at : at + per_hour]),
            }
        )
    return rows[: int(BACK / timedelta(hours=1)) + 1]


def states(view: Overview) -> dict[str, Any]:
    """Give where couples stand, as a bar of shares and as a list."""
    one = view.standing
    rows = [
        ("plan", "plan", "Waiting for their moment", one.waiting, True),
        ("wait", "wait", "Waiting for a date", one.no_date, False),
        ("run", "run", "Being carried out now", one.running, True),
        ("pause", "pause", "Paused", one.paused, True),
        ("warn", "late", "Late", one.late, False),
        ("danger", "danger", "Need a person", one.person, True),
    ]
    total = one.total or 1
    return {
        "slices": charts.slices([(kind, count) for _, kind, _, count, _ in rows]),
        "rows": [
            {"mark": mark, "text": text, "count": f"{count:,}", "share": f"{100 * count / total:.1f} %"}
            for mark, _, text, count, always in rows
            if always or count
        ],
    }


def weddings(view: Overview, vendor: Vendor) -> dict[str, Any]:
    """Name the nearest weddings and count the rest."""
    today = local_time(view.now, vendor.time_zone).date()
    rows = [_wedding(one, view=view, today=one.day == today) for one in view.weddings]
    shown = rows[:NAMED]
    rest = len(rows) - len(shown)
    return {
        "today": [row for row in shown if row["today"]],
        "week": [row for row in shown if not row["today"]],
        "rest": f"{rest} more within the week" if rest else "",
    }


def _wedding(one: NearWedding, *, view: Overview, today: bool) -> dict[str, Any]:
    wedding = one.wedding
    begins = local_time(one.begins_at, wedding.time_zone)
    gap = one.begins_at - view.now
    parts = [wedding.city] if wedding.city else []
    if today:
        parts.append(f"{begins:%H:%M}" if wedding.time else "today")
        if wedding.time:
            parts.append(until(one.begins_at, now=view.now))
    else:
        parts.append(f"{begins:%a} {begins.day} {begins:%b}")
        parts.append(
            f"in {span(gap)}" if gap >= timedelta(hours=SPAN_HOURS) else until(one.begins_at, now=view.now)
        )
    return {
        "today": today,
        "name": one.name,
        "client_id": one.client_id,
        "where": ", ".join(parts),
        "tickets": one.tickets,
        "due": one.due,
    }


def context(view: Overview, vendor: Vendor) -> dict[str, Any]:
    """Give the template everything it prints."""
    strong, rest, link = sentence(view)
    return {
        "strong": strong,
        "rest_before": rest.partition(link)[0] if link else rest,
        "link": link,
        "rest_after": rest.partition(link)[2] if link else "",
        "figures": figures(view, vendor),
        "chart": chart(view, vendor),
        "states": states(view),
        "weddings": weddings(view, vendor),
        "queues": [
            {"name": one.name, "words": one.words, "due": f"{one.due:,}", "oldest": age(one.oldest_seconds)}
            for one in view.queues
        ],
        "running": view.running,
        "tickets_open": view.tickets_open,
        "now": view.now,
    }
